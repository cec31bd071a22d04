"""A line of the command's input: a row for the service, or what is wrong with it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from phone_numbers.services.bulk_attach import Row

# As `numbers_phonenumber_number_e164` stores them: E.164, or the digits of a short code.
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[1-9][0-9]{4,5}", re.ASCII)


class LineCode(StrEnum):
    """What can be wrong with a line, beside what the service answers for a row."""

    NOT_UTF8 = "NOT_UTF8"
    NUL = "NUL"
    BAD_COLUMNS = "BAD_COLUMNS"
    BAD_NUMBER = "BAD_NUMBER"
    BAD_ID = "BAD_ID"
    BAD_ACTION = "BAD_ACTION"
    REPEATED = "REPEATED"


@dataclass(frozen=True, slots=True)
class Line:
    """`number` is what the report calls it; `place` is its line in the file, or its place among the arguments."""

    place: int
    number: str
    row: Row | None
    code: str = ""
    message: str = ""


def bad_line(place: int, number: str, code: str, message: str) -> Line:
    """A line that is reported and not run."""
    return Line(place, number, None, code, message)
