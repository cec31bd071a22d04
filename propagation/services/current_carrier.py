"""The carrier that the settings name, once for each process."""

from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from carriers.base import Carrier
from carriers.choose import Limits, build_carrier, default_limits
from propagation.services.calling import Budget


@cache
def current_carrier() -> Carrier:
    """The carrier of CARRIER_URL, at the pace of its budget. Raises ImproperlyConfigured."""
    try:
        return build_carrier(settings.CARRIER_URL, pace=lambda: current_budget().wait_for_turn())
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


@cache
def current_budget() -> Budget:
    """What CARRIER_REQUESTS_PER_SECOND allows, or what the carrier is known to bear."""
    limits = _default_limits()
    given: float | None = settings.CARRIER_REQUESTS_PER_SECOND
    return Budget(limits.carrier, limits.requests_per_second if given is None else given)


def open_orders_limit() -> int:
    """So many orders may be open at the carrier at once; 0: any number."""
    given: int | None = settings.CARRIER_OPEN_ORDERS
    return _default_limits().open_orders if given is None else given


def _default_limits() -> Limits:
    try:
        return default_limits(settings.CARRIER_URL)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None
