"""Wait for a condition, never for a time. This is the only place in the tests that polls."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

T = TypeVar("T")

DEADLINE = 120.0
"""Seconds until a wait has failed: far above what the slowest machine needs, so that only a defect reaches it."""


def wait_until(condition: Callable[[], T], what: str) -> T:
    """Poll `condition` and return its first true result. Raises AssertionError, naming `what`, after the deadline."""
    start = time.monotonic()
    while not (result := condition()):
        waited = time.monotonic() - start
        if waited > DEADLINE:
            raise AssertionError(f"Waited {DEADLINE:g} seconds in vain until {what}.")
        time.sleep(min(0.01 + waited / 20, 0.1))  # The poll: rarer with time, to leave the processor to the others.
    return result


def connections_waiting_for_locks() -> int:
    """Count the connections to this database that another one's lock holds up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # Within a transaction, activity is read only once.
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        count: int = cursor.fetchone()[0]
    return count
