"""The OpenAPI 3.1 document: what each `Operation` declares, and what holds for all of them.

The examples are requests to the demo data and the responses to them. `examples.json` is recorded:
`RECORD_EXAMPLES=1 pytest tests/contract/test_examples.py` sends every request in it again and keeps the response;
without the variable the same test compares.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from inspect import getdoc
from pathlib import Path
from typing import Any

from drf_spectacular.drainage import warn
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from rest_framework.permissions import SAFE_METHODS

from agentmessage.api.errors import ERRORS
from agentmessage.api.pagination import PageQuery
from agentmessage.api.requests import UUID_SCHEMA
from agentmessage.api.views import Operation, operation_of
from agentmessage.errors import ErrorCode

EXAMPLES = Path(__file__).with_name("examples.json")
JSON = "application/json"
ULID_EXAMPLE = "01JTBQH2FZ8K1RXC0WJ4Z9P3VM"
# A line break inside of a docstring's paragraph, which belongs to the code. A list begins with digits.
_WRAPPED = re.compile(r"(?<=[^\n])\n(?=[^\n\d])")


@cache
def all_examples() -> Sequence[dict[str, Any]]:
    """Return every request and its response. `given` is what was sent before it: `[method, path, body]`."""
    examples: list[dict[str, Any]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return examples


HEADERS: Mapping[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The ID of this request, a ULID. Quote it when you contact support.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$", "example": ULID_EXAMPLE},
    },
    "RateLimit-Limit": {
        "description": "The requests allowed per window. Present if the service limits requests.",
        "schema": {"type": "integer", "minimum": 1, "example": 600},
    },
    "RateLimit-Remaining": {
        "description": "The requests left in the window.",
        "schema": {"type": "integer", "minimum": 0, "example": 599},
    },
    "RateLimit-Reset": {
        "description": "The seconds until the window ends.",
        "schema": {"type": "integer", "minimum": 1, "example": 60},
    },
    "Retry-After": {
        "description": "The seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "example": 5},
    },
    "WWW-Authenticate": {
        "description": "The authentication scheme.",
        "required": True,
        "schema": {"const": "Bearer"},
    },
    "ETag": {
        "description": "The state of the resource. Send it as `If-None-Match`: 304 means that it has not changed. Send "
        "it as `If-Match` with a write: 412 means that it has changed, and the write was not performed.",
        "schema": {"type": "string", "example": 'W/"0f2d1c"'},
    },
    "X-Next-Cursor": {
        "description": "The same as `meta.next_cursor`; absent on the last page.",
        "schema": {"type": "string", "format": "cursor"},
    },
}
_ALWAYS = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_HEADERS_BY_STATUS = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}

_EVERY_OPERATION = (
    ErrorCode.INVALID_INPUT,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN,
    ErrorCode.RATE_LIMITED,
    ErrorCode.INTERNAL_ERROR,
    ErrorCode.SERVICE_UNAVAILABLE,
)
_EVERY_WRITE = (
    ErrorCode.PRECONDITION_FAILED,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.VALIDATION_FAILED,
)
# What an example of these codes says, where none is recorded.
_TYPICAL: Mapping[ErrorCode, dict[str, Any]] = {
    ErrorCode.INVALID_INPUT: {"message": "unknown query parameter 'dryrun'; there are none"},
    ErrorCode.VALIDATION_FAILED: {"details": {"body": "must come in a JSON object; this body is JSON of another kind"}},
}


def error_component(code: ErrorCode) -> str:
    """Return the name of the component that describes the code's response: `NotFoundError`."""
    return "".join(word.capitalize() for word in code.split("_")).removesuffix("Error") + "Error"


def _error_schemas(code: ErrorCode) -> dict[str, Any]:
    """Return the component of the code's response, and the one of the error in it, which generators name classes by."""
    name = error_component(code)
    properties: dict[str, Any] = {
        "code": {"type": "string", "const": code.value},
        "message": {"type": "string", "description": "A human-readable message."},
        "request_id": {"type": "string", "description": "The same as in `X-Request-Id`."},
    }
    required = list(properties)
    if code in (ErrorCode.VALIDATION_FAILED, ErrorCode.INVALID_INPUT):
        properties["details"] = {
            "type": "object",
            "description": "A message for each invalid field.",
            "additionalProperties": {"type": "string"},
        }
    if code is ErrorCode.VALIDATION_FAILED:
        required.append("details")
    return {
        name: {
            "type": "object",
            "description": ERRORS[code].description,
            "required": ["success", "error"],
            "properties": {"success": {"const": False}, "error": {"$ref": f"#/components/schemas/{name}Body"}},
        },
        f"{name}Body": {"type": "object", "required": required, "properties": properties},
    }


