"""System checks for a deployment. One asks the database: `manage.py check --database default`."""

from collections.abc import Collection, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Error as CheckError
from django.core.checks import Warning as CheckWarning
from django.db import connections


@register(deploy=True)
def check_database_is_given(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:  # noqa: ARG001  (Django's signature)
    """Without a database nothing works but the commands that need none."""
    if settings.DATABASE_URL is None:
        return [
            CheckError(
                "DATABASE_URL is not set.",
                hint="Set it to a PostgreSQL 15 to 18 that is backed up: postgres://user:password@host:5432/name",
                id="agentmessage.E001",
            )
        ]
    return []


@register(Tags.database)
def check_lock_timeout(
    app_configs: Sequence[Any] | None,  # noqa: ARG001  (Django's signature)
    databases: Collection[str] | None = None,
    **kwargs: object,  # noqa: ARG001
) -> list[CheckMessage]:
    """Behind pgbouncer nothing of ours limits how long a statement waits for a lock: somebody else must."""
    if not settings.DATABASE_PGBOUNCER or "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        if cursor.fetchone() != ("0",):
            return []
    return [
        CheckWarning(
            "Behind pgbouncer an attach waits for a row's lock for ever.",
            hint="Set it in pgbouncer.ini: connect_query='SET lock_timeout = ''10s''' (docs/scale.md).",
            id="agentmessage.W002",
        )
    ]
