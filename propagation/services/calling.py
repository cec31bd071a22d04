"""The carrier that the settings name, and when it may be called: its rate limit."""

from dataclasses import dataclass
from functools import cache
from time import sleep

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from carriers.base import Carrier, CarrierUnavailable
from carriers.choose import Limits, build_carrier, default_limits

# A second's worth of requests may go out at once, ahead of an even pace.
_BURST_SECONDS = 1.0
# A thread does not wait for a turn that is further off than this; its order is polled again then.
_MAX_WAIT_SECONDS = 2.0

_TAKE_TURN = """
INSERT INTO propagation_carrierratelimit AS rate_limit (carrier, next_at)
VALUES (%(carrier)s, clock_timestamp() + (%(interval)s - %(burst)s) * interval '1 second')
ON CONFLICT (carrier) DO UPDATE
SET next_at = greatest(rate_limit.next_at, clock_timestamp() - %(burst)s * interval '1 second')
    + %(interval)s * interval '1 second'
WHERE rate_limit.next_at <= clock_timestamp() + %(max_wait)s * interval '1 second'
RETURNING extract(epoch FROM next_at - clock_timestamp())::float8 - %(interval)s
"""
_PAUSE = """
INSERT INTO propagation_carrierratelimit AS rate_limit (carrier, next_at)
VALUES (%(carrier)s, clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (carrier) DO UPDATE SET next_at = greatest(rate_limit.next_at, EXCLUDED.next_at)
"""


class RateLimited(CarrierUnavailable):
    """The carrier's rate limit is used up; nothing was sent."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("The carrier's rate limit is used up.", retry_after=retry_after, was_sent=False)


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Limit the requests to one carrier, for all workers on all machines together. 0 requests per second: no limit.

    The generic cell rate algorithm (ITU-T I.371) on one row per carrier: the row holds the time of the next request,
    and a request that takes its turn moves it on. One statement, no counter to refill, the clock of the database.
    """

    carrier: str
    requests_per_second: float

    def wait_for_turn(self) -> None:
        """Wait until the next request may go out. Raises RateLimited if that is more than two seconds off."""
        if not self.requests_per_second:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                _TAKE_TURN,
                {
                    "carrier": self.carrier,
                    "interval": 1 / self.requests_per_second,
                    "burst": _BURST_SECONDS,
                    "max_wait": _MAX_WAIT_SECONDS,
                },
            )
            row = cursor.fetchone()
        if row is None:
            raise RateLimited(retry_after=_MAX_WAIT_SECONDS)
        sleep(max(row[0], 0.0))

    def pause(self, seconds: float) -> None:
        """Let no request go out for so long, because the carrier asked for a pause."""
        with connection.cursor() as cursor:
            cursor.execute(_PAUSE, {"carrier": self.carrier, "seconds": seconds})


@cache
def current_carrier() -> Carrier:
    """Return the carrier of CARRIER_URL, one per process. Raises ImproperlyConfigured."""
    try:
        return build_carrier(settings.CARRIER_URL, pace=lambda: current_rate_limiter().wait_for_turn())
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


@cache
def current_rate_limiter() -> RateLimiter:
    """Return the limiter for CARRIER_REQUESTS_PER_SECOND, or for the carrier's default."""
    limits = _default_limits()
    configured: float | None = settings.CARRIER_REQUESTS_PER_SECOND
    return RateLimiter(limits.carrier, limits.requests_per_second if configured is None else configured)


def max_open_orders() -> int:
    """Return how many orders may be open at the carrier at once; 0: no limit."""
    configured: int | None = settings.CARRIER_OPEN_ORDERS
    return _default_limits().open_orders if configured is None else configured


def _default_limits() -> Limits:
    try:
        return default_limits(settings.CARRIER_URL)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None
