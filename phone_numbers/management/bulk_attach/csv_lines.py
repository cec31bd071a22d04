"""The rows of a bulk attach: from a CSV, or what is wrong with one of its records.

Python's own reader finds the records, one at a time, so that a file of any length takes the same memory.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from io import TextIOWrapper
from itertools import chain, islice, zip_longest
from string import whitespace
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError

from agentmessage.errors import ErrorCode, shown
from agentmessage.files import SIGNATURE_LENGTH, binary_format
from agentmessage.ids import parse_uuid
from campaigns.models import TCR_CAMPAIGN_ID, Campaign
from phone_numbers.e164 import plain_text, to_e164
from phone_numbers.services.bulk_attach import Row

# Where the search for the second quotation mark of a pair ends. It holds for the process, which is one command.
csv.field_size_limit(64 * 1024)
_LONGEST_LINE = 1024 * 1024
# The header must be within this many lines.
_HEAD = 50
_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_OTHER_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
# What ends a file of DOS, and what fills it up.
_PADDING = whitespace + "\x1a\x00"
_TCR = re.compile(TCR_CAMPAIGN_ID)
_DETACH = ("delete", "off")

_NUMBERS = ("number", "phone number", "telephone number", "TN", "DID", "E.164", "phone number ID")
_CAMPAIGNS = ("campaign ID", "TCR campaign ID")
_ACCEPTED = f"the accepted headers are {', '.join(_NUMBERS)}; and {', '.join(_CAMPAIGNS)}, unless --campaign names one"


class LineCode(StrEnum):
    """What can be wrong with a record, beside what the service answers for a row."""

    BAD_QUOTES = "BAD_QUOTES"
    BAD_COLUMNS = "BAD_COLUMNS"
    BAD_NUMBER = "BAD_NUMBER"
    BAD_ID = "BAD_ID"
    BAD_ACTION = "BAD_ACTION"
    NO_ROWS = "NO_ROWS"
    REPEATED = "REPEATED"


class Line(NamedTuple):
    """`number` is what the report calls it; `place` is its line in the file, or its place among the arguments."""

    place: int
    number: str
    row: Row | None
    code: str = ""
    message: str = ""
    # An earlier line says the same.
    is_repeat: bool = False


def bad_line(place: int, cell: str, code: str, message: str) -> Line:
    """Return a line that is reported and not run."""
    return Line(place, shown(cell)[1:-1], None, code, message)


class BadValue(ValueError):
    """A code of the report, and a message that quotes the value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_number(text: str) -> str:
    """Return a number in its stored form. Raises BadValue."""
    try:
        return to_e164(text)
    except ValidationError as error:
        raise BadValue(LineCode.BAD_NUMBER, f"{shown(text)} {error.message}") from error


def _read_phone_number_id(text: str) -> UUID:
    if (phone_number_id := parse_uuid(plain_text(text))) is None:
        raise BadValue(LineCode.BAD_ID, f"{shown(text)} is not a UUID")
    return phone_number_id


class CampaignNames:
    """Find campaigns by ID or TCR campaign ID. Whether the organization has an ID is the service's rule 2."""

    def __init__(self, organization_id: UUID) -> None:
        self._by_tcr_id: dict[str | None, UUID] = dict(
            Campaign.objects.filter(organization_id=organization_id, tcr_campaign_id__isnull=False).values_list(
                "tcr_campaign_id", "id"
            )
        )
        # Many rows name few campaigns.
        self.find = lru_cache(maxsize=1024)(self._find)

    def _find(self, text: str) -> UUID:
        """Return the campaign's ID. Raises BadValue."""
        name = plain_text(text)
        if campaign_id := parse_uuid(name):
            return campaign_id
        if not _TCR.fullmatch(name.upper()):
            message = "is not a campaign's UUID, or its TCR campaign ID of C and 6 to 11 letters or digits"
            raise BadValue(LineCode.BAD_ID, f"{shown(text)} {message}")
        found = self._by_tcr_id.get(name.upper())
        if found is None:
            raise BadValue(ErrorCode.NOT_FOUND, f"{shown(text)} is not a TCR campaign ID of this organization")
        return found


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """How cells are separated, how many a row has, and which of them says what."""

    delimiter: str
    header_records: int
    count: int
    number: int
    is_id: bool
    campaign: int | None
    action: int | None


def read_csv(file: "TextIOWrapper[Any]", *, names: CampaignNames, campaign_id: UUID | None) -> Iterator[Line]:
    """Return the rows after the header. `campaign_id` is the campaign of all of them if it is given.

    Args:
        file: Opened with `newline=""`, so that the reader sees every way in which records end.

    Raises:
        UnreadableFile: The file is not a CSV, or its first line does not say where number and campaign are.
    """
    if found := binary_format(file.buffer.peek(SIGNATURE_LENGTH)):
        raise UnreadableFile(f"is {found}; save it as CSV in UTF-8")
    lines = _bounded(file)
    try:
        head = list(islice(lines, _HEAD))
    except csv.Error as error:
        raise UnreadableFile(f"is not CSV: {error}") from error
    start = next((index for index, line in enumerate(head) if line.strip(_PADDING)), None)
    if start is None:
        raise UnreadableFile("is empty")
    separator = _SEPARATOR_LINE.fullmatch(head[start].strip("\r\n"))
    if separator is not None:
        start += 1
    columns = _find_columns(
        head[start:], separator[1] if separator else _DELIMITERS, needs_campaign=campaign_id is None
    )
    return _read_rows(chain(head[start:], lines), start, columns, names, campaign_id)


