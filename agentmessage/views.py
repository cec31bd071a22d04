"""Endpoints that belong to no app."""

import sys
from collections.abc import Mapping
from functools import cache
from hmac import compare_digest

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import server_error

from agentmessage import metrics
from agentmessage.api.errors import RETRY_AFTER, log_unexpected
from agentmessage.clients import WrongSecrets
from agentmessage.errors import ErrorCode

wrong_tokens = WrongSecrets("metrics")


def handle_exception(request: HttpRequest) -> HttpResponse:
    """Answer an exception outside of the API, as `handler500`: 503 for database trouble."""
    if log_unexpected(sys.exc_info()[1]) is ErrorCode.SERVICE_UNAVAILABLE:
        text = "The service is busy or its database is unavailable. Try again in a few seconds.\n"
        return HttpResponse(text, status=503, content_type="text/plain", headers={"Retry-After": str(RETRY_AFTER)})
    return server_error(request)


def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (Django's signature)
    """Return 200 while the process serves. It checks nothing else, so that a database outage restarts no process."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (Django's signature)
    """Return 200 if the database can be used and has this version's migrations, and 503 otherwise."""
    if _newest_migrations() <= MigrationRecorder(connection).applied_migrations().keys():
        return JsonResponse({"status": "ok"})
    return JsonResponse({"status": "migrations pending"}, status=503)


@cache
def _newest_migrations() -> set[tuple[str, str]]:
    """Return the last migration of each app, which Django applies after all others of the app."""
    return set(MigrationLoader(None).graph.leaf_nodes())


def metrics_view(request: HttpRequest) -> HttpResponse:
    """Answer a scrape that has METRICS_TOKEN. Without that setting there is no such page."""
    token: str | None = settings.METRICS_TOKEN
    if token is None:
        return _refusal(404, "not found")
    usage = wrong_tokens.block(request)
    given = request.META.get("HTTP_AUTHORIZATION", "")
    if usage is None and not compare_digest(given.encode(), f"Bearer {token}".encode()):
        usage = wrong_tokens.count(request)
        if usage is None or not usage.is_over:
            return _refusal(401, "authentication failed", {"WWW-Authenticate": "Bearer"})
    if usage is not None:
        return _refusal(429, "rate limit exceeded", {"Retry-After": str(usage.reset)})
    return HttpResponse(metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return JsonResponse({"success": False, "error": {"message": message}}, status=status, headers=headers)
