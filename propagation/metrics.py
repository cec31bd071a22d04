"""Propagation metrics for Prometheus: the statistics of `manage.py propagation_status`."""

import time
from collections.abc import Iterable
from datetime import datetime
from threading import Lock

from prometheus_client.core import GaugeMetricFamily, Metric

from propagation.services.stats import LastReading, current_stats, numbers_by_status

# The one statistic that reads all numbers: seconds for ten million of them.
_MAX_AGE_SECONDS = 300.0
_lock = Lock()
_statuses: tuple[float, dict[str, int]] | None = None


def collect_propagation() -> Iterable[Metric]:
    """Read the metrics for a scrape. Numbers by status are up to five minutes old."""
    stats = current_stats()
    unsettled = GaugeMetricFamily(
        "agentmessage_propagation_unsettled", "Attaches and detaches on their way.", labels=["waits_for"]
    )
    for waits_for, count in stats.unsettled.items():
        unsettled.add_metric([waits_for], count)
    yield unsettled
    failed = GaugeMetricFamily(
        "agentmessage_propagation_failed", "Numbers whose propagation has failed.", labels=["code"]
    )
    for code, count in stats.failures.items():
        failed.add_metric([code], count)
    yield failed
    oldest = 0.0 if stats.oldest is None else (stats.at - stats.oldest).total_seconds()
    yield GaugeMetricFamily(
        "agentmessage_propagation_oldest_seconds", "Age of the oldest that waits for no approval.", value=oldest
    )
    waiting = GaugeMetricFamily(
        "agentmessage_propagation_waiting_seconds", "Age of the oldest, by what it waits for.", labels=["waits_for"]
    )
    for waits_for, since in stats.oldest_by.items():
        waiting.add_metric([waits_for], 0.0 if since is None else (stats.at - since).total_seconds())
    yield waiting
    yield GaugeMetricFamily("agentmessage_carrier_open_orders", "Orders that are open.", value=stats.open_orders)
    yield GaugeMetricFamily(
        "agentmessage_carrier_overdue_orders", "Orders that have been open for over a day.", value=stats.overdue_orders
    )
    ended = GaugeMetricFamily(
        "agentmessage_propagation_ended", "Numbers whose order ended lately.", labels=["minutes", "outcome"]
    )
    for rate in stats.rates:
        ended.add_metric([str(rate.minutes), "succeeded"], rate.succeeded)
        ended.add_metric([str(rate.minutes), "failed"], rate.failed)
    yield ended
    yield from _drift(stats.readings, stats.at)
    yield GaugeMetricFamily("agentmessage_workers", "Workers with a heartbeat in the last 30 s.", value=stats.workers)
    if stats.last_heartbeat is not None:
        silent = (stats.at - stats.last_heartbeat).total_seconds()
        yield GaugeMetricFamily("agentmessage_worker_heartbeat_seconds", "Age of the newest heartbeat.", value=silent)
    numbers = GaugeMetricFamily("agentmessage_numbers", "Numbers by state at the carrier.", labels=["status"])
    for status, count in _numbers_by_status().items():
        numbers.add_metric([status], count)
    yield numbers


def _drift(readings: Iterable[LastReading], now: datetime) -> Iterable[Metric]:
    about = "at the last reconciliation (numbers) or sync (campaigns)"
    drift = GaugeMetricFamily("agentmessage_drift", f"How many differed {about}.", labels=["subject"])
    left = GaugeMetricFamily("agentmessage_drift_left", f"Left because too many differed {about}.", labels=["subject"])
    unreadable = GaugeMetricFamily("agentmessage_drift_unreadable", f"Without an answer {about}.", labels=["subject"])
    age = GaugeMetricFamily("agentmessage_drift_age_seconds", "Since the last one ended.", labels=["subject"])
    for reading in readings:
        drift.add_metric([reading.subject], reading.drifted)
        left.add_metric([reading.subject], reading.left)
        unreadable.add_metric([reading.subject], reading.unreadable)
        age.add_metric([reading.subject], (now - reading.ended_at).total_seconds())
    return drift, left, unreadable, age


def _numbers_by_status() -> dict[str, int]:
    global _statuses  # noqa: PLW0603  (One for the process.)
    with _lock:
        if _statuses is None or time.monotonic() - _statuses[0] > _MAX_AGE_SECONDS:
            _statuses = (time.monotonic(), numbers_by_status())
        return _statuses[1]
