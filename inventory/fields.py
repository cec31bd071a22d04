"""The keys of an entry, and what each takes. Written by hand for speed: a document has a hundred thousand entries."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import TextChoices

from agentmessage.ids import parse_uuid
from inventory.problems import Entry, Problems


class Unfit(ValueError):
    """A value that a key does not take; the text is the sentence about it."""


# Takes any JSON value but null; returns what is kept of it or raises Unfit.
Reader = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an entry. An optional one that is left out keeps what is stored."""

    key: str
    read: Reader
    is_required: bool = True
    is_nullable: bool = False


_OMITTED: Final = object()


def read_entry(
    value: object, fields: tuple[Field, ...], *, entry: Entry, problems: Problems
) -> tuple[tuple[Any, ...], tuple[bool, ...]] | None:
    """The values of the fields, and for each optional field whether it was given. None if it is no object.

    A value with a problem is None: the problem is noted, and nothing of the document will be used.
    """
    if not isinstance(value, dict):
        problems.add("must be an object", entry=entry)
        return None
    values: list[Any] = []
    given: list[bool] = []
    known = 0
    for field in fields:
        found = value.get(field.key, _OMITTED)
        kept: object = None
        if found is _OMITTED:
            if field.is_required:
                problems.add("is required", entry=entry, key=field.key)
        else:
            known += 1
            if found is not None:
                try:
                    kept = field.read(found)
                except Unfit as unfit:
                    problems.add(str(unfit), entry=entry, key=field.key)
            elif not field.is_nullable:
                problems.add("must not be null", entry=entry, key=field.key)
        values.append(kept)
        if not field.is_required:
            given.append(found is not _OMITTED)
    if known != len(value):
        keys = {field.key for field in fields}
        for key in value:
            if key not in keys:
                problems.add("unknown key", entry=entry, key=key)
    return tuple(values), tuple(given)


def uuid(value: object) -> UUID:
    """An id in the hyphenated form."""
    if (found := parse_uuid(value)) is None:
        raise Unfit("must be a UUID")
    return found


def string(value: object) -> str:
    """Any string that the database can hold."""
    if not isinstance(value, str):
        raise Unfit("must be a string")
    if "\x00" in value:
        raise Unfit("must not contain NUL")
    return value


def text(*, longest: int) -> Reader:
    """A string of 1 to `longest` characters, not all of them blank."""

    def read(value: object) -> str:
        found = string(value)
        if not found.strip():
            raise Unfit("must not be empty")
        if len(found) > longest:
            raise Unfit(f"must have at most {longest} characters")
        return found

    return read


def choice(choices: type[TextChoices]) -> Reader:
    """One of the model's words, as it is written there."""
    # Plain strings: the members are strings too, and would be copied into the database one enum look-up at a time.
    values = {str(value): str(value) for value in choices.values}

    def read(value: object) -> str:
        if (found := values.get(string(value))) is None:
            raise Unfit(f"must be one of {', '.join(values)}")
        return found

    return read


def pattern(regex: str, sentence: str) -> Reader:
    """A string that matches as a whole; `sentence` says what the form is."""
    compiled = re.compile(regex, re.ASCII)

    def read(value: object) -> str:
        found = string(value)
        if not compiled.fullmatch(found):
            raise Unfit(sentence)
        return found

    return read


_AUTHORITY_AND_REST = re.compile(r"(https://[^\s/?#]+)(?:[/?#]\S*)?", re.IGNORECASE)
_check_url = URLValidator(schemes=["https"])


def https_url(*, longest: int) -> Reader:
    """An https URL, as the model's field takes it."""

    def read(value: object) -> str:
        found = string(value)
        if len(found) > longest:
            raise Unfit(f"must have at most {longest} characters")
        parts = _AUTHORITY_AND_REST.fullmatch(found)
        if parts is None or not _is_https_authority(parts[1]):
            raise Unfit("must be an https URL")
        return found

    return read


@lru_cache(maxsize=1024)
def _is_https_authority(url: str) -> bool:
    """Whether Django's validator takes scheme and authority; the rest of a URL can be anything but white space.

    The numbers of an inventory share a few hosts, and the validator costs as much as all else about a number.
    """
    try:
        _check_url(url)
    except ValidationError:
        return False
    return True
