"""The OpenAPI 3.1 document: what `documented` says of each method, and what holds for all of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.drainage import warn
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from agentmessage.api.errors import MESSAGE, STATUS
from agentmessage.api.examples import examples_of
from agentmessage.api.operations import UUID_SCHEMA, Operation, operation_of
from agentmessage.errors import ErrorCode

JSON = "application/json"
ULID_EXAMPLE = "01JTBQH2FZ8K1RXC0WJ4Z9P3VM"

HEADERS: Mapping[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The id of this request, a ULID. Name it when you ask about an answer.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$", "example": ULID_EXAMPLE},
    },
    "RateLimit-Limit": {
        "description": "How many requests the window takes. Present where the service limits requests.",
        "schema": {"type": "integer", "minimum": 1, "example": 600},
    },
    "RateLimit-Remaining": {
        "description": "How many of them are left.",
        "schema": {"type": "integer", "minimum": 0, "example": 599},
    },
    "RateLimit-Reset": {
        "description": "In how many seconds the window ends.",
        "schema": {"type": "integer", "minimum": 1, "example": 60},
    },
    "Retry-After": {
        "description": "How many seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "example": 5},
    },
    "WWW-Authenticate": {
        "description": "The scheme to authenticate by.",
        "required": True,
        "schema": {"const": "Bearer"},
    },
    "ETag": {
        "description": "The state of the resource. Send it as `If-None-Match`: 304 says that nothing has changed.",
        "schema": {"type": "string", "example": 'W/"0f2d1c"'},
    },
}
_ALWAYS = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

WHAT_TO_DO: Mapping[ErrorCode, str] = {
    ErrorCode.INVALID_INPUT: "A field, a query parameter or a cursor that is not taken here; the message says which.",
    ErrorCode.VALIDATION_FAILED: "The input cannot be taken; `details` has a sentence for each field.",
    ErrorCode.UNAUTHORIZED: "No key, or one that is unknown, revoked or expired.",
    ErrorCode.FORBIDDEN: "The key lacks the scope.",
    ErrorCode.NOT_FOUND: "No such thing in your organization.",
    ErrorCode.METHOD_NOT_ALLOWED: "The route does not know the method; `Allow` has those that it knows.",
    ErrorCode.CAMPAIGN_NOT_ACTIVE: "The campaign is pending, rejected or expired.",
    ErrorCode.BRAND_NOT_VERIFIED: "The campaign's brand is neither VERIFIED nor VETTED_VERIFIED.",
    ErrorCode.NUMBER_NOT_ASSIGNED: "The number is not in use: ordered, porting in, or released.",
    ErrorCode.NOT_FAILED: "There is no failed propagation to send again.",
    ErrorCode.PAYLOAD_TOO_LARGE: "The body is larger than the service takes (1 MiB unless it says otherwise).",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "The body is declared as something other than JSON.",
    ErrorCode.RATE_LIMITED: "Too many requests, or wrong keys from your address; wait for `Retry-After` seconds.",
    ErrorCode.INTERNAL_ERROR: "Our fault. Tell us the request id.",
    ErrorCode.SERVICE_UNAVAILABLE: "The service cannot reach its database; wait for `Retry-After` seconds.",
}
_EVERYWHERE = (
    ErrorCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN,
    ErrorCode.RATE_LIMITED,
    ErrorCode.INTERNAL_ERROR,
    ErrorCode.SERVICE_UNAVAILABLE,
)
_OF_A_BODY = (ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.VALIDATION_FAILED)


def error_component(code: ErrorCode) -> str:
    """The name of the component that describes the code's answer: `NotFoundError`."""
    return "".join(word.capitalize() for word in code.split("_")).removesuffix("Error") + "Error"


