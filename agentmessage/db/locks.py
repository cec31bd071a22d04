"""Locks that belong to no row."""

from django.db import connection


def wait_for_turn(kind: str, name: str) -> None:
    """Let one transaction at a time go on with this, until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))", [kind, name])
