"""CSV that is safe to open in a spreadsheet."""

import csv
import io

import pytest

from agentmessage.files import CsvWriter


def _written(cell: object) -> str:
    file = io.StringIO(newline="")
    CsvWriter(file, ("head",)).write((cell,))
    file.seek(0)
    return list(csv.reader(file))[1][0]


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "  =1",
        "\N{NO-BREAK SPACE}=1",
        "\u200b@x",
        "\x00=1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        "\N{FULLWIDTH PLUS SIGN}1",
        "\N{FULLWIDTH HYPHEN-MINUS}1",
        "\N{FULLWIDTH COMMERCIAL AT}x",
        "+1919255010O",
        "+19192550100\n=1",
        "+19192550100,=1",
        "+",
    ],
)
def test_what_a_spreadsheet_would_execute_becomes_text(cell: str) -> None:
    assert _written(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["+19192550100", "22764", "", " ", "a=1", "1-2", "\u200b", "(919)", '"=1"'])
def test_other_cells_are_written_unchanged(cell: str) -> None:
    assert _written(cell) == cell