def _error_schema(code: ErrorCode) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "code": {"type": "string", "const": code.value},
        "message": {"type": "string", "description": "One sentence for people."},
        "request_id": {"type": "string", "description": "The same as in `X-Request-Id`."},
    }
    required = list(properties)
    if code in (ErrorCode.VALIDATION_FAILED, ErrorCode.INVALID_INPUT):
        properties["details"] = {
            "type": "object",
            "description": "One sentence for each field that cannot be taken.",
            "additionalProperties": {"type": "string"},
        }
    if code is ErrorCode.VALIDATION_FAILED:
        required.append("details")
    return {
        "type": "object",
        "description": WHAT_TO_DO[code],
        "required": ["success", "error"],
        "properties": {
            "success": {"type": "boolean", "const": False},
            "error": {"type": "object", "required": required, "properties": properties},
        },
    }


COMPONENTS: dict[str, Any] = {
    "securitySchemes": {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "am_live_…",
            "description": "Your API key: `Authorization: Bearer am_live_…`. It sees one organization and has the "
            "scopes that were granted to it.",
        }
    },
    "headers": {name: dict(header) for name, header in HEADERS.items()},
    "schemas": {
        "ListMeta": {
            "type": "object",
            "required": ["total", "limit", "offset", "next_cursor"],
            "properties": {
                "total": {"type": "integer", "minimum": 0, "description": "How many there are on all pages."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                "offset": {"type": "integer", "const": 0, "description": "Always 0: pages are reached by cursor."},
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Send it as `cursor` for the next page; null on the last one.",
                },
            },
        },
        **{error_component(code): _error_schema(code) for code in ErrorCode},
    },
}


