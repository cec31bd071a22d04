"""The rows of a bulk attach: from a CSV, or what is wrong with one of its records."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from io import TextIOWrapper
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError

from agentmessage.csv_records import BrokenRecord, CsvTable, UnreadableFile, cell_at, is_filled, letters
from agentmessage.errors import ErrorCode, shown
from agentmessage.files import SIGNATURE_LENGTH, binary_format
from agentmessage.ids import parse_uuid
from campaigns.models import TCR_CAMPAIGN_ID, Campaign
from phone_numbers.e164 import NUMBER_TITLES, plain_text, to_e164
from phone_numbers.services.bulk_attach import Row

_TCR = re.compile(TCR_CAMPAIGN_ID)
_DETACH = ("delete", "off")

_NUMBERS = (*NUMBER_TITLES, "phone number ID")
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


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns say what."""

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
    table = CsvTable(file, known=_MEANINGS)
    return _read_rows(table, _find_columns(table, needs_campaign=campaign_id is None), names, campaign_id)


_MEANINGS = {
    **{letters(title): "number" for title in _NUMBERS},
    **{letters(title): "campaign" for title in _CAMPAIGNS},
    "action": "action",
}


def _find_columns(table: CsvTable, *, needs_campaign: bool) -> _Columns:
    columns: dict[str, list[int]] = {"number": [], "campaign": [], "action": []}
    for index, title in enumerate(table.titles):
        if title in _MEANINGS:
            columns[_MEANINGS[title]].append(index)
    needed = ("number", "campaign") if needs_campaign else ("number",)
    for name in needed:
        if not columns[name]:
            raise UnreadableFile(f"has no column for the {name} in its first line, {table.first_line}; {_ACCEPTED}")
    for name in (*needed, "action"):
        if len(columns[name]) > 1:
            raise UnreadableFile(f"has more than one column for the {name} in its first line, {table.first_line}")
    return _Columns(
        number=columns["number"][0],
        is_id=table.titles[columns["number"][0]] == letters("phone number ID"),
        campaign=columns["campaign"][0] if needs_campaign else None,
        action=columns["action"][0] if columns["action"] else None,
    )


def _read_rows(table: CsvTable, columns: _Columns, names: CampaignNames, campaign_id: UUID | None) -> Iterator[Line]:
    """Yield every record that has a value in a cell."""
    has_rows = has_cells = False
    try:
        for place, cells in table.records():
            line = _read_cells(place, cells, table, columns, names, campaign_id)
            if line.row is not None or is_filled(cells):
                has_rows = True
                yield line
            has_cells = has_cells or len(cells) > 1
    except BrokenRecord as error:
        yield bad_line(table.next_line, "", LineCode.BAD_QUOTES, str(error))
        return
    if has_cells and not has_rows:
        yield bad_line(table.next_line, "", LineCode.NO_ROWS, "no row after the header has a value")


def _read_cells(
    place: int, cells: list[str], table: CsvTable, columns: _Columns, names: CampaignNames, campaign_id: UUID | None
) -> Line:
    number = cell_at(cells, columns.number)
    if (surplus := table.surplus(cells)) is not None:
        return bad_line(place, number, LineCode.BAD_COLUMNS, surplus)
    if columns.action is not None and cell_at(cells, columns.action).lower() in _DETACH:
        return bad_line(place, number, LineCode.BAD_ACTION, "the line detaches; this command attaches")
    try:
        phone_number = _read_phone_number_id(number) if columns.is_id else read_number(number)
        if columns.campaign is not None:
            campaign_id = names.find(cell_at(cells, columns.campaign))
    except BadValue as error:
        return bad_line(place, number, error.code, str(error))
    assert campaign_id is not None  # noqa: S101  (A file without the column is read with a campaign for all.)
    return Line(place, str(phone_number), Row(phone_number, campaign_id))
