"""/v1/openapi.json and /v1/types.d.ts: what the API is, for machines. No key is needed to read them."""

from functools import cache
from pathlib import Path

import orjson
from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from agentmessage.api.envelope import with_etag
from agentmessage.api.views import ApiView

TYPES = Path(__file__).with_name("types.d.ts")


@cache
def document() -> bytes:
    """Return the OpenAPI 3.1 document as JSON, made once in each process."""
    from drf_spectacular.generators import SchemaGenerator  # With Django's test client, for one request in a process.

    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # It has no types.
    return orjson.dumps(schema, option=orjson.OPT_NON_STR_KEYS)


@cache
def types() -> bytes:
    """Return the request and response types in TypeScript, generated from the document (`make types`)."""
    return TYPES.read_bytes()


class _DocumentView(ApiView):
    """A public file."""

    permission_classes = (AllowAny,)
    http_method_names = ["get", "head"]
    schema = None


class OpenApiView(_DocumentView):
    """/v1/openapi.json."""

    def get(self, request: Request) -> HttpResponse:
        return _file(request, document(), "application/json")


class TypesView(_DocumentView):
    """/v1/types.d.ts."""

    def get(self, request: Request) -> HttpResponse:
        response = _file(request, types(), "text/plain; charset=utf-8")
        response["Content-Disposition"] = 'inline; filename="agentmessage.d.ts"'
        return response


def _file(request: Request, content: bytes, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type, headers={"Content-Length": str(len(content))})
    return with_etag(request, response, cache_control="no-cache")
