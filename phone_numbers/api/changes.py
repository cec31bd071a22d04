"""Reads the body of PATCH /v1/phone-numbers/{id}."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from agentmessage.api.query import has_control_characters
from agentmessage.errors import InvalidInput, ValidationFailed
from agentmessage.ids import parse_uuid
from phone_numbers.models import PhoneNumber

_URLS = ("inbound_url", "status_url")
_FIELDS = (*_URLS, "label", "campaign_id")
_is_https = URLValidator(schemes=["https"])


@dataclass(frozen=True, slots=True)
class Changes:
    """What a body asks for. A field that it leaves out, or null, is not in `fields`; None there clears."""

    fields: dict[str, str | None]
    campaign_id: UUID | None


def read_changes(body: Mapping[str, Any]) -> Changes:
    """The changes that `body` asks for. Raises InvalidInput for a key that PATCH does not take, ValidationFailed."""
    for name in body:
        if name not in _FIELDS:
            raise InvalidInput(f"unknown field {name!r}; the fields are {', '.join(_FIELDS)}")
    given = {name: value for name, value in body.items() if value is not None}
    wrong = {name: sentence for name, value in given.items() if (sentence := _what_is_wrong(name, value))}
    if wrong:
        raise ValidationFailed(details=wrong)
    campaign_id = parse_uuid(given.pop("campaign_id", None))
    return Changes({name: value or None for name, value in given.items()}, campaign_id)


def _what_is_wrong(name: str, value: object) -> str | None:
    """One sentence about a value that the field cannot take, or None."""
    if name == "campaign_id":
        return None if parse_uuid(value) else "must be a UUID, as 36 characters in the hyphenated form"
    if not isinstance(value, str):
        return "must be a string, or null to leave it as it is"
    if name in _URLS:
        return None if value == "" or _is_url(value) else "must be an https URL of at most 2048 characters"
    if len(value) > PhoneNumber.LABEL_LENGTH or has_control_characters(value):
        return f"must have at most {PhoneNumber.LABEL_LENGTH} characters and no control characters"
    return None


def _is_url(value: str) -> bool:
    if len(value) > PhoneNumber.URL_LENGTH or has_control_characters(value):
        return False
    try:
        _is_https(value)
    except ValidationError:
        return False
    return True
