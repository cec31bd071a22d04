"""The envelope of every response: `{"success": true, "data": …}` or `{"success": false, "error": {…}}`.

A key that does not apply is absent, not null. With it come the request ID, entity tags and preconditions.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import parse_etags, parse_http_date_safe
from rest_framework.request import Request

from agentmessage.errors import ErrorCode, PreconditionFailed
from agentmessage.ids import new_request_id

AnyRequest = HttpRequest | Request
# What `If-Match` names on a resource that has no entity tag: `*` matches it, and nothing else does.
_NO_ETAG = 'W/""'
_CONDITIONAL_HEADERS = frozenset({"HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_NONE_MATCH"})


class Envelope(HttpResponse):
    """A response of the API, already rendered. Times become RFC 3339 in UTC with `Z`, IDs lower-case text.

    It ends with a newline, so that a terminal's prompt after curl is on its own line.
    """

    def __init__(self, body: Mapping[str, Any], *, status: int = 200) -> None:
        content = orjson.dumps(body, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
        super().__init__(content, status=status, content_type="application/json")
        self["Content-Length"] = str(len(content))


def success(data: Any, *, meta: Mapping[str, Any] | None = None, status: int = 200) -> Envelope:
    """Return the response to a call that succeeded. Lists carry `meta`."""
    body = {"success": True, "data": data}
    if meta is not None:
        body["meta"] = meta
    return Envelope(body, status=status)


def failure(
    code: ErrorCode, message: str, *, request_id: str, status: int, details: Mapping[str, str] | None = None
) -> Envelope:
    """Return the response to a call that was refused."""
    error: dict[str, Any] = {"code": code, "message": message, "request_id": request_id}
    if details:
        error["details"] = details
    return Envelope({"success": False, "error": error}, status=status)


def assign_request_id(request: HttpRequest) -> str:
    """Give the request a new ID, a ULID. What the client sends as one is ignored."""
    request_id = new_request_id()
    request.request_id = request_id  # type: ignore[attr-defined]  # Django's way to pass something on with a request.
    return request_id


def request_id_of(request: AnyRequest) -> str:
    """Return the ID of the request."""
    request_id: str = request.request_id  # type: ignore[union-attr]  # As above; DRF's request passes it through.
    return request_id


def etag_of(response: HttpResponse) -> str:
    """Return the entity tag of what the response shows (RFC 9110, section 8.8.3)."""
    return f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'


def success_with_etag(request: AnyRequest, data: Any) -> HttpResponse:
    """Return one resource with its ETag, or 304 if the client has it."""
    return with_etag(request, success(data), cache_control="private, no-cache")


def with_etag(request: AnyRequest, response: HttpResponse, *, cache_control: str) -> HttpResponse:
    """Return the response with its ETag, or 304 without a body if `If-None-Match` names that tag."""
    etag = etag_of(response)
    known = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    # The comparison is the weak one: a proxy that compresses may have marked the tag as weak.
    if "*" in known or etag in (tag.removeprefix("W/") for tag in known):
        response = HttpResponse(status=304)
        del response["Content-Type"]
    response["ETag"] = etag
    response["Cache-Control"] = cache_control
    return response


def has_preconditions(request: AnyRequest) -> bool:
    """Return whether a write may go on only in a certain state of the resource."""
    return not _CONDITIONAL_HEADERS.isdisjoint(request.META)


def check_preconditions(request: AnyRequest, *, etag: str = _NO_ETAG, modified_at: datetime | None = None) -> None:
    """Refuse a write whose conditional headers do not hold (RFC 9110, section 13.2.2).

    A header that cannot be read does not hold: the client asked for a guard, so the write must not run without one.
    Where no time of the last modification is known, only a time that has not passed is later than all of them.

    Raises:
        PreconditionFailed: `If-Match`, `If-Unmodified-Since` or `If-None-Match` does not hold.
    """
    meta = request.META
    match, since = meta.get("HTTP_IF_MATCH"), meta.get("HTTP_IF_UNMODIFIED_SINCE")
    if match is not None:
        is_readable = bool(parse_etags(match))
    else:
        is_readable = since is None or parse_http_date_safe(since) is not None
    modified = int((modified_at or datetime.now(UTC)).timestamp())
    if not is_readable or get_conditional_response(request, etag, modified) is not None:
        raise PreconditionFailed
