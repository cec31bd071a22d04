"""What the service asks of its PostgreSQL session beside rows: the time, timeouts, and locks that belong to no row.

Timeouts and locks end with the transaction, so they work through pgbouncer as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import BoundedSemaphore
from typing import Any
from zlib import crc32

from django.conf import settings
from django.db import connection

# A thread that may not wait for a lock for long still waits for one that is about to be released.
_SHORT_WAIT_SECONDS = 0.25
_waiters = None if settings.DATABASE_LOCK_WAITERS is None else BoundedSemaphore(settings.DATABASE_LOCK_WAITERS)


def call(function: str, *arguments: str | int) -> Any:
    """Return the result of a function of PostgreSQL. The ORM writes no SELECT without a table."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({', '.join(['%s'] * len(arguments))})", arguments)
        return cursor.fetchone()[0]


def database_now() -> datetime:
    """Return the time by the database's clock, which all machines share: a wrong clock of one delays nothing."""
    now: datetime = call("statement_timestamp")
    return now


def wait_for_turn(kind: str, name: str) -> None:
    """Let one transaction at a time go on with this, until it ends."""
    call("pg_advisory_xact_lock", *(crc32(text.encode()) >> 1 for text in (kind, name)))


def set_timeout(name: str, seconds: float) -> None:
    """Set one of PostgreSQL's timeouts for the rest of the transaction."""
    call("set_config", name, f"{max(1, round(seconds * 1000))}ms", True)


def allow_bulk_statements() -> None:
    """Let the statements of the rest of the transaction take as long as those of a bulk operation or an export."""
    set_timeout("statement_timeout", settings.DATABASE_BULK_STATEMENT_TIMEOUT)


@contextmanager
def waiting_for_lock() -> Iterator[None]:
    """Limit how many threads of this process wait in such blocks, so that the others are free to serve.

    DATABASE_LOCK_WAITERS of them wait as long as lock_timeout says, further ones a quarter of a second.
    """
    may_wait = _waiters is None or _waiters.acquire(blocking=False)
    if not may_wait:
        set_timeout("lock_timeout", _SHORT_WAIT_SECONDS)
    try:
        yield
    finally:
        if may_wait and _waiters is not None:
            _waiters.release()
