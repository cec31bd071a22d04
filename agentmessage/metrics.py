"""Figures for Prometheus at /metrics: requests of this service, and whatever the apps add.

With several server processes PROMETHEUS_MULTIPROC_DIR names an empty folder in which they keep their counters together;
without it a scrape sees those of the process that answers it (docs/adr/0011).
"""

import os
from collections.abc import Callable, Iterable
from hmac import compare_digest

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_requests = CollectorRegistry()
REQUESTS = Counter("agentmessage_requests", "Requests answered.", ["method", "route", "status"], registry=_requests)
SECONDS = Histogram(
    "agentmessage_request_seconds", "How long they took.", ["method", "route"], buckets=_SECONDS, registry=_requests
)

Collect = Callable[[], Iterable[Metric]]
_collectors: list[Collect] = []


def register(collect: Collect) -> None:
    """Add metrics of an app to /metrics. `collect` is called for each scrape; apps register in `ready()`."""
    _collectors.append(collect)


def observe(*, method: str, route: str, status: int, seconds: float) -> None:
    """Counts one request. `route` is the pattern, not the path: its values are few."""
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)


def metrics_view(request: HttpRequest) -> HttpResponse:
    """GET /metrics, for whoever has METRICS_TOKEN; without that setting there is no such page."""
    token: str | None = settings.METRICS_TOKEN
    if token is None:
        return JsonResponse({"success": False, "error": {"message": "not found"}}, status=404)
    given = request.META.get("HTTP_AUTHORIZATION", "")
    if not compare_digest(given.encode(), f"Bearer {token}".encode()):
        answer = JsonResponse({"success": False, "error": {"message": "authentication failed"}}, status=401)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # It has no types.
    else:
        registry.register(_Requests())
    for collect in _collectors:
        registry.register(_Asked(collect))
    return HttpResponse(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")


class _Requests(Collector):
    def collect(self) -> Iterable[Metric]:
        return _requests.collect()


class _Asked(Collector):
    def __init__(self, collect: Collect) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()
