"""What every endpoint below /v1 derives from: the view, and the declaration of what each of its methods takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from agentmessage.api.envelope import Envelope, check_preconditions, etag_of, has_preconditions, success
from agentmessage.api.pagination import KeysetPagination
from agentmessage.api.requests import RequestBody, RequestQuery, check_representation, read_body, read_query
from agentmessage.errors import ErrorCode

Handler = TypeVar("Handler", bound=Callable[..., Any])
_NO_QUERY, _NO_BODY = RequestQuery(), RequestBody()


@dataclass(frozen=True, slots=True)
class Operation:
    """A decorator that declares what one method of a view takes and returns.

    `ApiView` enforces it, and the OpenAPI document is written from it: the first line of the method's docstring is the
    summary, the rest the description.

    Attributes:
        id: the operation's ID in the document.
        answer: what `data` of a success is; of a list, what its entries are.
        returns: the description of a success.
        error_codes: the operation's own error codes; those that every operation can answer are added.
        is_conditional: its service checks `ApiView.precondition` under the row's lock, so the view does not.
    """

    id: str = ""
    answer: type[Serializer[Any]] = Serializer
    returns: str = ""
    status: int = 200
    query: RequestQuery = _NO_QUERY
    body: RequestBody = _NO_BODY
    error_codes: Sequence[ErrorCode] = ()
    is_conditional: bool = False

    def __call__(self, handler: Handler) -> Handler:
        """Declare it of the method below."""
        handler.operation = self  # type: ignore[attr-defined]  # Read by `operation_of`.
        return handler


_UNDECLARED = Operation()


def operation_of(view: object, method: str) -> Operation:
    """Return the operation of the view's method. One that is not declared takes no query and no body."""
    declared = getattr(getattr(view, method.lower(), None), "operation", _UNDECLARED)
    assert isinstance(declared, Operation)  # noqa: S101  (The decorator has put it there.)
    return declared


class ApiView(APIView):
    """One resource below /v1. A method takes what its `Operation` declares, and a request with more is refused."""

    tag: ClassVar[str]
    path_id: ClassVar[str] = "The ID of the resource."
    operation: Operation
    query: Mapping[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the request, unless it is OPTIONS, whose response is public.

        DRF also negotiates a renderer and a version here, which this API does not have.
        """
        if request.method != "OPTIONS":
            self.check_throttles(request)
            self.perform_authentication(request)
            self.check_permissions(request)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the methods of the resource in `Allow`."""
        response = HttpResponse(status=204)
        del response["Content-Type"]
        return response

    def check_permissions(self, request: Request) -> None:
        """Authorize, then refuse what would be understood only in part. It is the last check before the method."""
        super().check_permissions(request)
        method = request.method or ""
        if method.lower() not in self.http_method_names or not hasattr(self, method.lower()):
            return  # 405
        self.operation = operation_of(self, method)
        self.query = read_query(request, self.operation.query)
        check_representation(request)
        if method in SAFE_METHODS:
            return
        if not self.operation.body.fields:
            read_body(request, self.operation.body)
        if not self.operation.is_conditional and has_preconditions(request):
            check_preconditions(request)

    @property
    def filters(self) -> dict[str, Any]:
        """The query parameters of a list that name columns."""
        return {name: value for name, value in self.query.items() if name not in ("limit", "cursor", "search")}

    @cached_property
    def body(self) -> dict[str, Any]:
        """The request's body, as the operation's serializer reads it."""
        return read_body(self.request, self.operation.body)

    def precondition(self, render: Callable[[Any], Any]) -> Callable[[Any], None] | None:
        """Return what a service calls with the locked row before it writes, or None if the request has no condition.

        It raises PreconditionFailed unless the conditional headers hold for what `render` makes of the row.
        """
        if not has_preconditions(self.request):
            return None

        def check(row: Any) -> None:
            check_preconditions(self.request, etag=etag_of(success(render(row))), modified_at=row.updated_at)

        return check

    def paginated(
        self, queryset: QuerySet[Any, Any], serializer: type[Serializer[Any]] | None = None, **context: Any
    ) -> Envelope:
        """Return a page of the queryset, rendered by the serializer. Without one, its rows are dicts already."""
        paginator = KeysetPagination()
        rows = paginator.paginate_queryset(queryset, self.request, self)
        data = rows if serializer is None else serializer(rows, many=True, context=context).data
        return paginator.get_paginated_response(data)