class OperationSchema(AutoSchema):
    """Writes one operation. A method without `documented` is a warning, which fails the check of the document."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        """The operation of one route and method."""
        self.registry, self.path, self.path_regex, self.path_prefix = registry, path, path_regex, path_prefix
        self.method = method.upper()
        operation = operation_of(self.view, method)
        if operation is None:
            warn(f"{method} {path} does not say what it is: give it `documented`")
            return None
        scope = str(self.view.scopes[self.method])  # type: ignore[attr-defined]  # Every view below /v1 is a TenantView.
        written: dict[str, Any] = {
            "operationId": operation.id,
            "summary": operation.summary,
            "description": f"{operation.description}\n\nRequires the `{scope}` scope.",
            "tags": [operation.tag],
            "security": [{"apiKey": [scope]}],
            "x-scope": scope,
        }
        parameters = [*self._path_parameters(operation), *_query_parameters(operation)]
        if parameters:
            written["parameters"] = parameters
        if operation.body is not None:
            component = self.resolve_serializer(operation.body, "request")
            if operation.refuses_unknown_fields:
                component.schema["additionalProperties"] = False
            written["requestBody"] = {
                "required": True,
                "content": {JSON: {"schema": component.ref, "examples": _body_examples(operation)}},
            }
        written["responses"] = self._responses(operation)
        return written

    def _path_parameters(self, operation: Operation) -> Iterable[dict[str, Any]]:
        if "{" in self.path:
            name = self.path.partition("{")[2].partition("}")[0]
            yield {
                "in": "path",
                "name": name,
                "required": True,
                "description": operation.path_id,
                "schema": UUID_SCHEMA,
                "example": _path_id_example(operation, self.path),
            }

    def _responses(self, operation: Operation) -> dict[str, Any]:
        headers = [*_ALWAYS, *(["ETag"] if operation.has_etag else [])]
        shown = _examples(operation, operation.status)
        responses: dict[str, Any] = {
            str(operation.status): {
                "description": operation.success_description,
                "headers": _header_refs(headers),
                "content": {JSON: {"schema": self._answer(operation), "examples": shown}},
            }
        }
        if operation.has_etag:
            responses["304"] = {
                "description": "Nothing has changed since the state that `If-None-Match` names.",
                "headers": _header_refs(headers),
            }
        by_status: dict[int, list[ErrorCode]] = {}
        for status, code in _refusals(operation, self.method, has_path_id="{" in self.path):
            by_status.setdefault(status, []).append(code)
        for status in sorted(by_status):
            responses[str(status)] = _refusal(operation, status, by_status[status])
        return responses

    def _answer(self, operation: Operation) -> dict[str, Any]:
        """The envelope around the answer, as a component that is named after what is in it."""
        data = self.resolve_serializer(operation.answer, "response").ref
        name = operation.answer.__name__.removesuffix("Serializer") + ("ListAnswer" if operation.is_list else "Answer")
        properties: dict[str, Any] = {"success": {"type": "boolean", "const": True}, "data": data}
        if operation.is_list:
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


def _query_parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for parameter in operation.query:
        yield {
            "in": "query",
            "name": parameter.name,
            "description": parameter.description,
            "schema": parameter.schema,
        }


def _refusals(operation: Operation, method: str, *, has_path_id: bool) -> Iterable[tuple[int, ErrorCode]]:
    """Every status and code that the operation can answer, once each."""
    codes = dict.fromkeys([*_EVERYWHERE, *operation.refusals, *(_OF_A_BODY if operation.body else ())])
    if method == "GET":  # A query parameter that it does not take.
        codes[ErrorCode.INVALID_INPUT] = None
    if has_path_id:
        codes[ErrorCode.NOT_FOUND] = None
        if method != "POST":
            yield STATUS[ErrorCode.INVALID_INPUT], ErrorCode.VALIDATION_FAILED
    for code in codes:
        yield STATUS[code], code


def _refusal(operation: Operation, status: int, codes: list[ErrorCode]) -> dict[str, Any]:
    extra = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    refs: list[dict[str, Any]] = [{"$ref": f"#/components/schemas/{error_component(code)}"} for code in codes]
    content: dict[str, Any] = {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}
    examples = _examples(operation, status)
    shown = {example["value"]["error"]["code"] for example in examples.values()}
    examples |= {code.value: {"value": _typical(code)} for code in codes if code in MESSAGE and code not in shown}
    content["examples"] = examples
    return {
        "description": " ".join(f"`{code}`: {WHAT_TO_DO[code]}" for code in codes),
        "headers": _header_refs([*_ALWAYS, *extra]),
        "content": {JSON: content},
    }


def _typical(code: ErrorCode) -> dict[str, Any]:
    error: dict[str, Any] = {
        "code": code.value,
        "message": MESSAGE[code],
        "request_id": ULID_EXAMPLE,
    }
    return {"success": False, "error": error}


def _header_refs(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _examples(operation: Operation, status: int) -> dict[str, Any]:
    return {
        example["name"]: {"summary": example["summary"], "value": example["answer"]}
        for example in examples_of(operation.id)
        if example["status"] == status
    }


def _path_id_example(operation: Operation, path: str) -> str:
    """The id in the path of the first example, which is one that goes well."""
    place = path.split("/").index(next(part for part in path.split("/") if part.startswith("{")))
    return next((example["path"].split("/")[place] for example in examples_of(operation.id)), ULID_EXAMPLE)


def _body_examples(operation: Operation) -> dict[str, Any]:
    return {
        example["name"]: {"summary": example["summary"], "value": example["body"]}
        for example in examples_of(operation.id)
        if example["status"] < 300
    }


def name_path_ids(result: dict[str, Any], **_kwargs: object) -> dict[str, Any]:
    """Calls every path's variable `id`, as the product's page does; the views give it a name that says of what."""
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
    """Adds what every operation refers to: the scheme of the key, headers, errors, the meta of lists."""
    _forget_marks(result["components"])
    components = result["components"]
    for kind, named in COMPONENTS.items():
        components[kind] = {**components.get(kind, {}), **named}
    return result


def _forget_marks(part: Any) -> None:
    """Takes out the generator's own marks, which are no part of OpenAPI."""
    if isinstance(part, dict):
        part.pop("x-spec-enum-id", None)
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _forget_marks(inner)
