"""Identifiers: UUIDv7 for rows, ULID for requests."""

import re
from uuid import UUID

import uuid_utils.compat
from ulid import ULID

# The form of a valid ID, for validators that have regular expressions of their own.
HYPHENATED_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_HYPHENATED = re.compile(HYPHENATED_UUID)


def uuid7() -> UUID:
    """Return a new row ID: time-ordered (RFC 9562, version 7), so that an index grows at its end."""
    return uuid_utils.compat.uuid7()


def new_request_id() -> str:
    """Return a new request ID: a ULID of 26 characters."""
    return str(ULID())


def parse_uuid(text: object) -> UUID | None:
    """Parse an ID; return None for anything else.

    A valid ID is a string of 36 characters in the hyphenated hex form, in either case. `uuid.UUID` also accepts braces,
    `urn:uuid:`, bare hex and surrounding white space.
    """
    if isinstance(text, str) and _HYPHENATED.fullmatch(text):
        return UUID(text)
    return None
