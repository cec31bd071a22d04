"""The one place where an exception becomes an HTTP answer."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions

from agentmessage.api.envelope import Envelope, failure
from agentmessage.api.request_ids import request_id_of
from agentmessage.errors import DomainError, ErrorCode

log = structlog.get_logger(__name__)

STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.INVALID_INPUT: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.CAMPAIGN_NOT_ACTIVE: 409,
    ErrorCode.BRAND_NOT_VERIFIED: 409,
    ErrorCode.NUMBER_NOT_ASSIGNED: 409,
    ErrorCode.NOT_FAILED: 409,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.VALIDATION_FAILED: 422,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
}

MESSAGE: Mapping[ErrorCode, str] = {
    ErrorCode.UNAUTHORIZED: "authentication failed",
    ErrorCode.FORBIDDEN: "missing required scope",
    ErrorCode.NOT_FOUND: "not found",
    ErrorCode.METHOD_NOT_ALLOWED: "method not allowed",
    ErrorCode.PAYLOAD_TOO_LARGE: "payload too large",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "unsupported media type",
    ErrorCode.RATE_LIMITED: "rate limit exceeded",
    ErrorCode.INTERNAL_ERROR: "internal error",
    ErrorCode.SERVICE_UNAVAILABLE: "service unavailable",
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
    RequestDataTooBig: ErrorCode.PAYLOAD_TOO_LARGE,
    Http404: ErrorCode.NOT_FOUND,
    OperationalError: ErrorCode.SERVICE_UNAVAILABLE,
    InterfaceError: ErrorCode.SERVICE_UNAVAILABLE,
}


class MalformedPathId(DomainError):
    """An id in the path of GET, PATCH or DELETE that is no UUID: VALIDATION_FAILED, but 400 instead of 422."""

    code = ErrorCode.VALIDATION_FAILED
    message = "validation failed"


class PayloadTooLarge(DomainError):
    """A body over MAX_BODY_BYTES."""

    code = ErrorCode.PAYLOAD_TOO_LARGE
    message = "payload too large"


def render_exception(exception: Exception, context: Mapping[str, Any]) -> Envelope:
    """DRF's exception handler: every exception of a view ends here, and none goes further."""
    request_id = request_id_of(context["request"])
    if isinstance(exception, DomainError):
        status = 400 if isinstance(exception, MalformedPathId) else STATUS[exception.code]
        return failure(
            exception.code,
            exception.sentence,
            request_id=request_id,
            status=status,
            details=exception.details,
        )
    code = next(
        (code for kind, code in _FRAMEWORK_CODES.items() if isinstance(exception, kind)),
        ErrorCode.INTERNAL_ERROR,
    )
    response = failure(code, MESSAGE[code], request_id=request_id, status=STATUS[code])
    match code:
        case ErrorCode.UNAUTHORIZED:
            response["WWW-Authenticate"] = "Bearer"
        case ErrorCode.RATE_LIMITED:
            response["Retry-After"] = str(getattr(exception, "wait", None) or RETRY_AFTER)
        case ErrorCode.SERVICE_UNAVAILABLE:
            log.error("database_unavailable", error=str(exception))
            response["Retry-After"] = str(RETRY_AFTER)
        case ErrorCode.INTERNAL_ERROR:
            log.error("unhandled_exception", exc_info=exception)
    return response
