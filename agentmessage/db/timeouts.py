"""Timeouts of one transaction, beside those that its connection has from the settings.

PostgreSQL forgets them when the transaction ends, so they work through pgbouncer as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.conf import settings
from django.db import connection

# A thread that may not wait for a lock for long still waits for one that is about to be released.
_SHORT_WAIT_SECONDS = 0.25
_waiters = None if settings.DATABASE_LOCK_WAITERS is None else BoundedSemaphore(settings.DATABASE_LOCK_WAITERS)


def set_timeout(name: str, seconds: float) -> None:
    """Set one of PostgreSQL's timeouts for the rest of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [name, f"{max(1, round(seconds * 1000))}ms"])


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
