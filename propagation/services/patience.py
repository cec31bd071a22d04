"""Asks a carrier again that cannot answer just now, for work that has no queue to go back to."""

from collections.abc import Callable
from time import sleep
from typing import TypeVar

from carriers.base import CarrierUnavailable

T = TypeVar("T")

_TRIES = 6
_LONGEST_PAUSE = 60.0


def ask_patiently(ask: Callable[[], T]) -> T:
    """What `ask` returns, once it does: after as long as the carrier asks for, or after 1, 2, 4, 8 and 16 seconds.

    Raises CarrierUnavailable if the sixth time is no better.
    """
    for attempt in range(_TRIES - 1):
        try:
            return ask()
        except CarrierUnavailable as unavailable:
            sleep(min(unavailable.retry_after or 2.0**attempt, _LONGEST_PAUSE))
    return ask()
