"""The one place where an exception becomes an HTTP response."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import structlog
from django.http import Http404
from django.http.request import UnreadablePostError
from rest_framework import exceptions

from agentmessage.api.envelope import AnyRequest, Envelope, failure, request_id_of
from agentmessage.database_errors import log_trouble
from agentmessage.errors import MOST_SHOWN, DomainError, ErrorCode, InvalidInput, ValidationFailed

log = structlog.get_logger(__name__)


class ErrorKind(NamedTuple):
    """How an error code is answered, and what it means to the caller."""

    status: int
    description: str


# The one table of errors; the message of each code is the code's own. `description` is public text.
ERRORS: Mapping[ErrorCode, ErrorKind] = {
    ErrorCode.INVALID_INPUT: ErrorKind(
        400, "An unknown field or query parameter, or an invalid cursor; the message says which."
    ),
    ErrorCode.UNAUTHORIZED: ErrorKind(401, "The key is missing, unknown, revoked or expired."),
    ErrorCode.FORBIDDEN: ErrorKind(403, "The key lacks the scope."),
    ErrorCode.NOT_FOUND: ErrorKind(404, "Your organization has no such resource."),
    ErrorCode.METHOD_NOT_ALLOWED: ErrorKind(
        405, "The route does not support the method; `Allow` lists those it supports."
    ),
    ErrorCode.CAMPAIGN_NOT_ACTIVE: ErrorKind(409, "The campaign is pending, rejected or expired."),
    ErrorCode.BRAND_NOT_VERIFIED: ErrorKind(409, "The campaign's brand is neither VERIFIED nor VETTED_VERIFIED."),
    ErrorCode.NUMBER_NOT_ASSIGNED: ErrorKind(409, "The number is not in use: ordered, porting in, or released."),
    ErrorCode.CAMPAIGN_NUMBER_LIMIT: ErrorKind(
        409,
        "The campaign has as many numbers as carriers allow without a number pool; only if the operator enforces it.",
    ),
    ErrorCode.NUMBER_TYPE_NOT_ELIGIBLE: ErrorKind(
        409, "The operator does not allow numbers of this type on campaigns."
    ),
    ErrorCode.NOT_FAILED: ErrorKind(409, "There is no failed propagation to retry."),
    ErrorCode.PRECONDITION_FAILED: ErrorKind(
        412, "`If-Match` or `If-Unmodified-Since` does not hold; nothing was changed."
    ),
    ErrorCode.PAYLOAD_TOO_LARGE: ErrorKind(413, "The body is larger than the limit (1 MiB by default)."),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: ErrorKind(
        415, "The body is declared as something other than JSON, or with a `Content-Encoding`."
    ),
    ErrorCode.VALIDATION_FAILED: ErrorKind(422, "The input is invalid; `details` has a message for each field."),
    ErrorCode.RATE_LIMITED: ErrorKind(
        429, "Too many requests, or wrong keys from your address; wait for `Retry-After` seconds."
    ),
    ErrorCode.INTERNAL_ERROR: ErrorKind(500, "Unexpected error. Contact support and quote the request ID."),
    ErrorCode.SERVICE_UNAVAILABLE: ErrorKind(
        503, "The database is unavailable, or busy for too long; wait for `Retry-After` seconds."
    ),
}

# Seconds. A failover or a restart of PostgreSQL takes about as long.
RETRY_AFTER = 5

_FRAMEWORK_CODES: Mapping[type[Exception], ErrorCode] = {
    exceptions.NotAuthenticated: ErrorCode.UNAUTHORIZED,
    exceptions.AuthenticationFailed: ErrorCode.UNAUTHORIZED,
    exceptions.PermissionDenied: ErrorCode.FORBIDDEN,
    exceptions.MethodNotAllowed: ErrorCode.METHOD_NOT_ALLOWED,
    exceptions.UnsupportedMediaType: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    exceptions.Throttled: ErrorCode.RATE_LIMITED,
    Http404: ErrorCode.NOT_FOUND,
}


class MalformedPathId(DomainError, code=ErrorCode.VALIDATION_FAILED):
    """An ID in the path of GET, PATCH or DELETE that is not a UUID: VALIDATION_FAILED, but 400 instead of 422."""


class PayloadTooLarge(DomainError, code=ErrorCode.PAYLOAD_TOO_LARGE):
    """A body over MAX_BODY_BYTES."""


def refuse(request: AnyRequest, code: ErrorCode) -> Envelope:
    """Return the response to a request that is refused with the code's own message."""
    response = failure(code, code.message, request_id=request_id_of(request), status=ERRORS[code].status)
    if code is ErrorCode.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER)
    return response


def render_exception(exception: Exception, context: Mapping[str, Any]) -> Envelope:
    """Return the response to any exception of a view: DRF's exception handler."""
    request: AnyRequest = context["request"]
    if isinstance(exception, exceptions.ValidationError):
        exception = ValidationFailed(details=dict(_messages(exception.detail)))
    elif isinstance(exception, UnreadablePostError):
        exception = InvalidInput("the body ended before it was complete")
    if isinstance(exception, DomainError):
        return failure(
            exception.code,
            exception.message,
            request_id=request_id_of(request),
            status=400 if isinstance(exception, MalformedPathId) else ERRORS[exception.code].status,
            details=exception.details,
        )
    code = next(
        (code for kind, code in _FRAMEWORK_CODES.items() if isinstance(exception, kind)),
        None,
    )
    response = refuse(request, code or log_unexpected(exception))
    if code is ErrorCode.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    elif code is ErrorCode.RATE_LIMITED:
        response["Retry-After"] = str(getattr(exception, "wait", None) or RETRY_AFTER)
    return response


def log_unexpected(exception: BaseException | None) -> ErrorCode:
    """Log an exception that no view expects, and return its code: database trouble, or a defect."""
    if log_trouble(exception) is not None:
        return ErrorCode.SERVICE_UNAVAILABLE
    log.error("request.failed", exc_info=exception)
    return ErrorCode.INTERNAL_ERROR


def _messages(detail: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the first message about each field that a serializer refused. `ids[3]` is an entry of a list.

    Of a list, the first entries are named and the others counted.
    """
    if not isinstance(detail, dict):
        yield place, str(detail[0])
        return
    entries = 0
    for key, inner in detail.items():
        if isinstance(key, int):
            entries += 1
            if entries <= MOST_SHOWN:
                yield from _messages(inner, f"{place}[{key}]")
        else:
            yield from _messages(inner, f"{place}.{key}" if place else key)
    if entries > MOST_SHOWN:
        yield place, f"{entries - MOST_SHOWN} more of its entries cannot be accepted"
