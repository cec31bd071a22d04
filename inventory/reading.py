"""Read an inventory document, or say what is wrong with it and where."""

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from agentmessage.errors import LONGEST_SHOWN, MOST_SHOWN, ValidationFailed, shown
from agentmessage.files import binary_format
from inventory.schema import KINDS, NOT_A_UUID, UNIQUE, UNIQUE_IN_ORGANIZATION, Document, OrganizationEntry

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TRAILING_COMMA = re.compile(r",\s*[\]}]")
_DOCUMENT = TypeAdapter(Document)

Inventory = list[OrganizationEntry]
# Keys and indexes from the top of the document, such as ("organizations", 0, "slug"); of a CSV, ("line", 3, "label").
Place = tuple[int | str, ...]
LINE = "line"


class Problem(NamedTuple):
    """A place in the document, or a line of a CSV, and a message about it that names the value."""

    place: Place
    message: str


class InventoryRefused(ValidationFailed):
    """The inventory cannot be loaded, and nothing was changed.

    `details` maps places (`organizations[0].phone_numbers[17].number`) to messages, the first twenty of them; `hidden`
    is the number of the others, and `problems` has all. A document that cannot be read at all has no details.
    """

    message = "the inventory is refused"

    def __init__(self, message: str | None = None, *, problems: Iterable[Problem] = ()) -> None:
        self.problems = list(problems)
        messages: dict[str, str] = {}
        for problem in self.problems:
            messages.setdefault(path_of(problem.place), problem.message)
        super().__init__(message, details=dict(islice(messages.items(), MOST_SHOWN)))
        self.hidden = max(0, len(messages) - MOST_SHOWN)


def read_inventory(document: bytes) -> Inventory:
    """Return the entries of a document.

    Raises:
        InventoryRefused: With every problem of the document itself. What is stored is not consulted.
    """
    text = decode(document)
    _refuse_malformed(text)
    try:
        inventory = _DOCUMENT.validate_json(text)["organizations"]
    except ValidationError as error:
        raise _refusal(error) from error
    if problems := list(_repetitions(inventory)):
        raise InventoryRefused(problems=problems)
    return inventory


def entries(inventory: Inventory, kind: str) -> Iterator[tuple[Place, OrganizationEntry, dict[str, Any]]]:
    """Yield the place of each entry of one kind, its organization, and the entry itself."""
    for index, organization in enumerate(inventory):
        place = ("organizations", index)
        if kind == "organizations":
            yield place, organization, cast("dict[str, Any]", organization)
        else:
            inner = cast("dict[str, Any]", organization).get(kind, ())
            yield from (((*place, kind, number), organization, entry) for number, entry in enumerate(inner))


# The text


def decode(document: bytes) -> str:
    """Return the text of a file. Raises InventoryRefused if it has none."""
    document = document.removeprefix(codecs.BOM_UTF8)
    if not document.strip():
        raise InventoryRefused("it is empty")
    if found := binary_format(document):
        raise InventoryRefused(f"it is {found}; an inventory is JSON, or a CSV of numbers, in UTF-8")
    try:
        return document.decode()
    except UnicodeDecodeError as error:
        line = document.count(b"\n", 0, error.start) + 1
        raise InventoryRefused(f"it is not UTF-8: byte 0x{document[error.start]:02x} in line {line}") from error


