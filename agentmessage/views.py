"""Endpoints that belong to no app."""

from collections.abc import Mapping
from hmac import compare_digest

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

from agentmessage import metrics
from agentmessage.clients import WrongSecrets

wrong_tokens = WrongSecrets("metrics")


def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  (Django's signature)
    """Return 200 while the process serves. It checks nothing else, so that a database outage restarts no process."""
    return JsonResponse({"status": "ok"})


def metrics_view(request: HttpRequest) -> HttpResponse:
    """Answer a scrape that has METRICS_TOKEN. Without that setting there is no such page."""
    token: str | None = settings.METRICS_TOKEN
    if token is None:
        return _refusal(404, "not found")
    usage = wrong_tokens.block(request)
    given = request.META.get("HTTP_AUTHORIZATION", "")
    if usage is None and not compare_digest(given.encode(), f"Bearer {token}".encode()):
        try:
            usage = wrong_tokens.count(request)
        except (OperationalError, InterfaceError):
            return _refusal(503, "service unavailable")
        if usage is None or not usage.is_over:
            return _refusal(401, "authentication failed", {"WWW-Authenticate": "Bearer"})
    if usage is not None:
        return _refusal(429, "rate limit exceeded", {"Retry-After": str(usage.reset)})
    return HttpResponse(metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return JsonResponse({"success": False, "error": {"message": message}}, status=status, headers=headers)
