"""Endpoints that belong to no app."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from agentmessage.api.envelope import failure
from agentmessage.api.errors import MESSAGE, STATUS
from agentmessage.errors import ErrorCode


def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (Django's signature)
    """Whether the process serves. Asks nothing else, so that an outage of the database restarts no healthy process."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
def unknown_route(request: HttpRequest) -> HttpResponse:
    """The envelope's 404, for everything below /v1/ that no route takes; never a redirect."""
    code = ErrorCode.NOT_FOUND
    return failure(code, MESSAGE[code], request_id=request.request_id, status=STATUS[code])  # type: ignore[attr-defined]  # RequestMiddleware's.