COMPONENTS: dict[str, Any] = {
    "securitySchemes": {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "am_live_…",
            "description": "Your API key: `Authorization: Bearer am_live_…`. It belongs to one organization and has "
            "the scopes that it was granted.",
        }
    },
    "headers": {name: dict(header) for name, header in HEADERS.items()},
    "schemas": {
        "ListMeta": {
            "type": "object",
            "required": ["total", "limit", "offset", "next_cursor"],
            "properties": {
                "total": {"type": "integer", "minimum": 0, "description": "The number of rows on all pages."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                "offset": {"type": "integer", "const": 0, "description": "Always 0: pages are reached by cursor."},
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Send it as `cursor` for the next page; null on the last one.",
                },
            },
        },
        **{name: schema for code in ErrorCode for name, schema in _error_schemas(code).items()},
    },
}


class ApiSchema(AutoSchema):
    """Writes one operation. A method without an `Operation` is a warning, which fails the check of the document."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        """Return the operation of one route and method."""
        self.registry, self.path, self.path_regex, self.path_prefix = registry, path, path_regex, path_prefix
        self.method = method.upper()
        self.operation: Operation = operation_of(self.view, method)
        if not self.operation.id:
            warn(f"{method} {path} does not say what it is: give it an `Operation`")
            return None
        self.is_list = isinstance(self.operation.query, PageQuery)
        self.examples = [each for each in all_examples() if each["operation"] == self.operation.id]
        scope = str(self.view.scopes[self.method])  # type: ignore[attr-defined]  # Every such view is a TenantView.
        summary, _, description = (getdoc(getattr(self.view, method.lower())) or "").partition("\n\n")
        written: dict[str, Any] = {
            "operationId": self.operation.id,
            "summary": summary.removesuffix("."),
            "description": f"{_WRAPPED.sub(' ', description)}\n\nRequires the `{scope}` scope.",
            "tags": [self.view.tag],  # type: ignore[attr-defined]  # As above.
            "security": [{"apiKey": [scope]}],
            "x-scope": scope,
            "parameters": [*self._path_parameters(), *self._query_parameters()],
        }
        if not written["parameters"]:
            del written["parameters"]
        if self.operation.body.fields:
            component = self.resolve_serializer(self.operation.body, "request")
            component.schema["additionalProperties"] = False
            bodies = {
                each["name"]: {"summary": each["summary"], "value": each["body"]}
                for each in self.examples
                if each["status"] < 300
            }
            written["requestBody"] = {
                "required": True,
                "content": {JSON: {"schema": component.ref, "examples": bodies}},
            }
        written["responses"] = self._responses()
        return written

    def _path_parameters(self) -> Iterable[dict[str, Any]]:
        parts = self.path.split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                yield {
                    "in": "path",
                    "name": part[1:-1],
                    "required": True,
                    "description": self.view.path_id,  # type: ignore[attr-defined]  # As above.
                    "schema": UUID_SCHEMA,
                    # The first example is one that goes well.
                    "example": next((each["path"].split("/")[place] for each in self.examples), None),
                }

    def _query_parameters(self) -> Iterable[dict[str, Any]]:
        if self.operation.query.fields:
            query = self._map_serializer(self.operation.query, "request")  # type: ignore[no-untyped-call]  # It has no types.
            for name, schema in query["properties"].items():
                yield {"in": "query", "name": name, "description": schema.pop("description"), "schema": schema}

    def _responses(self) -> dict[str, Any]:
        has_etag = self.method == "GET" and not self.is_list
        headers = [*_ALWAYS, *(["ETag"] if has_etag else []), *(["X-Next-Cursor"] if self.is_list else [])]
        responses: dict[str, Any] = {
            str(self.operation.status): {
                "description": self.operation.returns,
                "headers": _header_refs(headers),
                "content": {JSON: {"schema": self._answer(), "examples": self._examples(self.operation.status)}},
            }
        }
        if has_etag:
            responses["304"] = {
                "description": "Nothing has changed since the state that `If-None-Match` names.",
                "headers": _header_refs(headers),
            }
        by_status: dict[int, list[ErrorCode]] = {}
        for status, code in self._errors():
            by_status.setdefault(status, []).append(code)
        for status in sorted(by_status):
            responses[str(status)] = self._refusal(status, by_status[status])
        return responses

    def _answer(self) -> dict[str, Any]:
        """Return the envelope around the answer, as a component that is named after what is in it."""
        answer = self.operation.answer
        data = self.resolve_serializer(answer, "response").ref
        name = answer.__name__.removesuffix("Serializer") + ("ListAnswer" if self.is_list else "Answer")
        # Without a type: openapi-generator compares a boolean constant that has one with its name as text.
        properties: dict[str, Any] = {"success": {"const": True}, "data": data}
        if self.is_list:
            properties["data"] = {"type": "array", "items": data}
            properties["meta"] = {"$ref": "#/components/schemas/ListMeta"}
        component = ResolvedComponent(  # type: ignore[no-untyped-call]  # It has no types.
            name=name,
            type=ResolvedComponent.SCHEMA,
            schema={"type": "object", "required": list(properties), "properties": properties},
            object=name,
        )
        self.registry.register_on_missing(component)
        return component.ref

    def _errors(self) -> Iterable[tuple[int, ErrorCode]]:
        """Yield every status and code that the operation can answer, once each."""
        codes = dict.fromkeys([*_EVERY_OPERATION, *self.operation.error_codes])
        if self.method not in SAFE_METHODS:
            codes |= dict.fromkeys(_EVERY_WRITE)
        if "{" in self.path:
            codes[ErrorCode.NOT_FOUND] = None
            if self.method != "POST":
                yield 400, ErrorCode.VALIDATION_FAILED
        for code in codes:
            yield ERRORS[code].status, code

    def _refusal(self, status: int, codes: list[ErrorCode]) -> dict[str, Any]:
        refs: list[dict[str, Any]] = [{"$ref": f"#/components/schemas/{error_component(code)}"} for code in codes]
        examples = self._examples(status)
        shown = {example["value"]["error"]["code"] for example in examples.values()}
        for code in codes:
            if code not in shown:
                error = {"code": code.value, "message": code.message, "request_id": ULID_EXAMPLE} | _TYPICAL.get(
                    code, {}
                )
                examples[code.value] = {"value": {"success": False, "error": error}}
        return {
            "description": " ".join(f"`{code}`: {ERRORS[code].description}" for code in codes),
            "headers": _header_refs([*_ALWAYS, *_HEADERS_BY_STATUS.get(status, [])]),
            "content": {JSON: {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}, "examples": examples}},
        }

    def _examples(self, status: int) -> dict[str, Any]:
        return {
            each["name"]: {"summary": each["summary"], "value": each["answer"]}
            for each in self.examples
            if each["status"] == status
        }


def _header_refs(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def name_path_ids(result: dict[str, Any], **_kwargs: object) -> dict[str, Any]:
    """Rename the variable of every path to `id`, as in the product's documentation; the views use specific names."""
    renamed: dict[str, Any] = {}
    for path, operations in result["paths"].items():
        name = path.partition("{")[2].partition("}")[0]
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["name"] = "id"
        renamed[path.replace("{" + name + "}", "{id}") if name else path] = operations
    result["paths"] = renamed
    return result


def add_components(result: dict[str, Any], **_kwargs: object) -> dict[str, Any]:
    """Add what every operation refers to: the scheme of the key, headers, errors, the meta of lists."""
    _forget_marks(result)
    components = result["components"]
    for kind, named in COMPONENTS.items():
        components[kind] = {**components.get(kind, {}), **named}
    return result


def _forget_marks(part: Any) -> None:
    """Take out the generator's own marks, which are not part of OpenAPI."""
    if isinstance(part, dict):
        part.pop("x-spec-enum-id", None)
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _forget_marks(inner)
