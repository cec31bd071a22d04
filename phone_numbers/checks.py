"""What `manage.py check` says about the carrier."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from phone_numbers.carriers.choose import build_carrier, default_limits


@register()
def check_carrier(**_given: Any) -> list[CheckMessage]:
    """Whether CARRIER_URL names a carrier. Cheap, so that it is looked at by every command."""
    try:
        default_limits(settings.CARRIER_URL)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="phone_numbers.E001")]
    return []


@register(deploy=True)
def check_carriers_address(**_given: Any) -> list[CheckMessage]:
    """Whether all of it can be understood."""
    try:
        build_carrier(settings.CARRIER_URL, pace=lambda: None)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="phone_numbers.E002")]
    return []


@register(deploy=True)
def check_carrier_settings_work_together(**_given: Any) -> list[CheckMessage]:
    """Warn about a carrier that is not real and about settings that do not fit the carrier."""
    try:
        carrier = default_limits(settings.CARRIER_URL).carrier
    except ImproperlyConfigured:
        return []  # check_carrier reports it.
    return list(_contradictions(carrier))


def _contradictions(carrier: str) -> Iterator[CheckWarning]:
    # Deferred, because it loads an HTTP client that only workers need.
    from phone_numbers.carriers.http import TOTAL_SECONDS

    if carrier == "simulated":
        yield CheckWarning(
            "The carrier is simulated: numbers become `propagated` without any carrier being notified.",
            hint="Set CARRIER_URL to an account at Bandwidth or Telnyx.",
            id="phone_numbers.W003",
        )
    if settings.PROPAGATION_LEASE_SECONDS <= TOTAL_SECONDS:
        yield CheckWarning(
            f"PROPAGATION_LEASE_SECONDS is not longer than a call to the carrier may take ({TOTAL_SECONDS:g} seconds).",
            hint="Set a longer lease, or a second worker repeats the call while the first one still waits.",
            id="phone_numbers.W004",
        )
    if carrier != "bandwidth" and settings.CARRIER_WEBHOOK_CREDENTIALS is not None:
        yield CheckWarning(
            "CARRIER_WEBHOOK_CREDENTIALS is set, but CARRIER_URL is not an account at Bandwidth.",
            hint="Unset CARRIER_WEBHOOK_CREDENTIALS, or set CARRIER_URL to that account.",
            id="phone_numbers.W005",
        )
    if carrier != "telnyx" and settings.TELNYX_PUBLIC_KEY is not None:
        yield CheckWarning(
            "TELNYX_PUBLIC_KEY is set, but CARRIER_URL is not an account at Telnyx.",
            hint="Unset TELNYX_PUBLIC_KEY, or set CARRIER_URL to that account.",
            id="phone_numbers.W006",
        )
