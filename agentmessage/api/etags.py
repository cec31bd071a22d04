"""Single things with an ETag: a client that polls is told "not modified" (RFC 9110, sections 8.8.3 and 13.1.2)."""

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from rest_framework.request import Request

from agentmessage.api.envelope import success

CACHE_CONTROL = "private, no-cache"


def success_with_etag(request: HttpRequest | Request, data: Any) -> HttpResponse:
    """The answer, or 304 without a body if `If-None-Match` names it already."""
    response: HttpResponse = success(data)
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    known = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    # The comparison is the weak one: a proxy that compresses may have marked the tag as weak.
    if "*" in known or etag in (tag.removeprefix("W/") for tag in known):
        response = HttpResponse(status=304)
        del response["Content-Type"]
    response["ETag"] = etag
    response["Cache-Control"] = CACHE_CONTROL
    return response
