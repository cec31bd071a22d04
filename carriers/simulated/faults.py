"""How unpleasant the carrier is, and its clock: real time, unless it is moved or stopped."""

import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from threading import Lock

# What a number that fails may hear, and how often: the first is retried automatically.
REASONS = {
    "temporarily_unavailable": (0.8, "The registry did not answer."),
    "not_configured": (0.1, "The account may not do that."),
    "rejected": (0.1, "The campaign does not take this number."),
    # Not by lot.
    "campaign_not_ready": (0.0, "The campaign is not approved yet."),
}


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are from 0 to 1, times are seconds."""

    latency: float = 0.0
    """Before each answer."""
    failures: float = 0.0
    """Share of the numbers of an order that fail."""
    errors: float = 0.0
    """Share of requests that are answered with HTTP 503 and not carried out."""
    lost: float = 0.0
    """Share of orders whose connection is cut; of every other one after it was carried out."""
    order_seconds: float = 0.0
    """An order is open for so long, and takes effect at its end."""
    approval_seconds: float = 0.0
    """A campaign is approved so long after it was first heard of."""
    requests_per_second: float = 0.0
    """More are answered with HTTP 429. 0: any number."""

    def changed(self, given: Mapping[str, object]) -> "Faults":
        """These with others in place. Raises ValueError, saying which is wrong."""
        known = {field.name for field in fields(self)}
        changes: dict[str, float] = {}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"{name} is none of {', '.join(sorted(known))}")
            changes[name] = amount(name, value)
        return replace(self, **changes)


def amount(name: str, value: object) -> float:
    """Return a share or a number of seconds as it came in JSON. Raises ValueError with its name."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
        raise ValueError(f"{name} must be a number from 0 on")
    return float(value)


class Chance:
    """Draws by lot; the same lots for the same seed, as long as requests come one after the other."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311  (Nothing is kept secret with it.)
        self._lock = Lock()

    def hits(self, share: float) -> bool:
        """True in this share of all calls."""
        if share <= 0:
            return False
        with self._lock:
            return self._random.random() < share

    def reason(self) -> str:
        """Why a number fails."""
        with self._lock:
            return self._random.choices(list(REASONS), [weight for weight, _ in REASONS.values()])[0]


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


class RateLimit:
    """A window of one second of the carrier's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._second = 0
        self._count = 0

    def is_over(self, requests_per_second: float) -> bool:
        """Counts a request. True if it is one too many in this second."""
        if not requests_per_second:
            return False
        with self._lock:
            second = int(self._clock.now())
            if second != self._second:
                self._second, self._count = second, 0
            self._count += 1
            return self._count > requests_per_second
