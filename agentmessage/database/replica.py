"""Reads that a streaming replica may answer, and never with less than the caller could know (docs/adr/0014).

Before each of them the primary is asked how far its log is flushed, and the replica whether it has replayed that much.
Every write that has been answered is below that mark, whoever made it and in whichever process, so nothing needs to be
remembered about writes. A replica that is down or does not catch up at once is left alone for a while: the primary
answers.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections, transaction

log = structlog.get_logger(__name__)

REPLICA = "replica"
# Seconds that a read waits for the replica to catch up: some times the lag of a healthy one in the same network.
_WAIT = 0.05
_FIRST_NAP = 0.000_5
# Seconds for which nobody asks the replica again, after it was late and after it failed. Process memory is enough for
# this: it decides how fast an answer comes, never what it says.
_PAUSE_WHEN_BEHIND = 1.0
_PAUSE_WHEN_DOWN = 5.0

_FLUSHED = "SELECT pg_current_wal_flush_lsn()::text"
# A former replica that has been promoted is none.
_REPLAYED = "SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false)"

Result = TypeVar("Result")


class _Pause:
    """Until when, on the monotonic clock, the replica is left alone."""

    until = 0.0


class _Behind(Exception):
    """The replica has not replayed what the primary had written when it was asked."""


def read_from_replica(read: Callable[[str], Result]) -> Result:
    """What `read` returns for the alias of the database to ask: the replica if there is one that is up to date.

    `read` only reads, through that alias alone, and returns values or whole lists, not querysets. It may be called a
    second time, on the primary. Inside a transaction of the primary it is called there, so that it sees what the
    transaction has written. Raises what `read` raises on the primary.
    """
    if settings.DATABASE_REPLICA_URL is None or connection.in_atomic_block or time.monotonic() < _Pause.until:
        return read(DEFAULT_DB_ALIAS)
    with connection.cursor() as cursor:
        cursor.execute(_FLUSHED)
        (flushed,) = cursor.fetchone()
    try:
        # One transaction, so that behind a pooler the server that was asked for its position is the one that answers.
        # READ COMMITTED: the rows are read with a snapshot that is younger than the position.
        with transaction.atomic(using=REPLICA):
            _wait_for(flushed)
            return read(REPLICA)
    except _Behind as error:
        _leave_alone(_PAUSE_WHEN_BEHIND, error)
    except (OperationalError, InterfaceError) as error:
        # Also a statement that the replica cancels because it must replay what the statement stands in the way of.
        _leave_alone(_PAUSE_WHEN_DOWN, error)
    return read(DEFAULT_DB_ALIAS)


def _wait_for(flushed: str) -> None:
    deadline = time.monotonic() + _WAIT
    nap = _FIRST_NAP
    with connections[REPLICA].cursor() as cursor:
        while True:
            cursor.execute(_REPLAYED, [flushed])
            is_replica, has_replayed = cursor.fetchone()
            if not is_replica:
                raise _Behind("DATABASE_REPLICA_URL names a server that is no replica")
            if has_replayed:
                return
            if time.monotonic() + nap > deadline:
                raise _Behind(f"not at {flushed} after {_WAIT} s")
            time.sleep(nap)
            nap *= 2


def _leave_alone(seconds: float, error: Exception) -> None:
    _Pause.until = time.monotonic() + seconds
    log.warning("replica_not_used", seconds=seconds, reason=str(error))
