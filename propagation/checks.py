"""System checks of CARRIER_URL and, for `manage.py check --deploy --database default`, of the workers."""

from collections.abc import Collection, Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import ProgrammingError

from carriers.choose import build_carrier, default_limits


@register()
def check_carrier(**_given: Any) -> list[CheckMessage]:
    """Check that CARRIER_URL names a carrier. Cheap, because every command runs it."""
    try:
        default_limits(settings.CARRIER_URL)
    except ValueError as error:
        return [Error(str(error), id="propagation.E001")]
    return []


@register(deploy=True)
def check_carrier_address(**_given: Any) -> list[CheckMessage]:
    """Check the whole of CARRIER_URL."""
    try:
        build_carrier(settings.CARRIER_URL, pace=lambda: None)
    except ValueError as error:
        return [Error(str(error), id="propagation.E002")]
    return []


@register(deploy=True)
def check_carrier_settings_work_together(**_given: Any) -> list[CheckMessage]:
    """Warn about a carrier that is not real and about settings that do not fit the carrier."""
    try:
        carrier = default_limits(settings.CARRIER_URL).carrier
    except ValueError:
        return []  # check_carrier reports it.
    return list(_contradictions(carrier))


@register(Tags.database, deploy=True)
def check_workers(databases: Collection[str] | None = None, **_given: Any) -> list[CheckMessage]:
    """Warn if no worker has reported lately: attachments then stay pending."""
    if "default" not in (databases or ()):
        return []
    # Deferred, because the models are loaded after the apps have named their checks.
    from propagation.services.stats import worker_heartbeats

    try:
        workers, _newest = worker_heartbeats()
    except ProgrammingError:
        return [CheckWarning("The database lacks tables.", hint="Run manage.py migrate.", id="propagation.W008")]
    if workers:
        return []
    return [
        CheckWarning(
            "No worker has reported in the last 30 seconds: attachments stay pending.",
            hint="Start manage.py run_worker, on any machine.",
            id="propagation.W007",
        )
    ]


def _contradictions(carrier: str) -> Iterator[CheckWarning]:
    # Deferred, because it loads an HTTP client that only workers need.
    from carriers.http import TOTAL_SECONDS

    if carrier == "simulated":
        yield CheckWarning(
            "The carrier is simulated: numbers become `propagated` without any carrier being notified.",
            hint="Set CARRIER_URL to an account at Bandwidth or Telnyx.",
            id="propagation.W003",
        )
    if settings.PROPAGATION_LEASE_SECONDS <= TOTAL_SECONDS:
        yield CheckWarning(
            f"PROPAGATION_LEASE_SECONDS is not longer than a call to the carrier may take ({TOTAL_SECONDS:g} seconds).",
            hint="Set a longer lease, or a second worker repeats the call while the first one still waits.",
            id="propagation.W004",
        )
    if carrier != "bandwidth" and settings.CARRIER_WEBHOOK_CREDENTIALS is not None:
        yield CheckWarning(
            "CARRIER_WEBHOOK_CREDENTIALS is set, but CARRIER_URL is not an account at Bandwidth.",
            hint="Unset CARRIER_WEBHOOK_CREDENTIALS, or set CARRIER_URL to that account.",
            id="propagation.W005",
        )
    if carrier != "telnyx" and settings.TELNYX_PUBLIC_KEY is not None:
        yield CheckWarning(
            "TELNYX_PUBLIC_KEY is set, but CARRIER_URL is not an account at Telnyx.",
            hint="Unset TELNYX_PUBLIC_KEY, or set CARRIER_URL to that account.",
            id="propagation.W006",
        )
