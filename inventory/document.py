"""From bytes to rows, every one of them judged by itself and against the rest of the document."""

import codecs
import re
from collections import defaultdict
from typing import Any
from uuid import UUID

import orjson

from inventory.fields import read_entry
from inventory.kinds import ALL, OF_AN_ORGANIZATION, ORGANIZATIONS, PHONE_NUMBERS, Kind
from inventory.problems import Entry, InventoryRefused, Problems
from inventory.progress import REPORT_EVERY, Report, Stage
from phone_numbers.e164 import is_e164
from phone_numbers.models import NumberState, NumberType

_SHORT_CODE = re.compile(r"[1-9][0-9]{4,5}")

# The values of `Kind.columns`.
Row = tuple[Any, ...]
# By the name of the kind, in the order of the document.
Inventory = dict[str, list[Row]]


def read_inventory(document: bytes, *, report: Report) -> Inventory:
    """The document's rows. Raises InventoryRefused with the place of each of the first problems."""
    return _Reader(report).read(_parse(document))


def _parse(document: bytes) -> object:
    try:
        # RFC 8259 lets a reader pass over a byte order mark, which some editors write.
        return orjson.loads(document.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise InventoryRefused(_why_not_json(document, error)) from error


def _why_not_json(document: bytes, error: orjson.JSONDecodeError) -> str:
    if not document.strip():
        return "it is empty"
    try:
        document.decode()
    except UnicodeDecodeError as undecodable:
        return f"it is not UTF-8 (byte {undecodable.start})"
    return f"it is not JSON: {error}"


class _Reader:
    """Reads one document. Each entry's objects are let go as soon as its row is made, which halves the memory."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._problems = Problems()
        self._rows: Inventory = {kind.name: [] for kind in ALL}
        # The keys that must not repeat: name, column, and whether only within an organization.
        self._once = {
            kind.name: [
                (key, kind.columns.index(key), key in kind.unique_in_organization)
                for key in kind.unique + kind.unique_in_organization
            ]
            for kind in ALL
        }
        # For each of them (and, where it counts, its organization): the row that has the value.
        self._seen: defaultdict[tuple[str, str, int | None], dict[object, Row]] = defaultdict(dict)
        self._total = 0

    def read(self, root: object) -> Inventory:
        if not isinstance(root, dict):
            raise InventoryRefused("it must be a JSON object with the key organizations")
        for key in root:
            if key != ORGANIZATIONS.name:
                self._problems.add("unknown key", key=key)
        organizations = root.get(ORGANIZATIONS.name)
        if not isinstance(organizations, list):
            sentence = "must be a list" if ORGANIZATIONS.name in root else "is required"
            self._problems.add(sentence, key=ORGANIZATIONS.name)
            organizations = []
        self._total = sum(_length_of(entry, PHONE_NUMBERS.name) for entry in organizations)
        for index, value in enumerate(organizations):
            self._read_organization(value, index)
            organizations[index] = None
        self._problems.raise_if_any()
        return self._rows

    def _read_organization(self, value: object, index: int) -> None:
        lists = {kind.name: value.pop(kind.name, []) for kind in OF_AN_ORGANIZATION} if isinstance(value, dict) else {}
        row = self._read_row(ORGANIZATIONS, value, Entry(index), None)
        for kind in OF_AN_ORGANIZATION:
            values = lists.get(kind.name, [])
            if not isinstance(values, list):
                self._problems.add("must be a list", entry=Entry(index), key=kind.name)
                continue
            for entry_index, entry_value in enumerate(values):
                self._read_row(kind, entry_value, Entry(index, kind.name, entry_index), row[3] if row else None)
                values[entry_index] = None

    def _read_row(self, kind: Kind, value: object, entry: Entry, organization_id: UUID | None) -> Row | None:
        read = read_entry(value, kind.fields, entry=entry, problems=self._problems)
        if read is None:
            return None
        values, given = read
        row = (entry.organization_index, entry.entry_index, organization_id, *values, *given)
        if kind is PHONE_NUMBERS:
            self._judge_phone_number(values, entry)
        self._judge_repeats(kind, row, entry)
        rows = self._rows[kind.name]
        rows.append(row)
        if kind is PHONE_NUMBERS and len(rows) % REPORT_EVERY == 0:
            self._report(Stage.READING, len(rows), self._total)
        return row

    def _judge_phone_number(self, values: tuple[Any, ...], entry: Entry) -> None:
        _id, number, number_type, state, *_, campaign_id = values
        if number is not None and number_type == NumberType.SHORT_CODE:
            if not _SHORT_CODE.fullmatch(number):
                self._problems.add("must be a short code of 5 or 6 digits", entry=entry, key="number")
        elif number is not None and number_type is not None and not is_e164(number):
            self._problems.add("must be E.164", entry=entry, key="number")
        if campaign_id is not None and state == NumberState.AVAILABLE:
            self._problems.add("must be null: a number that is AVAILABLE has none", entry=entry, key="campaign_id")

    def _judge_repeats(self, kind: Kind, row: Row, entry: Entry) -> None:
        for key, column, is_in_organization in self._once[kind.name]:
            value = row[column]
            if value is None:
                continue
            scope = entry.organization_index if is_in_organization else None
            first = self._seen[kind.name, key, scope].setdefault(value, row)
            if first is not row:
                place = Entry(first[0], entry.kind, first[1])
                self._problems.add(f"repeats {place}.{key}", entry=entry, key=key)


def _length_of(entry: object, key: str) -> int:
    values = entry.get(key) if isinstance(entry, dict) else None
    return len(values) if isinstance(values, list) else 0
