"""Node and the pinned tools of tools/typescript, or a skip that says what is missing."""

import fcntl
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools" / "typescript"


@cache
def tool(name: str) -> str:
    """The path of one of the tools, installed from the lock if they are not yet."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        pytest.skip("needs Node and npm: the TypeScript types are not checked here")
    lock = TOOLS / "package-lock.json"
    stamp = TOOLS / "node_modules" / ".package-lock.json"
    # Tests run in several processes, and one installs.
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.stat().st_mtime < lock.stat().st_mtime:
            try:
                # Without a network it is to say so at once.
                command = [npm, "ci", "--fetch-retries=0", "--fetch-timeout=20000"]
                installed = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, timeout=90)
            except subprocess.TimeoutExpired:
                pytest.skip("npm ci took longer than 90 seconds: the TypeScript types are not checked here")
            if installed.returncode != 0:
                pytest.skip(f"npm ci failed: the TypeScript types are not checked here\n{installed.stderr[-500:]}")
            stamp.touch()
    return str(TOOLS / "node_modules" / ".bin" / name)
