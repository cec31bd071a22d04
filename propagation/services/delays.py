"""How long to wait before the next attempt at a carrier, and before the next poll."""

import random

_FIRST_RETRY_SECONDS = 2.0
_MAX_RETRY_SECONDS = 3600.0
_CAMPAIGN_NOT_READY_SECONDS = 300.0
_FIRST_POLL_SECONDS = 2.0
_MAX_POLL_SECONDS = 1800.0


def retry_delay(attempts: int, *, retry_after: float | None = None) -> float:
    """Return the seconds before the next attempt after so many failed ones, at least what the carrier asked for.

    Doubles from two seconds to an hour, with 25 % jitter so that numbers that failed together do not return together.
    """
    doubled = _FIRST_RETRY_SECONDS * 2.0 ** min(max(attempts, 1) - 1, 30)
    return max(_jittered(min(doubled, _MAX_RETRY_SECONDS)), retry_after or 0.0)


def campaign_delay(attempts: int) -> float:
    """Return the seconds before the next attempt while the campaign is not ready: from five minutes to an hour."""
    return _jittered(min(_CAMPAIGN_NOT_READY_SECONDS * max(attempts, 1), _MAX_RETRY_SECONDS))


def poll_delay(age: float, *, retry_after: float | None = None) -> float:
    """Return the seconds before the next poll of an order of this age: a quarter of it, from 2 s to half an hour.

    An order that ends in seconds is seen within seconds, and one that takes days costs some hundred polls.
    """
    return max(_jittered(min(age / 4, _MAX_POLL_SECONDS)), _FIRST_POLL_SECONDS, retry_after or 0.0)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311  (Not a secret.)
