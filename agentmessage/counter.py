"""The exact counter: it counts across threads, processes and machines (docs/adr/0008).

A subject is a short text that says who is counted for what: a key, or a network that sends wrong keys. Statements run
in autocommit, before the caller's own transaction: a row is locked for the time of one statement, and a rollback does
not return a hit. The clock is the database's, the same for all processes.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from agentmessage.models import Counter
from agentmessage.rates import Rate


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a rate is used: `hits` so far, this one included, in a window that ends in `reset` whole seconds."""

    rate: Rate
    hits: int
    reset: int

    @property
    def is_over(self) -> bool:
        """Whether this hit exceeds the rate."""
        return self.hits > self.rate.limit

    @property
    def remaining(self) -> int:
        """How many hits the window has left."""
        return max(0, self.rate.limit - self.hits)


# A window begins with its first hit. A statement that waited for the row has an older "now" than the row's window, so
# the window is over only if it ended before that. An end that is too far away comes from a clock that was set back or
# from a longer rate: a new window begins.
_HIT = """
INSERT INTO agentmessage_counter AS held (subject, hits, ends_at)
VALUES (%(subject)s, 1, statement_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (subject) DO UPDATE SET (hits, ends_at) = (
    SELECT CASE WHEN fresh THEN 1 ELSE held.hits + 1 END, CASE WHEN fresh THEN EXCLUDED.ends_at ELSE held.ends_at END
    FROM (
        SELECT held.ends_at <= statement_timestamp()
            OR held.ends_at > EXCLUDED.ends_at + %(seconds)s * interval '1 second' AS fresh
    ) AS decided
)
RETURNING hits, greatest(1, ceil(extract(epoch FROM ends_at - clock_timestamp())))::integer
"""

# Here `ends_at` is when the next attempt may come. Attempts are forgotten a day after that.
_ATTEMPT = """
INSERT INTO agentmessage_counter AS held (subject, hits, ends_at)
VALUES (%(subject)s, 1, clock_timestamp() + (%(delays)s::integer[])[1] * interval '1 second')
ON CONFLICT (subject) DO UPDATE SET (hits, ends_at) = (
    SELECT attempt, clock_timestamp() + (%(delays)s::integer[])[least(attempt, %(count)s)] * interval '1 second'
    FROM (
        SELECT CASE
            WHEN held.ends_at BETWEEN clock_timestamp() - interval '1 day' AND clock_timestamp() THEN held.hits + 1
            ELSE 1
        END AS attempt
    ) AS counted
)
WHERE held.ends_at <= clock_timestamp()
    OR held.ends_at > clock_timestamp() + (%(delays)s::integer[])[%(count)s] * interval '1 second'
RETURNING hits
"""
_ATTEMPT_TOO_EARLY = """
UPDATE agentmessage_counter
SET hits = hits + 1,
    ends_at = clock_timestamp() + (%(delays)s::integer[])[least(hits + 1, %(count)s)] * interval '1 second'
WHERE subject = %(subject)s
RETURNING greatest(1, ceil(extract(epoch FROM ends_at - clock_timestamp())))::integer
"""

_PURGE_ONE_NEW_ROW_IN = 100


def count_hit(subject: str, rate: Rate) -> Usage:
    """Count a hit of `subject` in its present window."""
    with connection.cursor() as cursor:
        cursor.execute(_HIT, {"subject": subject, "seconds": rate.seconds})
        hits, reset = cursor.fetchone()
    _purge_sometimes(hits)
    return Usage(rate=rate, hits=hits, reset=reset)


def count_attempt(subject: str, delays: Sequence[int]) -> int:
    """Count an attempt of `subject` before its secret is checked; `forget` it when the secret is right.

    An attempt that comes too early counts as well, so the delay keeps rising. Of many concurrent attempts, exactly as
    many pass as would pass one after another.

    Args:
        subject: Who tries to get in.
        delays: The seconds to wait after the first, second and each later attempt, in rising order. The last repeats.

    Returns:
        0 if the secret may be checked, or the whole seconds that the next attempt has to wait.
    """
    values: dict[str, Any] = {"subject": subject, "delays": list(delays), "count": len(delays)}
    with connection.cursor() as cursor:
        cursor.execute(_ATTEMPT, values)
        passed = cursor.fetchone()
        if passed is not None:
            _purge_sometimes(passed[0])
            return 0
        cursor.execute(_ATTEMPT_TOO_EARLY, values)
        waiting = cursor.fetchone()
    # Without a row, a concurrent attempt had the right secret, and this one is the first again.
    return count_attempt(subject, delays) if waiting is None else waiting[0]


def forget(subject: str) -> None:
    """Forget all attempts of `subject`."""
    Counter.objects.filter(subject=subject).delete()


def purge() -> int:
    """Delete up to a thousand rows that ended more than a day ago, and return their number."""
    # A batch at a time, without waiting for rows that are in use.
    old = Counter.objects.filter(ends_at__lt=Now() - timedelta(days=1)).select_for_update(skip_locked=True)
    return Counter.objects.filter(subject__in=old.values("subject")[:1000]).delete()[0]


def _purge_sometimes(hits: int) -> None:
    if hits == 1 and secrets.randbelow(_PURGE_ONE_NEW_ROW_IN) == 0:
        purge()
