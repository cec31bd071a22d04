"""Propagation's figures for Prometheus: the ones of `manage.py propagation_status`."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from threading import Lock

from prometheus_client.core import GaugeMetricFamily, Metric

from propagation.services.stats import current_figures, numbers_by_state

# The one figure that costs what there is, not what is unsettled: seconds for ten million numbers.
_KEPT_SECONDS = 300.0
_lock = Lock()
_states: tuple[float, dict[str, int]] | None = None


def collect_propagation() -> Iterable[Metric]:
    """Looked up when they are asked for; numbers by state are up to five minutes old."""
    figures = current_figures()
    unsettled = GaugeMetricFamily(
        "agentmessage_propagation_unsettled", "Attaches and detaches on their way.", labels=["waits_for"]
    )
    for waits_for, count in figures.unsettled.items():
        unsettled.add_metric([waits_for], count)
    yield unsettled
    failed = GaugeMetricFamily(
        "agentmessage_propagation_failed", "Numbers whose propagation has failed.", labels=["code"]
    )
    for code, count in figures.failures.items():
        failed.add_metric([code], count)
    yield failed
    oldest = 0.0 if figures.oldest is None else (datetime.now(UTC) - figures.oldest).total_seconds()
    yield GaugeMetricFamily(
        "agentmessage_propagation_oldest_seconds", "Age of the oldest that waits for no approval.", value=oldest
    )
    yield GaugeMetricFamily("agentmessage_carrier_open_orders", "Orders that are open.", value=figures.open_orders)
    ended = GaugeMetricFamily(
        "agentmessage_propagation_ended", "Numbers whose order ended lately.", labels=["minutes", "outcome"]
    )
    for rate in figures.rates:
        ended.add_metric([str(rate.minutes), "succeeded"], rate.succeeded)
        ended.add_metric([str(rate.minutes), "failed"], rate.failed)
    yield ended
    numbers = GaugeMetricFamily("agentmessage_numbers", "Numbers by state at the carrier.", labels=["status"])
    for status, count in _numbers_by_state().items():
        numbers.add_metric([status], count)
    yield numbers


def _numbers_by_state() -> dict[str, int]:
    global _states  # noqa: PLW0603  (One for the process.)
    with _lock:
        if _states is None or time.monotonic() - _states[0] > _KEPT_SECONDS:
            _states = (time.monotonic(), numbers_by_state())
        return _states[1]
