"""Domain errors: a code, a message, and details. They know no HTTP: `agentmessage.api.errors` has the statuses."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Self

# A response or a command names this many things that are wrong, and counts the others.
MOST_SHOWN = 20
LONGEST_SHOWN = 60


class ErrorCode(StrEnum):
    """Every code that /v1 can return, with its message."""

    message: str

    INVALID_INPUT = "INVALID_INPUT", "invalid input"
    VALIDATION_FAILED = "VALIDATION_FAILED", "validation failed"
    UNAUTHORIZED = "UNAUTHORIZED", "authentication failed"
    FORBIDDEN = "FORBIDDEN", "missing required scope"
    NOT_FOUND = "NOT_FOUND", "not found"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED", "method not allowed"
    CAMPAIGN_NOT_ACTIVE = "CAMPAIGN_NOT_ACTIVE", "campaign is not active"
    BRAND_NOT_VERIFIED = "BRAND_NOT_VERIFIED", "brand is not verified"
    NUMBER_NOT_ASSIGNED = "NUMBER_NOT_ASSIGNED", "number is not assigned"
    CAMPAIGN_NUMBER_LIMIT = "CAMPAIGN_NUMBER_LIMIT", "campaign is at its number limit"
    NUMBER_TYPE_NOT_ELIGIBLE = "NUMBER_TYPE_NOT_ELIGIBLE", "number type cannot be attached to a 10DLC campaign"
    NOT_FAILED = "NOT_FAILED", "propagation has not failed"
    PRECONDITION_FAILED = "PRECONDITION_FAILED", "precondition failed"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE", "payload too large"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE", "unsupported media type"
    RATE_LIMITED = "RATE_LIMITED", "rate limit exceeded"
    INTERNAL_ERROR = "INTERNAL_ERROR", "internal error"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE", "service unavailable"

    def __new__(cls, code: str, message: str) -> Self:
        """Make a member whose value is the code alone."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.message = message
        return member


class DomainError(Exception):
    """What a service refuses: a code, a message, and in `details` a message for each invalid field."""

    code: ClassVar[ErrorCode]

    def __init_subclass__(cls, code: ErrorCode | None = None) -> None:
        if code is not None:
            cls.code = code

    def __init__(self, message: str | None = None, *, details: Mapping[str, str] | None = None) -> None:
        self.message = message or self.code.message
        self.details = dict(details) if details else None
        super().__init__(self.message)


class NotFound(DomainError, code=ErrorCode.NOT_FOUND):
    """The caller's organization has no such thing. The same answer whether it exists elsewhere or nowhere."""


class ValidationFailed(DomainError, code=ErrorCode.VALIDATION_FAILED):
    """A field or a whole body is not valid; `details` names each field."""


class InvalidInput(DomainError, code=ErrorCode.INVALID_INPUT):
    """The endpoint does not take this field, query parameter or cursor; the message says which."""


class PreconditionFailed(DomainError, code=ErrorCode.PRECONDITION_FAILED):
    """The resource is not in the state that the caller's precondition names. Nothing was changed."""


class ChangedMeanwhile(PreconditionFailed):
    """The number is no longer on the campaign on which it was seen when the change was confirmed."""

    def __init__(self) -> None:
        super().__init__("changed meanwhile: the number is no longer where it was when this was confirmed")


class CampaignNotActive(DomainError, code=ErrorCode.CAMPAIGN_NOT_ACTIVE):
    """The campaign's status is anything but ACTIVE (rule 3 of the attach)."""


class BrandNotVerified(DomainError, code=ErrorCode.BRAND_NOT_VERIFIED):
    """The campaign's brand is neither VERIFIED nor VETTED_VERIFIED (rule 4 of the attach)."""


class NumberNotAssigned(DomainError, code=ErrorCode.NUMBER_NOT_ASSIGNED):
    """The number is in any state but ASSIGNED (rule 6 of the attach)."""


class NumberTypeNotEligible(DomainError, code=ErrorCode.NUMBER_TYPE_NOT_ELIGIBLE):
    """Numbers of this type are not attached here (checked after rule 6, where types are restricted)."""


class CampaignNumberLimit(DomainError, code=ErrorCode.CAMPAIGN_NUMBER_LIMIT):
    """The campaign has as many numbers as its limit allows (checked after rule 6, where it is enforced)."""


class NotFailed(DomainError, code=ErrorCode.NOT_FAILED):
    """There is no failed propagation to retry."""


class MissingScope(DomainError, code=ErrorCode.FORBIDDEN):
    """The caller's key cannot grant a scope that it does not have itself."""


def shown(value: object) -> str:
    """Return a value as JSON, in one line and not too long, with invisible characters escaped."""
    if isinstance(value, dict | list):
        return ("{…}" if isinstance(value, dict) else "[…]") if value else json.dumps(value)
    is_cut = isinstance(value, str) and len(value) > LONGEST_SHOWN
    text = json.dumps(f"{value[:LONGEST_SHOWN]}…" if is_cut else value, ensure_ascii=False, default=str)  # type: ignore[index]  # A string.
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)
    return text if is_cut or len(text) <= 2 * LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
