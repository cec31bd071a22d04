"""Domain errors: a code, a sentence, and details. They know no HTTP: `agentmessage.api.errors` has the statuses."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """Every code that /v1 can answer."""

    INVALID_INPUT = "INVALID_INPUT"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    CAMPAIGN_NOT_ACTIVE = "CAMPAIGN_NOT_ACTIVE"
    BRAND_NOT_VERIFIED = "BRAND_NOT_VERIFIED"
    NUMBER_NOT_ASSIGNED = "NUMBER_NOT_ASSIGNED"
    NOT_FAILED = "NOT_FAILED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"


class DomainError(Exception):
    """A refusal with a code and a sentence; the base of every error that a service raises.

    `details` maps a field to one sentence about it.
    """

    code: ClassVar[ErrorCode]
    message: ClassVar[str]

    def __init__(self, message: str | None = None, *, details: Mapping[str, str] | None = None) -> None:
        self.sentence = message or self.message
        self.details = dict(details) if details else None
        super().__init__(self.sentence)


class NotFound(DomainError):
    """No such thing in the caller's organization. The same answer whether it exists elsewhere or nowhere."""

    code = ErrorCode.NOT_FOUND
    message = "not found"


class ValidationFailed(DomainError):
    """A field or a whole body that cannot be taken; `details` names each field."""

    code = ErrorCode.VALIDATION_FAILED
    message = "validation failed"


class InvalidInput(DomainError):
    """A field, parameter or cursor that the endpoint does not take; the sentence says which."""

    code = ErrorCode.INVALID_INPUT
    message = "invalid input"
