"""The envelope: `{"success": true, "data": …}` or `{"success": false, "error": {…}}`.

A key that does not apply is absent, not null.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse

from agentmessage.errors import ErrorCode


class Envelope(HttpResponse):
    """An answer of the API, already rendered. Times become RFC 3339 in UTC with `Z`, ids lower-case text."""

    def __init__(self, body: Mapping[str, Any], *, status: int = 200) -> None:
        content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
        super().__init__(content, status=status, content_type="application/json")
        self["Content-Length"] = str(len(content))


def success(data: Any, *, meta: Mapping[str, Any] | None = None, status: int = 200) -> Envelope:
    """The answer to a call that did what it says; lists carry `meta`."""
    body = {"success": True, "data": data}
    if meta is not None:
        body["meta"] = meta
    return Envelope(body, status=status)


def failure(
    code: ErrorCode, message: str, *, request_id: str, status: int, details: Mapping[str, str] | None = None
) -> Envelope:
    """The answer to a call that was refused."""
    error: dict[str, Any] = {"code": code, "message": message, "request_id": request_id}
    if details:
        error["details"] = details
    return Envelope({"success": False, "error": error}, status=status)
