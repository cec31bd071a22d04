"""Propagation metrics for Prometheus: the statistics of `manage.py propagation_status`."""

import time
from collections.abc import Iterable
from threading import Lock

from prometheus_client.core import GaugeMetricFamily, Metric

from propagation.models import CarrierReading
from propagation.services.stats import (
    Stats,
    accounts_in_use,
    current_stats,
    last_readings,
    numbers_by_status,
    worker_heartbeats,
)

# The one statistic that reads all numbers: seconds for ten million of them.
_MAX_AGE_SECONDS = 300.0
_lock = Lock()
_statuses: tuple[float, dict[str, int]] | None = None


def collect_propagation() -> Iterable[Metric]:
    """Read the metrics for a scrape. Numbers by status are up to five minutes old."""
    unsettled = _gauge("propagation_unsettled", "Attaches and detaches on their way.", "waits_for")
    failed = _gauge("propagation_failed", "Numbers whose propagation has failed.", "code")
    oldest = _gauge("propagation_oldest_seconds", "Age of the oldest that waits for no approval.")
    waiting = _gauge("propagation_waiting_seconds", "Age of the oldest, by what it waits for.", "waits_for")
    open_orders = _gauge("carrier_open_orders", "Orders that are open.")
    overdue = _gauge("carrier_overdue_orders", "Orders that have been open for over a day.")
    ended = _gauge("propagation_ended", "Numbers whose order ended lately.", "minutes", "outcome")
    for account in accounts_in_use():
        stats = current_stats(account)
        for waits_for, count in stats.unsettled.items():
            unsettled.add_metric([account, waits_for], count)
        for code, count in stats.failures.items():
            failed.add_metric([account, code], count)
        oldest.add_metric([account], stats.seconds_since(stats.oldest))
        for waits_for, since in stats.oldest_by.items():
            waiting.add_metric([account, waits_for], stats.seconds_since(since))
        open_orders.add_metric([account], stats.open_orders)
        overdue.add_metric([account], stats.overdue_orders)
        for rate in stats.rates:
            ended.add_metric([account, str(rate.minutes), "succeeded"], rate.succeeded)
            ended.add_metric([account, str(rate.minutes), "failed"], rate.failed)
    yield from (unsettled, failed, oldest, waiting, open_orders, overdue, ended)
    # Of all accounts, a removed one that has no failures left included.
    yield from _drift(last_readings(), stats)
    workers, heartbeat = worker_heartbeats()
    yield GaugeMetricFamily("agentmessage_workers", "Workers with a heartbeat in the last 30 s.", value=workers)
    if heartbeat is not None:
        silent = stats.seconds_since(heartbeat)
        yield GaugeMetricFamily("agentmessage_worker_heartbeat_seconds", "Age of the newest heartbeat.", value=silent)
    numbers = GaugeMetricFamily("agentmessage_numbers", "Numbers by state at the carrier.", labels=["status"])
    for status, count in _numbers_by_status().items():
        numbers.add_metric([status], count)
    yield numbers


def _drift(readings: Iterable[CarrierReading], stats: Stats) -> Iterable[Metric]:
    about = "at the last reconciliation (numbers) or sync (campaigns)"
    drift = _gauge("drift", f"How many differed {about}.", "subject")
    left = _gauge("drift_left", f"Left because too many differed {about}.", "subject")
    unreadable = _gauge("drift_unreadable", f"Without an answer {about}.", "subject")
    age = _gauge("drift_age_seconds", "Since the last one ended.", "subject")
    for reading in readings:
        labels = [reading.carrier, reading.subject]
        drift.add_metric(labels, reading.drifted)
        left.add_metric(labels, reading.left)
        unreadable.add_metric(labels, reading.unreadable)
        age.add_metric(labels, stats.seconds_since(reading.ended_at))
    return drift, left, unreadable, age


def _gauge(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"agentmessage_{name}", documentation, labels=["account", *labels])


def _numbers_by_status() -> dict[str, int]:
    global _statuses  # noqa: PLW0603  (One for the process.)
    with _lock:
        if _statuses is None or time.monotonic() - _statuses[0] > _MAX_AGE_SECONDS:
            _statuses = (time.monotonic(), numbers_by_status())
        return _statuses[1]
