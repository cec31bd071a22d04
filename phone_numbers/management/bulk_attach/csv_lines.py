"""The rows of a bulk attach: from a CSV, or what is wrong with a line of it.

The CSV is read line by line, so that a file of any length takes the same memory and a broken line breaks no other. A
quoted cell cannot go over the end of its line, since no number has a line break in it.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from uuid import UUID

from agentmessage.errors import ErrorCode
from agentmessage.ids import parse_uuid
from campaigns.models import TCR_CAMPAIGN_ID, Campaign
from phone_numbers.services.bulk_attach import Row

# As `numbers_phonenumber_number_e164` stores them: E.164, or the digits of a short code.
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[1-9][0-9]{4,5}", re.ASCII)
_TCR = re.compile(TCR_CAMPAIGN_ID)
_BOM = b"\xef\xbb\xbf"
_DETACH = {"delete", "off"}


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


class CampaignNames:
    """Looks each name up once. An id is not looked up: whether the organization has it is the service's rule 2."""

    def __init__(self, organization_id: UUID) -> None:
        self._by_tcr_id: dict[str | None, UUID] = dict(
            Campaign.objects.filter(organization_id=organization_id, tcr_campaign_id__isnull=False).values_list(
                "tcr_campaign_id", "id"
            )
        )
        self._known: dict[str, UUID | str] = {}

    def find(self, name: str) -> UUID | str:
        """The campaign's id; for a name that is none, the sentence that says so; for a TCR id of nobody here, ""."""
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> UUID | str:
        if _TCR.fullmatch(name):
            return self._by_tcr_id.get(name, "")
        return parse_uuid(name) or "must be a campaign's UUID, or its TCR id of C and 6 to 11 capitals and digits"


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a file has what. `campaign` is None where the command names the campaign."""

    count: int
    number: int
    is_id: bool = False
    campaign: int | None = None
    action: int | None = None
    is_bandwidth: bool = False


def read_csv(file: Iterable[bytes], *, names: CampaignNames, campaign_id: UUID | None) -> Iterator[Line]:
    """The lines after the header. `campaign_id` stands for all of them if it is given.

    Raises UnreadableFile for an empty file and for a header that does not say enough.
    """
    lines = enumerate(file, start=1)
    columns, held_back = _read_header(lines, needs_campaign=campaign_id is None)
    rest = lines if held_back is None else chain([held_back], lines)
    return (line for place, raw in rest for line in _read_line(place, raw, columns, names, campaign_id))


def _read_header(
    lines: Iterator[tuple[int, bytes]], *, needs_campaign: bool
) -> tuple[Columns, tuple[int, bytes] | None]:
    first = next(((place, raw) for place, raw in lines if raw.removeprefix(_BOM).strip()), None)
    if first is None:
        raise UnreadableFile("is empty")
    try:
        header = _cells(first[1].removeprefix(_BOM).decode())
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile("has a first line that is no CSV header in UTF-8") from error
    titles = [title.strip() for title in header]
    if titles[0].upper() == "TN":
        return _read_bandwidth_header(titles, lines, needs_campaign=needs_campaign)
    number = next((name for name in ("phone_number_id", "number") if name in titles), None)
    if number is None:
        raise UnreadableFile("has neither a column number nor phone_number_id in its first line")
    campaign = next((name for name in ("campaign_id", "tcr_campaign_id") if name in titles), None)
    if campaign is None and needs_campaign:
        raise UnreadableFile("has neither a column campaign_id nor tcr_campaign_id; name one with --campaign")
    return (
        Columns(
            count=len(titles),
            number=titles.index(number),
            is_id=number == "phone_number_id",
            campaign=titles.index(campaign) if campaign and needs_campaign else None,
        ),
        None,
    )


def _read_bandwidth_header(
    first: list[str], lines: Iterator[tuple[int, bytes]], *, needs_campaign: bool
) -> tuple[Columns, tuple[int, bytes] | None]:
    """`TN,A2pSettings,…`, whose second line names the parts of A2pSettings (CampaignId, Action, …)."""
    second = next(lines, None)
    parts = _cells(second[1].decode(errors="replace")) if second is not None else []
    is_header = not any(character.isdigit() for character in parts[0]) if parts else False
    titles = [
        _letters(title + (parts[index] if is_header and index < len(parts) else ""))
        for index, title in enumerate(first)
    ]
    campaign = next((index for index, title in enumerate(titles) if title.endswith("campaignid")), None)
    if campaign is None and needs_campaign:
        raise UnreadableFile("is a Bandwidth export without a CampaignId; name a campaign with --campaign")
    columns = Columns(
        count=len(titles),
        number=0,
        campaign=campaign if needs_campaign else None,
        action=next((index for index, title in enumerate(titles) if title.endswith("action")), None),
        is_bandwidth=True,
    )
    return columns, None if is_header else second


def _letters(title: str) -> str:
    return "".join(character for character in title.lower() if character.isalnum())


def _cells(line: str) -> list[str]:
    line = line.rstrip("\r\n")
    return next(csv.reader([line], strict=True), []) if '"' in line else line.split(",")


def _read_line(
    place: int, raw: bytes, columns: Columns, names: CampaignNames, campaign_id: UUID | None
) -> Iterator[Line]:
    """The line, or nothing of a blank one."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        yield bad_line(place, "", LineCode.NOT_UTF8, "the line is not UTF-8")
        return
    if not text.strip():
        return
    if "\x00" in text:
        yield bad_line(place, "", LineCode.NUL, "the line has a NUL character")
        return
    try:
        cells = _cells(text)
    except csv.Error as error:
        yield bad_line(place, "", LineCode.BAD_COLUMNS, f"the line is no CSV: {error}")
        return
    if len(cells) != columns.count:
        found = f"the line has {len(cells)} columns instead of {columns.count}"
        yield bad_line(place, cells[0].strip(), LineCode.BAD_COLUMNS, found)
        return
    yield _read_cells(place, cells, columns, names, campaign_id)


def _read_cells(place: int, cells: list[str], columns: Columns, names: CampaignNames, campaign_id: UUID | None) -> Line:
    shown = cells[columns.number].strip()
    phone_number = _phone_number(shown, columns)
    if phone_number is None:
        if columns.is_id:
            return bad_line(place, shown, LineCode.BAD_ID, "phone_number_id must be a UUID")
        return bad_line(place, shown, LineCode.BAD_NUMBER, "number must be E.164, such as +19195550100")
    if columns.action is not None and cells[columns.action].strip().lower() in _DETACH:
        return bad_line(place, shown, LineCode.BAD_ACTION, "the line detaches; this command attaches")
    if columns.campaign is not None:
        campaign = names.find(cells[columns.campaign].strip())
        if campaign == "":
            return bad_line(place, shown, ErrorCode.NOT_FOUND, "not found")
        if isinstance(campaign, str):
            return bad_line(place, shown, LineCode.BAD_ID, f"the campaign {campaign}")
        campaign_id = campaign
    assert campaign_id is not None  # noqa: S101  (A file without the column is read with a campaign for all.)
    return Line(place, str(phone_number), Row(phone_number, campaign_id))


def _phone_number(text: str, columns: Columns) -> UUID | str | None:
    if columns.is_id:
        return parse_uuid(text)
    if columns.is_bandwidth and text.isascii() and text.isdigit():
        # Bandwidth writes ten digits.
        text = f"+1{text}" if len(text) == 10 else f"+{text}" if len(text) == 11 and text[0] == "1" else text
    return text if NUMBER.fullmatch(text) else None
