"""The accounts at carriers, and when each may be called: its rate limits."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from time import sleep

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Greatest, Now

from agentmessage.db.session import database_now
from carriers.base import Carrier, CarrierUnavailable
from carriers.choose import Limits, build_carrier, default_limits
from propagation.models import CarrierRateLimit

# A second's worth of requests may go out at once, ahead of an even pace.
_BURST_SECONDS = 1.0
# A thread does not wait for a turn that is further off than this; its order is polled again then.
_MAX_WAIT_SECONDS = 2.0

_TAKE_TURN = """
INSERT INTO propagation_carrierratelimit AS rate_limit (name, next_at)
VALUES (%(name)s, clock_timestamp() + (%(interval)s - %(burst)s) * interval '1 second')
ON CONFLICT (name) DO UPDATE
SET next_at = greatest(rate_limit.next_at, clock_timestamp() - %(burst)s * interval '1 second')
    + %(interval)s * interval '1 second'
WHERE rate_limit.next_at <= clock_timestamp() + %(max_wait)s * interval '1 second'
RETURNING extract(epoch FROM next_at - clock_timestamp())::float8 - %(interval)s
"""
# The rate limit in whose turn this thread's next request goes out.
_reserved: ContextVar[str | None] = ContextVar("reserved", default=None)


class RateLimited(CarrierUnavailable):
    """The account's rate limit is used up; nothing was sent."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("The carrier's rate limit is used up.", retry_after=retry_after, was_sent=False)


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Limit the requests to one account, for all workers on all machines together. 0 requests per second: no limit.

    The generic cell rate algorithm (ITU-T I.371) on one row per account: the row holds the time of the next request,
    and a request that takes its turn moves it on. One statement, no counter to refill, the clock of the database.
    """

    name: str
    requests_per_second: float

    def pace(self) -> AbstractContextManager[None]:
        """Take a turn for one request, unless one is reserved. HTTP 429 within the result pauses all workers.

        Raises RateLimited.
        """
        if _reserved.get() == self.name:
            _reserved.set(None)
        else:
            self.wait_for_turn()
        return self._pausing()

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Take a turn now, for the next request within the block. Raises RateLimited."""
        self.wait_for_turn()
        token = _reserved.set(self.name)
        try:
            yield
        finally:
            _reserved.reset(token)

    def wait_for_turn(self) -> None:
        """Wait until the next request may go out. Raises RateLimited if that is more than two seconds off."""
        if self.requests_per_second:
            interval = 1 / self.requests_per_second
            burst = _BURST_SECONDS if interval < _BURST_SECONDS else 0
            with connection.cursor() as cursor:
                cursor.execute(
                    _TAKE_TURN,
                    {"name": self.name, "interval": interval, "burst": burst, "max_wait": _MAX_WAIT_SECONDS},
                )
                row = cursor.fetchone()
            if row is None:
                raise RateLimited(max(self.paused_seconds(), _MAX_WAIT_SECONDS))
            if row[0] <= 0:
                return
            sleep(row[0])
        # The carrier may have asked for a pause meanwhile.
        if paused := self.paused_seconds():
            raise RateLimited(paused)

    def pause(self, seconds: float) -> None:
        """Let no request go out for so long, because the carrier asked for a pause."""
        until = database_now() + timedelta(seconds=seconds)
        CarrierRateLimit.objects.get_or_create(name=self.name, defaults={"next_at": until})
        CarrierRateLimit.objects.filter(name=self.name).update(
            next_at=Greatest("next_at", Value(until)), paused_until=Greatest("paused_until", Value(until))
        )

    def paused_seconds(self) -> float:
        """Return how much of the carrier's pause is left; 0.0 if there is none."""
        paused = CarrierRateLimit.objects.filter(name=self.name, paused_until__gt=Now())
        left = paused.values_list(F("paused_until") - Now(), flat=True).first()
        return left.total_seconds() if left else 0.0

    @contextmanager
    def _pausing(self) -> Iterator[None]:
        try:
            yield
        except CarrierUnavailable as unavailable:
            if unavailable.retry_after is not None and not unavailable.was_sent:
                self.pause(unavailable.retry_after)
            raise


@cache
def carrier_of(account: str) -> Carrier:
    """Return the adapter of an account in CARRIERS, one per process. Raises ImproperlyConfigured."""
    pace = rate_limiter_of(account).pace
    try:
        return build_carrier(settings.CARRIERS[account], pace=pace, account=account)
    except ValueError as error:
        raise _improperly_configured(account, error) from None


@cache
def rate_limiter_of(account: str) -> RateLimiter:
    """Return the account's limiter, for CARRIER_REQUESTS_PER_SECOND or for the carrier's default."""
    configured: float | None = settings.CARRIER_REQUESTS_PER_SECOND
    return RateLimiter(account, limits_of(account).requests_per_second if configured is None else configured)


def max_open_orders(account: str) -> int:
    """Return how many orders may be open at the account at once; 0: no limit."""
    configured: int | None = settings.CARRIER_OPEN_ORDERS
    return limits_of(account).open_orders if configured is None else configured


def limits_of(account: str) -> Limits:
    """Return the default limits of the account's carrier. Raises ImproperlyConfigured."""
    if account not in settings.CARRIERS:
        raise ImproperlyConfigured(f"CARRIERS has no account {account}.")
    try:
        return default_limits(settings.CARRIERS[account])
    except ValueError as error:
        raise _improperly_configured(account, error) from None


def wait_for_campaign_lookup(account: str) -> None:
    """Wait until the account may be asked about a campaign, which carriers limit apart. Raises RateLimited."""
    if per_minute := limits_of(account).campaign_lookups_per_minute:
        RateLimiter(f"{account}/campaigns", per_minute / 60).wait_for_turn()


def _improperly_configured(account: str, error: ValueError) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"The carrier account {account}: {error}")
