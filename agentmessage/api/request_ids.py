"""The id of a request: a ULID that RequestMiddleware gives to each one, whatever the client sends."""

from django.http import HttpRequest
from rest_framework.request import Request

from agentmessage.ids import new_request_id


def assign_request_id(request: HttpRequest) -> str:
    """Gives the request its id."""
    request_id = new_request_id()
    request.request_id = request_id  # type: ignore[attr-defined]  # Django's way of handing something on.
    return request_id


def request_id_of(request: HttpRequest | Request) -> str:
    """The id that the request has."""
    request_id: str = request.request_id  # type: ignore[union-attr]  # As above; DRF's request passes it through.
    return request_id