def _bounded(file: "TextIOWrapper[Any]") -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error("a line is longer than 1 MiB")
        yield line


# The header


def _letters(title: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", title).casefold()))


# Bandwidth's export has the titles TN,A2pSettings,A2pSettings,… and below them the parts: ,CampaignId,Action,…
_GROUP = "a2psettings"
_PARTS = {"campaignid", "action", "messageclass"}
_MEANINGS = {
    **{_letters(title): "number" for title in _NUMBERS},
    **{_letters(title): "campaign" for title in _CAMPAIGNS},
    "action": "action",
}


def _find_columns(head: Sequence[str], delimiters: str, *, needs_campaign: bool) -> _Columns:
    """Recognize the header by its names, and the delimiter by how many names it separates."""
    headers = [(delimiter, *_read_header(head, delimiter)) for delimiter in delimiters]
    delimiter, titles, records = max(headers, key=lambda header: len(_MEANINGS.keys() & header[1]))
    columns: dict[str, list[int]] = {"number": [], "campaign": [], "action": []}
    for index, title in enumerate(titles):
        if title in _MEANINGS:
            columns[_MEANINGS[title]].append(index)
    if _OTHER_LINE_ENDS.search(first_line := head[0] if head else ""):
        raise UnreadableFile(f"has lines that end with neither CR nor LF: {shown(first_line)}")
    needed = ("number", "campaign") if needs_campaign else ("number",)
    first = shown(first_line.strip())
    for name in needed:
        if not columns[name]:
            raise UnreadableFile(f"has no column for the {name} in its first line, {first}; {_ACCEPTED}")
    for name in (*needed, "action"):
        if len(columns[name]) > 1:
            raise UnreadableFile(f"has more than one column for the {name} in its first line, {first}")
    return _Columns(
        delimiter=delimiter,
        header_records=records,
        count=len(titles),
        number=columns["number"][0],
        is_id=titles[columns["number"][0]] == _letters("phone number ID"),
        campaign=columns["campaign"][0] if needs_campaign else None,
        action=columns["action"][0] if columns["action"] else None,
    )


def _read_header(head: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """Return the names of the columns, and how many records they take."""
    found: list[list[str]] = []
    # A record that cannot be read is reported when it is read as a row.
    with suppress(csv.Error):
        records = csv.reader(head, delimiter=delimiter, skipinitialspace=True)
        found += islice(([_letters(cell) for cell in cells] for cells in records if _is_filled(cells)), 2)
    titles = found[0] if found else []
    parts = found[1] if len(found) > 1 else []
    if _GROUP in titles and _PARTS & set(parts):
        return [part or title for title, part in zip_longest(titles, parts, fillvalue="")], 2
    return [title.removeprefix(_GROUP) for title in titles], 1


def _is_filled(cells: Sequence[str]) -> bool:
    return any(cell.strip(_PADDING) for cell in cells)


# The rows


def _read_rows(
    lines: Iterator[str], skipped: int, columns: _Columns, names: CampaignNames, campaign_id: UUID | None
) -> Iterator[Line]:
    """Yield every record that has a value in a cell. `skipped` lines come before the first of `lines`."""
    records = csv.reader(lines, delimiter=columns.delimiter, skipinitialspace=True, strict=True)
    has_rows = has_cells = False
    place = skipped + 1
    try:
        for _ in islice(filter(_is_filled, records), columns.header_records):
            pass
        place = skipped + records.line_num + 1
        for cells in records:
            line = _read_cells(place, cells, columns, names, campaign_id)
            if line.row is not None or _is_filled(cells):
                has_rows = True
                yield line
            has_cells = has_cells or len(cells) > 1
            place = skipped + records.line_num + 1
    except csv.Error as error:
        message = f"a quotation mark is not closed, or a cell is too long: {error}; the rest of the file is not read"
        yield bad_line(place, "", LineCode.BAD_QUOTES, message)
        return
    if has_cells and not has_rows:
        yield bad_line(place, "", LineCode.NO_ROWS, "no row after the header has a value")


def _read_cells(
    place: int, cells: list[str], columns: _Columns, names: CampaignNames, campaign_id: UUID | None
) -> Line:
    number = _cell(cells, columns.number)
    if len(cells) > columns.count and _is_filled(cells[columns.count :]):
        message = f"has {len(cells)} cells and the header {columns.count}; quote cells that have {columns.delimiter!r}"
        return bad_line(place, number, LineCode.BAD_COLUMNS, f"the line {message}")
    if columns.action is not None and _cell(cells, columns.action).lower() in _DETACH:
        return bad_line(place, number, LineCode.BAD_ACTION, "the line detaches; this command attaches")
    try:
        phone_number = _read_phone_number_id(number) if columns.is_id else read_number(number)
        if columns.campaign is not None:
            campaign_id = names.find(_cell(cells, columns.campaign))
    except BadValue as error:
        return bad_line(place, number, error.code, str(error))
    assert campaign_id is not None  # noqa: S101  (A file without the column is read with a campaign for all.)
    return Line(place, str(phone_number), Row(phone_number, campaign_id))


def _cell(cells: Sequence[str], index: int) -> str:
    """Return a cell, or nothing where the row is too short to have it."""
    return cells[index].strip(_PADDING) if index < len(cells) else ""
