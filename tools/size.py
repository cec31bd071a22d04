"""Print how large each room of the code is: files, lines, and SQL statements that are text.

Counts what git tracks, without tests, tools, docs, examples and migrations. A statement is a Python string that has SQL
in it (`SELECT …`, `UPDATE x`, `INSERT INTO`, `DELETE FROM`, `WITH x AS`, `COPY x`); docstrings do not count.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_COUNTED = {"tests", "tools", "docs"}
INNER_ROOMS = {"agentmessage/api", "agentmessage/admin", "agentmessage/db"}
LONGEST_FILE = 400
SQL = re.compile(
    r"(?:^|[\s(\"'])(?:SELECT\s+\S|UPDATE\s+[a-z{\"]|INSERT\s+INTO|DELETE\s+FROM\s+[a-z{\"]|COPY\s+[a-z({\"]|WITH\s+\w+\s+AS\b)"
)


def main() -> None:
    """Print the table, and the files that are longer than 400 lines."""
    files, lines, statements = Counter[str](), Counter[str](), Counter[str]()
    long_files = []
    for path in _python_files():
        text = (ROOT / path).read_text(encoding="utf-8")
        room = _room(path)
        length = text.count("\n")
        files[room] += 1
        lines[room] += length
        statements[room] += _count_statements(text)
        if length > LONGEST_FILE:
            long_files.append(f"{path} has {length} lines")
    rows = [(room, files[room], lines[room], statements[room]) for room in sorted(files)]
    rows.append(("total", files.total(), lines.total(), statements.total()))
    sys.stdout.write(f"{'room':24}{'files':>8}{'lines':>8}{'SQL':>6}\n")
    for row in rows:
        sys.stdout.write("{:24}{:8,}{:8,}{:6}\n".format(*row))
    sys.stdout.writelines(f"longer than {LONGEST_FILE} lines: {entry}\n" for entry in long_files)


def _python_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.py"],  # noqa: S607  (git is found on PATH.)
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = [Path(name) for name in listed.split("\0") if name]
    return [
        path
        for path in paths
        if path.parts[0] not in NOT_COUNTED
        and not {"migrations", "static"} & set(path.parts)
        and (ROOT / path).is_file()
    ]


def _room(path: Path) -> str:
    inner = "/".join(path.parts[:2])
    if inner in INNER_ROOMS:
        return inner
    return path.parts[0] if len(path.parts) > 1 else "(top)"


def _count_statements(text: str) -> int:
    tree = ast.parse(text)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    inside_f_strings = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    } - {id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            count += bool(SQL.search(_text_of(node)))
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and id(node) not in inside_f_strings
        ):
            count += bool(SQL.search(node.value))
    return count


def _text_of(node: ast.JoinedStr) -> str:
    return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)


if __name__ == "__main__":
    main()
