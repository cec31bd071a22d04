"""How a view's method says what it is, for the OpenAPI document. Tests hold real answers against it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rest_framework.serializers import Serializer

from agentmessage.errors import ErrorCode

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query. `schema` is JSON Schema."""

    name: str
    description: str
    schema: dict[str, Any]


# An id as it may be sent; `agentmessage.ids.parse_uuid` in the words of JSON Schema.
UUID_SCHEMA = {
    "type": "string",
    "format": "uuid",
    "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
}
# What every list takes beside its filters.
PAGE = (
    Parameter("limit", "How many on a page.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
    Parameter(
        "cursor",
        "Where the page begins: `meta.next_cursor` of the page before, as it is.",
        {"type": "string", "format": "cursor", "minLength": 1, "maxLength": 400},
    ),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What the document says about one method of one route, beside what it knows of every operation.

    `answer` describes `data` of a success, of a list's single entries where `is_list`. `refusals` are the codes that
    are the operation's own: what every operation can answer (401, 403, 429, 500, 503), what a body can bring about
    (413, 415, 422) and an unknown or malformed query parameter (400) are added.
    """

    id: str
    tag: str
    summary: str
    description: str
    answer: type[Serializer[Any]]
    is_list: bool = False
    status: int = 200
    success_description: str = "Done."
    body: type[Serializer[Any]] | None = None
    refuses_unknown_fields: bool = False
    query: Sequence[Parameter] = ()
    refusals: Sequence[ErrorCode] = ()
    path_id: str = "The id of the resource."
    has_etag: bool = False


def documented(operation: Operation) -> Callable[[Handler], Handler]:
    """Says what the method that it stands above is."""

    def note(handler: Handler) -> Handler:
        handler.operation = operation  # type: ignore[attr-defined]  # Read by `operation_of`.
        return handler

    return note


def operation_of(view: object, method: str) -> Operation | None:
    """What the view's method is; None where it does not say."""
    operation = getattr(getattr(view, method.lower(), None), "operation", None)
    return operation if isinstance(operation, Operation) else None
