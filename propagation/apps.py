"""Registers the app's checks and metrics."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.apps import AppConfig

from agentmessage import metrics

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class PropagationConfig(AppConfig):
    """Propagation of attachments to the carrier."""

    name = "propagation"
    verbose_name = "Carrier"

    def ready(self) -> None:
        """Register the system checks and the metrics."""
        from propagation import checks  # noqa: F401  (Checks register on import, which must wait for the settings.)

        metrics.register(_collect_metrics)


def _collect_metrics() -> "Iterable[Metric]":
    # Imported by the first scrape: workers and commands do without it.
    from propagation.metrics import collect_propagation

    return collect_propagation()
