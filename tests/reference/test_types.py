"""The TypeScript types are those of the document, and the example that uses them compiles."""

import shutil
import subprocess
from pathlib import Path

from agentmessage.api.document import TYPES, document
from tests.support.typescript import ROOT, TOOLS, tool


def test_the_types_are_up_to_date(tmp_path: Path) -> None:
    generator = tool("openapi-typescript")
    (tmp_path / "openapi.json").write_bytes(document())
    made = tmp_path / "types.d.ts"
    command: list[str | Path] = [generator, tmp_path / "openapi.json", "--output", made]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert made.read_text() == TYPES.read_text(), "out of date: run `make types`"


def test_the_example_compiles_strictly(tmp_path: Path) -> None:
    compiler = tool("tsc")
    shutil.copy(ROOT / "agentmessage" / "static" / "reference" / "examples" / "quickstart.mts", tmp_path)
    shutil.copy(TYPES, tmp_path / "agentmessage.d.ts")
    shutil.copy(TOOLS / "tsconfig.json", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    compiled = subprocess.run([compiler, "-p", tmp_path, "--noEmit"], capture_output=True, text=True, timeout=120)
    assert (compiled.returncode, compiled.stdout) == (0, "")


def test_a_misspelt_field_does_not_compile(tmp_path: Path) -> None:
    """The negative control: the types are really checked."""
    compiler = tool("tsc")
    example = (ROOT / "agentmessage" / "static" / "reference" / "examples" / "quickstart.mts").read_text()
    (tmp_path / "quickstart.mts").write_text(example.replace("carrier_line_option_status", "carrier_status"))
    shutil.copy(TYPES, tmp_path / "agentmessage.d.ts")
    shutil.copy(TOOLS / "tsconfig.json", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    compiled = subprocess.run([compiler, "-p", tmp_path, "--noEmit"], capture_output=True, text=True, timeout=120)
    assert compiled.returncode != 0
    assert "Property 'carrier_status' does not exist on type" in compiled.stdout


def test_the_lock_names_no_registry() -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        text = (TOOLS / name).read_text()
        assert '"resolved"' not in text
        assert "registry=" not in text
