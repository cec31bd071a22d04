"""Identifiers: UUIDv7 for rows, ULID for requests."""

import re
from uuid import UUID

import uuid_utils.compat
from ulid import ULID

_HYPHENATED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def uuid7() -> UUID:
    """A new row id: time-ordered (RFC 9562, version 7), so that an index grows at its end."""
    return uuid_utils.compat.uuid7()


def new_request_id() -> str:
    """A new request id: a ULID of 26 characters."""
    return str(ULID())


def parse_uuid(text: object) -> UUID | None:
    """The id that `text` spells, or None.

    A valid id is a string of 36 characters in the hyphenated hex form, either case. Braces, `urn:uuid:`, bare hex
    and surrounding white space, all of which `uuid.UUID` would take, are no ids here.
    """
    if isinstance(text, str) and _HYPHENATED.fullmatch(text):
        return UUID(text)
    return None
