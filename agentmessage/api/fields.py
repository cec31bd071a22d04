"""Reads single fields of a body and of a path."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from agentmessage.api.errors import MalformedPathId
from agentmessage.errors import ValidationFailed
from agentmessage.ids import parse_uuid


def required_uuid(body: Mapping[str, Any], field: str) -> UUID:
    """The id in `field`, as `agentmessage.ids.parse_uuid` takes it. Raises ValidationFailed."""
    if field not in body:
        raise ValidationFailed(details={field: "is required"})
    value = parse_uuid(body[field])
    if value is None:
        raise ValidationFailed(details={field: "must be a UUID, as 36 characters in the hyphenated form"})
    return value


def path_uuid(text: str) -> UUID:
    """The id in the path of a GET, PATCH or DELETE. Raises MalformedPathId."""
    value = parse_uuid(text)
    if value is None:
        raise MalformedPathId(details={"id": "must be a UUID, as 36 characters in the hyphenated form"})
    return value
