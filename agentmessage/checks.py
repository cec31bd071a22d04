"""System checks for a deployment. One asks the database: `manage.py check --database default`."""

from collections.abc import Collection, Iterator

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as CheckWarning

from agentmessage.db.configuration import TIMEOUTS
from agentmessage.db.session import call
from agentmessage.environment import LOCAL_HOSTS, env


@register(deploy=True)
def check_settings_work_together(**_given: object) -> list[CheckMessage]:
    """Warn about settings that are missing, or valid one by one but cannot work together."""
    return list(_contradictions())


def _contradictions() -> Iterator[CheckWarning]:
    if settings.DATABASE_URL is None:
        yield CheckWarning(
            "DATABASE_URL is not set.",
            hint="Set it to a PostgreSQL 15 to 18 that is backed up: postgres://user:password@host:5432/name",
            id="agentmessage.W001",
        )
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


@register(Tags.database)
def check_timeouts(*, databases: Collection[str] | None = None, **_given: object) -> list[CheckMessage]:
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
