"""The database's clock, which all machines share: a machine whose own clock is wrong delays nothing."""

from datetime import datetime, timedelta

from django.db import connection


def database_now() -> datetime:
    """Return the time by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def moment_after(earlier: datetime, *, now: datetime | None = None) -> datetime:
    """Return the time, or a later one if `earlier` has not passed yet: the history of a number must be in order."""
    return max(now or database_now(), earlier + timedelta(microseconds=1))
