"""The simulated carrier's clock: real time, unless it is moved or stopped."""

import time
from threading import Lock


class Clock:
    """Seconds since 1970, as the carrier counts them: for open orders, approvals and its rate limit. Thread-safe.

    `advance` moves it forward, so that whatever takes its time at the carrier ends without a wait. A `stopped` clock
    moves in no other way: the speed of the machine then makes no difference.
    """

    def __init__(self, *, stopped: bool = False) -> None:
        # A whole second: sums of seconds stay exact.
        self._stopped_at = time.time() // 1 if stopped else None
        self._ahead = 0.0
        self._lock = Lock()

    def now(self) -> float:
        """Return the carrier's present moment."""
        return (time.time() if self._stopped_at is None else self._stopped_at) + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        with self._lock:
            self._ahead += seconds
