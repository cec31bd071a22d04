"""Read a file of an inventory: a document, or a CSV of phone numbers, whose rows become entries of a document.

A CSV has no campaigns: numbers are attached by the rules of an attach, which a document does not ask for.
"""

from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError as DjangoValidationError
from pydantic import TypeAdapter, ValidationError

from accounts.models import Organization
from agentmessage.csv_records import BrokenRecord, CsvTable, UnreadableFile, cell_at, is_filled, letters
from agentmessage.errors import shown
from agentmessage.ids import uuid7
from inventory.reading import LINE, Inventory, InventoryRefused, Problem, decode, problem_of, read_inventory
from inventory.schema import PhoneNumberEntry
from phone_numbers.e164 import NUMBER_TITLES, to_e164, type_of
from phone_numbers.models import NumberState, PhoneNumber

# What the columns may be called, by the key of an entry; the first title is the column's name.
COLUMNS: dict[str, tuple[str, ...]] = {
    "organization": ("organization", "organization slug", "slug"),
    "number": NUMBER_TITLES,
    "number_type": ("number type", "type"),
    "state": ("state",),
    "carrier": ("carrier account", "carrier", "account", "provider account", "provider"),
    "label": ("label",),
    "inbound_url": ("inbound URL",),
    "status_url": ("status URL",),
}
REQUIRED = ("organization", "number")
_KEYS = {letters(title): key for key, titles in COLUMNS.items() for title in titles}
_NAMES = ", ".join(titles[0] for titles in COLUMNS.values())
_BATCH = 10_000
_ENTRY = TypeAdapter(PhoneNumberEntry)

_Row = tuple[int, str, dict[str, str]]
"""The line, the number in its stored form, and the filled cells by key."""


class Parsed(NamedTuple):
    """The entries of a file. Of a CSV, `lines` has the line of each number of each organization."""

    inventory: Inventory
    problems: Sequence[Problem] = ()
    lines: Sequence[Sequence[int]] = ()


def read_file(document: bytes) -> Parsed:
    """Return what a file says. A CSV is recognized by its header.

    Raises:
        InventoryRefused: The file cannot be read, or the document has problems of its own. Those of a CSV's rows are
            returned, beside the entries of the others.
    """
    text = decode(document)
    if text.lstrip()[:1] in ("{", "["):
        return Parsed(read_inventory(document))
    try:
        table = CsvTable(StringIO(text, newline=""), known=_KEYS)
    except UnreadableFile as error:
        raise InventoryRefused(f"it {error}") from error
    if not {letters(title) for key in REQUIRED for title in COLUMNS[key]} & set(table.titles):
        return Parsed(read_inventory(document))
    keys = _keys(table)
    problems: list[Problem] = []
    rows = list(_rows(table, keys, problems))
    if not rows and not problems:
        raise InventoryRefused("it has no rows after the header")
    return _entries(rows, problems)


def _keys(table: CsvTable) -> list[str | None]:
    """Return the key of each column."""
    for title in filter(None, table.titles):
        if "campaign" in title:
            raise InventoryRefused(
                f"it has a column {shown(title)}, and a CSV of numbers attaches none: import the numbers without it, "
                "then attach them with manage.py attach_campaign --csv, which reads the same file"
            )
        if title not in _KEYS:
            raise InventoryRefused(f"it has an unknown column {shown(title)}; the columns are {_NAMES}")
    keys = [_KEYS.get(title) for title in table.titles]
    for key, (name, *_) in COLUMNS.items():
        if keys.count(key) > 1:
            raise InventoryRefused(f"it has more than one column for {name} in its first line, {table.first_line}")
        if key in REQUIRED and key not in keys:
            raise InventoryRefused(f"it has no column for {name} in its first line, {table.first_line}")
    return keys


def _rows(table: CsvTable, keys: Sequence[str | None], problems: list[Problem]) -> Iterator[_Row]:
    """Yield the rows that have a number. What is wrong with the others is added to the problems."""
    first_lines: dict[str, int] = {}
    try:
        for line, cells in table.records():
            if not is_filled(cells):
                continue
            values = {key: cell for index, key in enumerate(keys) if key and (cell := cell_at(cells, index))}
            missing = [key for key in REQUIRED if key not in values]
            try:
                number = to_e164(values.get("number", ""))
            except DjangoValidationError as error:
                number, wrong = "", f"{shown(values.get('number'))} {error.message}"
            if (surplus := table.surplus(cells)) is not None:
                problems.append(Problem((LINE, line), surplus))
            elif missing:
                problems.append(Problem((LINE, line, missing[0]), "is required"))
            elif not number:
                problems.append(Problem((LINE, line, "number"), wrong))
            elif (first := first_lines.setdefault(number, line)) != line:
                problems.append(Problem((LINE, line, "number"), f"{shown(number)} repeats line {first}"))
            else:
                yield line, number, values
    except BrokenRecord as error:
        problems.append(Problem((LINE, table.next_line), str(error)))


def _entries(rows: Sequence[_Row], problems: list[Problem]) -> Parsed:
    """Find the organizations and the numbers that exist, and make entries of the rows."""
    slugs = {values["organization"].lower() for _line, _number, values in rows}
    found = Organization.objects.filter(slug__in=[slug for slug in slugs if "\x00" not in slug])
    organizations = {organization.slug: organization for organization in found}
    inventory: dict[str, Any] = {}
    lines: dict[str, list[int]] = {}
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH)):
        known = PhoneNumber.objects.filter(number__in=[number for _line, number, _values in batch])
        stored = {number: row for number, *row in known.values_list("number", "id", "organization_id", "number_type")}
        for line, number, values in batch:
            phone_number_id, owner_id, number_type = stored.get(number) or (uuid7(), None, type_of(number))
            entry = {"number_type": str(number_type), "state": NumberState.ASSIGNED.value} | values
            entry |= {"id": str(phone_number_id), "number": number}
            slug = entry.pop("organization").lower()
            if slug not in organizations:
                wrong = [("organization", f"{shown(values['organization'])} is not the slug of an organization")]
            elif owner_id not in (None, organizations[slug].id):
                wrong = [("number", f"{shown(number)} is a number of another organization")]
            else:
                wrong = list(_wrong(entry))
            problems += [Problem((LINE, line, key), said) for key, said in wrong]
            if not wrong:
                if "state" not in values:
                    # What is stored is kept.
                    del entry["state"]
                owner = {"id": organizations[slug].id, "slug": slug, "phone_numbers": []}
                inventory.setdefault(slug, owner)["phone_numbers"].append(entry)
                lines.setdefault(slug, []).append(line)
    problems.sort(key=lambda problem: problem.place[1])
    return Parsed(list(inventory.values()), problems, list(lines.values()))


def _wrong(entry: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the values of an entry, by key."""
    try:
        _ENTRY.validate_python(entry)
    except ValidationError as error:
        for place, said in map(problem_of, error.errors(include_url=False)):
            yield str(place[0]), said
