"""Registers the app under the label `numbers`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.apps import AppConfig

from agentmessage import metrics

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class PhoneNumbersConfig(AppConfig):
    """Phone numbers and their attachments.

    The label is the product's word for the app; a top-level package `numbers` would shadow the standard library's
    module, which `decimal` imports (docs/adr/0001).
    """

    name = "phone_numbers"
    label = "numbers"
    verbose_name = "Phone numbers"

    def ready(self) -> None:
        """Register the system checks and the metrics."""
        from phone_numbers import checks  # noqa: F401  (Checks register on import, which must wait for the settings.)

        metrics.register(_collect_metrics)


def _collect_metrics() -> "Iterable[Metric]":
    # Imported by the first scrape: workers and commands do without it.
    from phone_numbers.metrics import collect_propagation

    return collect_propagation()
