"""What every request gets, whatever answers it: an id, a line in the log, and below /v1 the envelope."""

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from agentmessage.api.envelope import Envelope, failure
from agentmessage.api.errors import MESSAGE, STATUS
from agentmessage.api.paths import is_api_path
from agentmessage.api.request_ids import assign_request_id
from agentmessage.api.routes import resolve_api
from agentmessage.errors import ErrorCode
from agentmessage.metrics import observe

log = structlog.get_logger("agentmessage.request")


class RequestMiddleware:
    """Stands outermost, so that its id is on every response, also on one that another middleware made."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        request_id = assign_request_id(request)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            if is_api_path(request.path_info):
                response = _in_envelope(response, request_id=request_id)
                response["X-Content-Type-Options"] = "nosniff"
                response.setdefault("Cache-Control", "no-store")
            response["X-Request-Id"] = request_id
            seconds = time.perf_counter() - started
            observe(method=_known_method(request), route=_route(request), status=response.status_code, seconds=seconds)
            log.info(
                "request",
                method=request.method,
                path=request.path_info,
                status=response.status_code,
                milliseconds=round(seconds * 1000, 2),
            )
        return response


class ServeApi:
    """Answers what is below /v1 at once, so that it does not pass through the middleware that stands below.

    That is Django's for people with a browser: sessions, messages, CSRF and sign-in cost 40 µs a request, and a caller
    with a key has no use for them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_api_path(request.path_info):
            return self.get_response(request)
        match = resolve_api(request.path_info)
        request.resolver_match = match
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response


def _in_envelope(response: HttpResponseBase, *, request_id: str) -> HttpResponseBase:
    """Replaces an error page of Django's own (a crash outside of a view, say), which is HTML, by the envelope."""
    if isinstance(response, Envelope) or response.status_code < 400:
        return response
    code = next(
        (code for code in MESSAGE if STATUS[code] == response.status_code),
        ErrorCode.INTERNAL_ERROR if response.status_code >= 500 else ErrorCode.INVALID_INPUT,
    )
    return failure(code, MESSAGE.get(code, "bad request"), request_id=request_id, status=STATUS[code])


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _known_method(request: HttpRequest) -> str:
    """A client may make up methods; figures by method may not grow with them."""
    return request.method if request.method in _METHODS else "other"


def _route(request: HttpRequest) -> str:
    match = getattr(request, "resolver_match", None)
    return "none" if match is None else match.route or "/"
