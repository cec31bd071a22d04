"""Figures for Prometheus at /metrics: requests of this service, and whatever the apps add.

With several server processes PROMETHEUS_MULTIPROC_DIR names an empty folder in which they keep their counters together;
without it a scrape sees those of the process that answers it (docs/adr/0011).
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from hmac import compare_digest

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from agentmessage.clients import WrongSecrets

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_requests = CollectorRegistry()
REQUESTS = Counter("agentmessage_requests", "Requests answered.", ["method", "route", "status"], registry=_requests)
SECONDS = Histogram(
    "agentmessage_request_seconds", "How long they took.", ["method", "route"], buckets=_SECONDS, registry=_requests
)

wrong_tokens = WrongSecrets("metrics")

Collect = Callable[[], Iterable[Metric]]
"""Figures that are looked up when they are asked for."""


def observe(*, method: str, route: str, status: int, seconds: float) -> None:
    """Counts one request. `route` is the pattern, not the path: its values are few."""
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)


def metrics_view(request: HttpRequest, collectors: Sequence[Collect]) -> HttpResponse:
    """GET /metrics, for whoever has METRICS_TOKEN; without that setting there is no such page."""
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
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # It has no types.
    else:
        registry.register(_Requests())
    for collect in collectors:
        registry.register(_Asked(collect))
    return HttpResponse(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return JsonResponse({"success": False, "error": {"message": message}}, status=status, headers=headers)


class _Requests(Collector):
    def collect(self) -> Iterable[Metric]:
        return _requests.collect()


class _Asked(Collector):
    def __init__(self, collect: Collect) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()
