"""The counter in PostgreSQL: one row for each subject, in a table that is not logged."""

import secrets

from django.db import connection

from accounts.throttling.usage import Usage
from agentmessage.rates import Rate

# One statement in autocommit, before the request's own transaction: the row's lock is held for as long as the statement
# takes, and a refusal later does not give the hit back. The clock is the database's, the same for all processes. A
# window begins with its first hit. A statement that waited for the row has an older "now" than the row's window, which
# is why the window is over only if it ended before that. An end that is too far off is of a clock that was set back, or
# of a longer rate: it counts no more.
_COUNT = """
INSERT INTO accounts_throttlewindow AS held (subject, hits, ends_at)
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

# Rows of windows that are over, a few at a time and none that somebody is writing to.
_PURGE = """
DELETE FROM accounts_throttlewindow WHERE subject IN (
    SELECT subject FROM accounts_throttlewindow
    WHERE ends_at < statement_timestamp() - interval '1 minute'
    LIMIT 1000
    FOR UPDATE SKIP LOCKED
)
"""
_PURGE_ONE_WINDOW_IN = 100


def count_hit(subject: str, rate: Rate) -> Usage:
    """See `accounts.throttling.count_hit`. Every hundredth window that begins clears away a thousand that are over."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"subject": subject, "seconds": rate.seconds})
        hits, reset = cursor.fetchone()
    if hits == 1 and secrets.randbelow(_PURGE_ONE_WINDOW_IN) == 0:
        purge()
    return Usage(rate=rate, hits=hits, reset=reset)


def purge() -> int:
    """Deletes up to a thousand windows that are over; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(_PURGE)
        deleted: int = cursor.rowcount
    return deleted