def _refuse_malformed(text: str) -> None:
    """Refuse what is not JSON, with line and column, and objects that have a key twice.

    Pydantic's parser, which reads the document afterwards, keeps the last of two equal keys silently.
    """
    repeats = False

    def note_repeats(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeats
        repeats = repeats or len(dict(pairs)) != len(pairs)

    try:
        # Nothing is kept of the document: only its form is of interest. `str`, since a long number would take its time.
        json.loads(text, object_pairs_hook=note_repeats, parse_int=str)
        if repeats:
            tree = json.loads(text, object_pairs_hook=_Pairs, parse_int=str)
            raise InventoryRefused(problems=_repeated_keys(tree, ()))
    except json.JSONDecodeError as error:
        raise InventoryRefused(_why_not_json(text, error)) from error
    except RecursionError as error:
        raise InventoryRefused("it is nested too deeply") from error


class _Pairs(tuple[tuple[str, Any], ...]):
    """The keys and values of an object, repeated keys included."""

    __slots__ = ()


def _repeated_keys(tree: object, place: Place) -> Iterator[Problem]:
    if isinstance(tree, _Pairs):
        seen: set[str] = set()
        for key, value in tree:
            if key in seen:
                yield Problem((*place, key), "the key occurs twice in the same object")
            seen.add(key)
            yield from _repeated_keys(value, (*place, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _repeated_keys(value, (*place, index))


def _why_not_json(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos :].lstrip()
    before = text[: error.pos].rstrip()
    if not rest:
        reason = "the document ends too early"
    elif error.msg == "Extra data" and rest.startswith(("{", "[")):
        reason = "a second document begins here, as in JSON lines; an inventory is one document"
    elif rest.startswith(("//", "/*", "#")):
        reason = "JSON has no comments"
    elif _TRAILING_COMMA.match(rest) or (rest[0] in "]}" and before.endswith(",")):
        reason = "a trailing comma"
    elif rest.startswith("'"):
        reason = "JSON has double quotes"
    elif error.pos == 0:
        reason = f"{error.msg}; the first line of a CSV has a column for the organization and one for the number"
    else:
        reason = error.msg
    return f"it is not JSON: line {error.lineno}, column {error.colno}: {reason}"


# The entries


def _refusal(error: ValidationError) -> InventoryRefused:
    errors = error.errors(include_url=False)
    if errors[0]["loc"]:
        return InventoryRefused(problems=map(problem_of, errors))
    if errors[0]["type"] == "json_invalid":
        return InventoryRefused(f"it is not JSON: {errors[0]['ctx']['error']}")
    return InventoryRefused("it must be a JSON object with the key organizations")


def problem_of(error: ErrorDetails) -> Problem:
    """Return what pydantic found, in words."""
    place = error["loc"]
    match error["type"]:
        case "missing":
            return Problem(place, "is required")
        case "extra_forbidden":
            kind = next((step for step in reversed(place[:-1]) if isinstance(step, str)), "")
            keys = KINDS[kind].__annotations__ if kind else ["organizations"]
            return Problem(place, f"unknown key; the keys are {', '.join(keys)}")
        case "literal_error":
            expected = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
            return Problem(place, f"{shown(error['input'])} is not one of {expected}")
        case "string_type" | "list_type" | "dict_type" as name:
            wanted = {"string_type": "a string", "list_type": "a list", "dict_type": "an object"}[name]
            return Problem(place, f"{shown(error['input'])} is not {wanted}")
        case "string_pattern_mismatch":
            return Problem(place, f"{shown(error['input'])} {NOT_A_UUID}")
        case _:  # "value_error": a message of a validator of the schema.
            return Problem(place, f"{shown(error['input'])} {error['ctx']['error']}")


def _repetitions(inventory: Inventory) -> Iterator[Problem]:
    """Yield the values that more than one entry has and only one may have."""
    for kind, key in UNIQUE:
        yield from _repeated_values(inventory, kind, key, lambda _organization: None)
    for kind, key in UNIQUE_IN_ORGANIZATION:
        yield from _repeated_values(inventory, kind, key, lambda organization: organization["id"])


def _repeated_values(
    inventory: Inventory, kind: str, key: str, scope: Callable[[OrganizationEntry], object]
) -> Iterator[Problem]:
    given = ((place, scope(organization), entry.get(key)) for place, organization, entry in entries(inventory, kind))
    first_places: dict[tuple[object, object], Place] = {}
    for place, within, value in given:
        if value is not None and (first := first_places.setdefault((within, value), place)) is not place:
            yield Problem((*place, key), f"{shown(value)} repeats {path_of(first)}.{key}")


def path_of(place: Place) -> str:
    """Return a place as one writes it in a programming language: organizations[0].slug. Of a CSV: line 3, label."""
    if place[0] == LINE:
        return ", ".join([f"line {place[1]}", *map(str, place[2:])])
    path = "".join(f"[{step}]" if isinstance(step, int) else _step(step) for step in place)
    return path.removeprefix(".")


def _step(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) and len(key) <= LONGEST_SHOWN else f"[{shown(key)}]"
