"""System checks of the carrier accounts and, for `manage.py check --deploy --database default`, of the workers."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError

from propagation.services.calling import carrier_of, limits_of


@register()
def check_carriers(**_given: Any) -> list[CheckMessage]:
    """Check that each account names a carrier. Cheap, because every command runs it."""
    return _refused(limits_of, "propagation.E001")


@register(deploy=True)
def check_carrier_addresses(**_given: Any) -> list[CheckMessage]:
    """Check the whole addresses of the accounts."""
    return _refused(carrier_of.__wrapped__, "propagation.E002")


@register(deploy=True)
def check_carrier_settings_work_together(**_given: Any) -> list[CheckMessage]:
    """Warn about a carrier that is not real and about settings that do not fit the carriers."""
    try:
        carriers = {limits_of(account).carrier for account in settings.CARRIERS}
    except ImproperlyConfigured:
        return []  # check_carriers reports it.
    return list(_contradictions(carriers))


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


def _refused(read: Callable[[str], object], code: str) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    for account in settings.CARRIERS:
        try:
            read(account)
        except ImproperlyConfigured as error:
            errors.append(Error(str(error), id=code))
    return errors


def _contradictions(carriers: set[str]) -> Iterator[CheckWarning]:
    # Deferred, because it loads an HTTP client that only workers need.
    from carriers.http import TOTAL_SECONDS

    if "simulated" in carriers:
        yield CheckWarning(
            "A carrier is simulated: numbers become `propagated` without any carrier being notified.",
            hint="Set CARRIER_URL or CARRIERS to accounts at Bandwidth or Telnyx.",
            id="propagation.W003",
        )
    if settings.PROPAGATION_LEASE_SECONDS <= TOTAL_SECONDS:
        yield CheckWarning(
            f"PROPAGATION_LEASE_SECONDS is not longer than a call to the carrier may take ({TOTAL_SECONDS:g} seconds).",
            hint="Set a longer lease, or a second worker repeats the call while the first one still waits.",
            id="propagation.W004",
        )
    if "bandwidth" not in carriers and settings.CARRIER_WEBHOOK_CREDENTIALS is not None:
        yield CheckWarning(
            "CARRIER_WEBHOOK_CREDENTIALS is set, but no account is at Bandwidth.",
            hint="Unset CARRIER_WEBHOOK_CREDENTIALS, or add that account.",
            id="propagation.W005",
        )
    if "telnyx" not in carriers and settings.TELNYX_PUBLIC_KEY is not None:
        yield CheckWarning(
            "TELNYX_PUBLIC_KEY is set, but no account is at Telnyx.",
            hint="Unset TELNYX_PUBLIC_KEY, or add that account.",
            id="propagation.W006",
        )
