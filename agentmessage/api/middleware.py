"""Middleware for every request: its ID, its log line, and below /v1 the envelope."""

import re
import time
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote

import structlog
from corsheaders.middleware import CorsMiddleware as _CorsMiddleware
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.request import UnreadablePostError
from django.http.response import HttpResponse, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve

from agentmessage.api.envelope import Envelope, assign_request_id
from agentmessage.api.errors import ERRORS, refuse
from agentmessage.clients import client_network
from agentmessage.errors import ErrorCode
from agentmessage.metrics import observe

log = structlog.get_logger("agentmessage.request")

Next = Callable[[HttpRequest], HttpResponseBase]
_PAGES_FOR_PROGRAMS = frozenset({"/healthz", "/readyz", "/metrics"})
# `v1` as the first word of a path, in any form: /V1/, //v1/, /./v1, /\v1, /v1;x, and /%761/ after decoding.
_BEGINS_WITH_V1 = re.compile(r"\W*v1(?!\w)", re.IGNORECASE)


class RequestMiddleware:
    """The outermost middleware, so that every response has the ID, including those of other middleware."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Give the request its ID, answer it, and write the request log."""
        started = time.perf_counter()
        request_id = assign_request_id(request)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            if is_api_path(request.path_info):
                response = _in_envelope(request, response)
                response["X-Content-Type-Options"] = "nosniff"
                response.setdefault("Cache-Control", "no-store")
            response["X-Request-Id"] = request_id
            seconds = time.perf_counter() - started
            route = _route(request)
            observe(method=_known_method(request), route=route, status=response.status_code, seconds=seconds)
            key = getattr(request, "auth", None)
            log.info(
                "request.completed",
                method=request.method,
                path=request.path_info,
                route=route,
                status=response.status_code,
                milliseconds=round(seconds * 1000, 2),
                network=client_network(request),
                organization_id=key and str(key.organization_id),
                key=key and key.prefix,
            )
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 400 if the client disconnected while a view outside of /v1 read its body; that is not a crash."""
        return HttpResponseBadRequest() if isinstance(exception, UnreadablePostError) else None


class CorsMiddleware(_CorsMiddleware):
    """Cross-origin requests, for the origins that CORS_ORIGINS names.

    It answers a preflight itself, without a key: a browser sends none with it.
    """

    def __init__(self, get_response: Next) -> None:
        if not settings.CORS_ALLOWED_ORIGINS:
            raise MiddlewareNotUsed
        super().__init__(get_response)


class ServePrograms:
    """Serve the API, webhooks, health checks and metrics without the middleware that follows.

    Sessions, messages, CSRF and sign-in are for browsers; they cost 40 µs a request. The Host header is not compared
    with ALLOWED_HOSTS either: load balancers, scrapes and webhooks send whatever address they reach the service by.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Call the view, or pass the request on."""
        path = request.path_info
        if not (is_api_path(path) or path.startswith("/carrier/") or path in _PAGES_FOR_PROGRAMS):
            return self.get_response(request)
        try:
            match = resolve_api(path)
        except Resolver404:
            # With or without a key, and never a redirect: an unknown route protects nothing.
            return refuse(request, ErrorCode.NOT_FOUND)
        request.resolver_match = match
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response


def is_api_path(path: str) -> bool:
    """Return whether the path is /v1 or below it, in any form, so that the response has to be in the envelope."""
    return path.startswith("/v1/") or _BEGINS_WITH_V1.match(unquote(path)) is not None


# To the routes, an ID is this many characters without a slash. No other segment of a route is that long.
_ID_LENGTH = 36
_ANY_ID = "00000000-0000-0000-0000-000000000000"


def resolve_api(path: str) -> ResolverMatch:
    """Resolve a path as Django does, and cache the result for all IDs in it. Raises Resolver404."""
    segments = path.split("/")
    ids = [segment for segment in segments if len(segment) == _ID_LENGTH]
    shape = "/".join([_ANY_ID if len(segment) == _ID_LENGTH else segment for segment in segments])
    match = _resolve(shape)
    if list(match.kwargs.values()) != [_ANY_ID] * len(ids):
        # The route takes no IDs, or other parameters as well.
        return resolve(path)
    return ResolverMatch(match.func, (), dict(zip(match.kwargs, ids, strict=True)), match.url_name, route=match.route)


# Bounded, because clients can make up paths.
_resolve = lru_cache(maxsize=256)(resolve)


def _in_envelope(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Replace one of Django's HTML error pages, for example after a crash in a middleware, with the envelope."""
    if isinstance(response, Envelope) or response.status_code < 400:
        return response
    other = ErrorCode.INTERNAL_ERROR if response.status_code >= 500 else ErrorCode.INVALID_INPUT
    return refuse(request, next((code for code, kind in ERRORS.items() if kind.status == response.status_code), other))


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _known_method(request: HttpRequest) -> str:
    """Return the method, or `other`, because clients can make up methods, and each one would be a new time series."""
    return request.method if request.method in _METHODS else "other"


def _route(request: HttpRequest) -> str:
    match = getattr(request, "resolver_match", None)
    return "none" if match is None else match.route or "/"
