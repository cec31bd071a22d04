"""How fast a carrier may be asked, for all workers on all machines together.

The generic cell rate algorithm (ITU-T I.371) on one row for each carrier: the row says when the next request may go
out, and a request that takes its turn moves it on. One statement, no counter to refill, the database's clock.
"""

import time
from dataclasses import dataclass

from django.db import connection

from carriers.base import CarrierUnavailable

# Requests may come this much ahead of an even pace: a second's worth at once.
_BURST_SECONDS = 1.0
# A turn that is further off is not waited for by a thread; the order comes back then.
_LONGEST_WAIT = 2.0

_TAKE_A_TURN = """
INSERT INTO propagation_carrierratelimit AS budget (carrier, next_at)
VALUES (%(carrier)s, clock_timestamp() + (%(interval)s - %(burst)s) * interval '1 second')
ON CONFLICT (carrier) DO UPDATE
SET next_at = greatest(budget.next_at, clock_timestamp() - %(burst)s * interval '1 second')
    + %(interval)s * interval '1 second'
WHERE budget.next_at <= clock_timestamp() + %(longest)s * interval '1 second'
RETURNING extract(epoch FROM next_at - clock_timestamp())::float8 - %(interval)s
"""
_HOLD_BACK = """
INSERT INTO propagation_carrierratelimit AS budget (carrier, next_at)
VALUES (%(carrier)s, clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (carrier) DO UPDATE SET next_at = greatest(budget.next_at, EXCLUDED.next_at)
"""


class NotYet(CarrierUnavailable):
    """The carrier's rate is used up for now; nothing was sent."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("The carrier's rate is used up for now.", retry_after=retry_after, was_sent=False)


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of one carrier. `requests_per_second` 0: as fast as it goes."""

    carrier: str
    requests_per_second: float

    def wait_for_turn(self) -> None:
        """Waits until the next request may go out. Raises NotYet if that is more than two seconds off."""
        if not self.requests_per_second:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                _TAKE_A_TURN,
                {
                    "carrier": self.carrier,
                    "interval": 1 / self.requests_per_second,
                    "burst": _BURST_SECONDS,
                    "longest": _LONGEST_WAIT,
                },
            )
            row = cursor.fetchone()
        if row is None:
            raise NotYet(retry_after=_LONGEST_WAIT)
        time.sleep(max(row[0], 0.0))

    def hold_back(self, seconds: float) -> None:
        """The carrier has asked for a pause: nobody asks it anything for so long."""
        with connection.cursor() as cursor:
            cursor.execute(_HOLD_BACK, {"carrier": self.carrier, "seconds": seconds})
