"""Endpoints that belong to no app."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from agentmessage.api.envelope import failure
from agentmessage.api.errors import MESSAGE, STATUS
from agentmessage.api.request_ids import request_id_of
from agentmessage.errors import ErrorCode


def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (Django's signature)
    """Whether the process serves. Asks nothing else, so that an outage of the database restarts no healthy process."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
def unknown_route(request: HttpRequest) -> HttpResponse:
    """The envelope's 404, for everything below /v1/ that no route takes; never a redirect."""
    code = ErrorCode.NOT_FOUND
    return failure(code, MESSAGE[code], request_id=request_id_of(request), status=STATUS[code])
