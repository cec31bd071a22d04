"""Metrics for Prometheus: requests of this service, and what the apps register.

With several server processes PROMETHEUS_MULTIPROC_DIR names an empty folder in which they keep their counters together;
without it a scrape shows those of the process that answers it (docs/adr/0011).
"""

import os
from collections.abc import Callable, Iterable

from django.db import Error
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from agentmessage.database_errors import Trouble, log_trouble

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
    """Count one request. `route` is the pattern, not the path, so that its values are few."""
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)


def render() -> bytes:
    """Collect all metrics, in Prometheus's text format."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # It has no types.
    else:
        registry.register(_requests)
    registry.register(_Registered())
    return generate_latest(registry)


class _Registered(Collector):
    def collect(self) -> Iterable[Metric]:
        troubles = set()
        for collect in _collectors:
            try:
                yield from list(collect())
            except Error as error:
                trouble = log_trouble(error)
                if trouble is None:
                    raise
                troubles.add(trouble)
        yield GaugeMetricFamily(
            "agentmessage_database_up",
            "Whether the database could be used; without it, the metrics that come from it are missing.",
            value=Trouble.UNAVAILABLE not in troubles,
        )
