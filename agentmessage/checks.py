"""System checks for a deployment. One asks the database: `manage.py check --database default`."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as CheckWarning

from agentmessage.db.configuration import TIMEOUTS
from agentmessage.db.session import call
from agentmessage.environment import LOCAL_HOSTS, env


@register(deploy=True)
def check_settings_work_together(**_given: object) -> list[CheckMessage]:
    """Warn about settings that are valid one by one but cannot work together."""
    return list(_contradictions())


def _contradictions() -> Iterator[CheckWarning]:
    if set(settings.ALLOWED_HOSTS) <= set(LOCAL_HOSTS):
        yield CheckWarning(
            "ALLOWED_HOSTS has only names of this machine, so the admin answers 400 to everyone else.",
            hint="Set ALLOWED_HOSTS to the host name of the service.",
            id="agentmessage.W010",
        )
    if settings.HTTPS and any(origin.startswith("http://") for origin in settings.CSRF_TRUSTED_ORIGINS):
        yield CheckWarning(
            "CSRF_TRUSTED_ORIGINS has an http:// origin, but HTTPS is on: sign-in cookies are not sent there.",
            hint="Write the origin with https://, or set HTTPS=off.",
            id="agentmessage.W011",
        )
    if settings.HTTPS and not settings.TRUST_PROXY:
        yield CheckWarning(
            "HTTPS is on, but TRUST_PROXY is off: behind a proxy that ends TLS, all clients share the proxy's address, "
            "so wrong keys and passwords of one count for all, and the admin redirects to HTTPS forever.",
            hint="Set TRUST_PROXY=on if a proxy sets X-Forwarded-For and X-Forwarded-Proto.",
            id="agentmessage.W015",
        )
    if settings.DATABASE_PGBOUNCER and settings.DATABASE_URL is None:
        yield CheckWarning(
            "DATABASE_PGBOUNCER is on, but DATABASE_URL is not set.",
            hint="Set DATABASE_URL to the address of the pgbouncer.",
            id="agentmessage.W012",
        )
    if env.PROMETHEUS_MULTIPROC_DIR is not None and settings.METRICS_TOKEN is None:
        yield CheckWarning(
            "PROMETHEUS_MULTIPROC_DIR is set, but METRICS_TOKEN is not: counters are written that cannot be read.",
            hint="Set METRICS_TOKEN, or unset PROMETHEUS_MULTIPROC_DIR.",
            id="agentmessage.W013",
        )
    if settings.METRICS_TOKEN is not None and env.PROMETHEUS_MULTIPROC_DIR is None:
        yield CheckWarning(
            "METRICS_TOKEN is set, but PROMETHEUS_MULTIPROC_DIR is not: a scrape sees one of the server's processes.",
            hint="Set PROMETHEUS_MULTIPROC_DIR to an empty folder.",
            id="agentmessage.W014",
        )


@register(deploy=True)
def check_database_is_given(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:  # noqa: ARG001  (Django's signature)
    """Without a database nothing works but the commands that need none."""
    if settings.DATABASE_URL is None:
        return [
            CheckWarning(
                "DATABASE_URL is not set.",
                hint="Set it to a PostgreSQL 15 to 18 that is backed up: postgres://user:password@host:5432/name",
                id="agentmessage.W001",
            )
        ]
    return []


@register(Tags.database)
def check_timeouts(
    app_configs: Sequence[Any] | None,  # noqa: ARG001  (Django's signature)
    databases: Collection[str] | None = None,
    **kwargs: object,  # noqa: ARG001
) -> list[CheckMessage]:
    """Check that waits are limited: behind pgbouncer this service cannot set timeouts for its connections."""
    if not settings.DATABASE_PGBOUNCER or "default" not in (databases or ()):
        return []
    return [
        CheckWarning(
            f"Behind pgbouncer {name} is not set: a request may wait, or hold its locks, forever.",
            hint="Set it in pgbouncer.ini, in connect_query (docs/scale.md).",
            id="agentmessage.W002",
        )
        for name in sorted(TIMEOUTS)
        if call("current_setting", name) == "0"
    ]
