"""System checks for a deployment. Two ask a database: `manage.py check --database default --database replica`."""

from collections.abc import Collection, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Error as CheckError
from django.core.checks import Warning as CheckWarning
from django.db import DEFAULT_DB_ALIAS, connections

from agentmessage.database.replica import REPLICA


@register(Tags.database, deploy=True)
def check_database_is_given(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:  # noqa: ARG001  (Django's signature)
    """A deployment has a PostgreSQL of its own; the embedded one is for trying and testing."""
    if settings.DATABASE_URL is None:
        return [
            CheckWarning(
                "The embedded PostgreSQL is for trying the service and for its tests.",
                hint="Set DATABASE_URL to a PostgreSQL 15 to 18 that is backed up.",
                id="agentmessage.W001",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def check_proxy_is_trusted(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:  # noqa: ARG001  (Django's signature)
    """A deployment with HTTPS usually has a proxy that ends TLS."""
    if settings.HTTPS and not settings.TRUST_PROXY:
        return [
            CheckWarning(
                "HTTPS is on and TRUST_PROXY is off: behind a proxy, all clients share the proxy's address, so wrong "
                "keys and passwords of one client count for all, and the admin redirects to HTTPS forever.",
                hint="Set TRUST_PROXY=on behind a proxy that sets X-Forwarded-For and X-Forwarded-Proto.",
                id="agentmessage.W004",
            )
        ]
    return []


@register(Tags.database)
def check_lock_timeout(
    app_configs: Sequence[Any] | None,  # noqa: ARG001  (Django's signature, here and below)
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


@register(Tags.database)
def check_replica_is_one(
    app_configs: Sequence[Any] | None,  # noqa: ARG001
    databases: Collection[str] | None = None,
    **kwargs: object,  # noqa: ARG001
) -> list[CheckMessage]:
    """Another server than a replica of the primary would never be asked, or answer about something else."""
    if settings.DATABASE_REPLICA_URL is None or REPLICA not in (databases or ()):
        return []
    found = []
    for alias in (DEFAULT_DB_ALIAS, REPLICA):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT system_identifier, pg_is_in_recovery() FROM pg_control_system()")
            found.append(cursor.fetchone())
    (primary, _), (replica, is_replica) = found
    if replica == primary and is_replica:
        return []
    return [
        CheckError(
            "DATABASE_REPLICA_URL does not name a streaming replica of DATABASE_URL's server.",
            hint="Make one with pg_basebackup --write-recovery-conf (docs/scale.md).",
            id="agentmessage.E003",
        )
    ]
