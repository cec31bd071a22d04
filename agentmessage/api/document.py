"""/v1/openapi.json and /v1/types.d.ts: what the API is, for machines. No key is needed to read them."""

import hashlib
from functools import cache
from pathlib import Path

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from agentmessage.api.envelope import failure
from agentmessage.api.errors import MESSAGE, STATUS
from agentmessage.api.request_ids import request_id_of
from agentmessage.errors import ErrorCode

TYPES = Path(__file__).with_name("types.d.ts")


def openapi_document(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document, made once in each process."""
    return _file(request, document(), "application/json")


def typescript_types(request: HttpRequest) -> HttpResponse:
    """The request and response types in TypeScript, generated from the document (`make types`)."""
    response = _file(request, _types(), "text/plain; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="agentmessage.d.ts"'
    return response


@cache
def document() -> bytes:
    """The document as JSON."""
    from drf_spectacular.generators import SchemaGenerator  # With Django's test client, for one request in a process.

    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # It has no types.
    return orjson.dumps(schema, option=orjson.OPT_NON_STR_KEYS)


@cache
def _types() -> bytes:
    return TYPES.read_bytes()


def _file(request: HttpRequest, content: bytes, content_type: str) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        code = ErrorCode.METHOD_NOT_ALLOWED
        refused = failure(code, MESSAGE[code], request_id=request_id_of(request), status=STATUS[code])
        refused["Allow"] = "GET, HEAD"
        return refused
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    response: HttpResponse
    if request.headers.get("If-None-Match") == etag:
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(content if request.method == "GET" else b"", content_type=content_type)
        response["Content-Length"] = str(len(content))
    response["ETag"] = etag
    response["Cache-Control"] = "no-cache"
    return response
