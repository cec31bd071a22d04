"""How long to wait before the next attempt, and before the next look at an open order. Seconds."""

import random

_FIRST_RETRY = 2.0
_LONGEST_RETRY = 3600.0
_FIRST_LOOK = 1.0
_LONGEST_LOOK = 1800.0
_CAMPAIGN_NOT_READY = 300.0


def retry_delay(attempts: int, *, retry_after: float | None = None) -> float:
    """After so many attempts that failed: doubling from two seconds to an hour, each 25 % more or less by chance so
    that numbers which failed together do not come back together. Never sooner than the carrier asked for."""
    doubled = _FIRST_RETRY * 2.0 ** min(max(attempts, 1) - 1, 30)
    return max(_jittered(min(doubled, _LONGEST_RETRY)), retry_after or 0.0)


def campaign_delay(attempts: int) -> float:
    """While the carrier does not take numbers on the campaign yet: from five minutes to an hour."""
    return _jittered(min(_CAMPAIGN_NOT_READY * max(attempts, 1), _LONGEST_RETRY))


def look_delay(age: float, *, retry_after: float | None = None) -> float:
    """Before the next look at an order of this age: a quarter of it, from a second to half an hour.

    An order that ends in seconds is seen within seconds, one that takes days costs some hundred looks.
    """
    return max(_jittered(min(max(age / 4, _FIRST_LOOK), _LONGEST_LOOK)), retry_after or 0.0)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311  (Nobody gains by guessing it.)
