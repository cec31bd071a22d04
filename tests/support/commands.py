"""Management commands, run in this process."""

import csv
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from django.core.management import CommandError, call_command


@dataclass
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


def run_command(name: str, *arguments: object) -> Ended:
    """Run a command. The message of a CommandError is on standard error."""
    out, err, code = StringIO(), StringIO(), 0
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    except SystemExit as ended:
        code = int(ended.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


def csv_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV by their header."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
