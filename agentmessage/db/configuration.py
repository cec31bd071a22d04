"""The entry of `DATABASES`, made from DATABASE_URL."""

from collections.abc import Mapping
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

# Seconds, with what the URL says winning. A server that cannot be reached, or that vanishes without a word, is noticed
# before the client gives up.
_CONNECT_TIMEOUT = 5
_TCP_USER_TIMEOUT = 30
TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
# What commands and workers have instead of the settings of web processes: a migration may take long, a terminal that is
# suspended in a transaction must not hold its locks forever.
COMMAND_TIMEOUTS: Mapping[str, float] = {"lock_timeout": 10, "idle_in_transaction_session_timeout": 600}
_SCHEMES = {"postgres", "postgresql", "psql", "pgsql"}


def database_settings(
    *,
    database_url: str | None,
    persistent: bool = True,
    prepare: bool = True,
    behind_pgbouncer: bool = False,
    timeouts: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the settings of the default database.

    Args:
        database_url: The server and database. Without one the settings can be imported, for commands that need no
            database, and the first connection raises `agentmessage.db.postgresql.base.NoDatabase`.
        persistent: Each thread keeps its connection from one request to the next; otherwise each request opens one.
        prepare: Statements of `agentmessage.db.prepared` are prepared. Off for a pooler in front of the server that
            cannot keep prepared statements apart.
        behind_pgbouncer: The URL names a pgbouncer in transaction mode. It takes no options for its server's sessions:
            the timeouts are for its `connect_query` to set, and a system check asks whether it does.
        timeouts: PostgreSQL's timeouts by their names, in seconds. One that is not given has no limit.

    Raises:
        ImproperlyConfigured: The URL is not a PostgreSQL one.
    """
    config = _parse(database_url) if database_url else {"NAME": ""}
    config["ENGINE"] = "agentmessage.db.postgresql"
    options = config["OPTIONS"] = {
        "connect_timeout": _CONNECT_TIMEOUT,
        "tcp_user_timeout": _TCP_USER_TIMEOUT * 1000,
    } | config.get("OPTIONS", {})
    # From the first execution on. The ORM prepares nothing, whatever the value.
    options["prepare_threshold"] = 0 if prepare and not behind_pgbouncer else None
    if behind_pgbouncer:
        # In transaction mode, the next transaction may run on another connection to the server, which does not have
        # what this one has prepared or declared.
        config["DISABLE_SERVER_SIDE_CURSORS"] = True
    else:
        # What the URL says comes later and therefore wins.
        given = [f"-c {name}={round(seconds * 1000)}" for name, seconds in (timeouts or {}).items()]
        options["options"] = " ".join(filter(None, (*given, options.get("options"))))
    if persistent:
        config["CONN_MAX_AGE"] = None
        config["CONN_HEALTH_CHECKS"] = True
    return config


def _parse(database_url: str) -> dict[str, Any]:
    # Checked first, because for other schemes the parser only warns, and quotes the URL with its password.
    if database_url.partition("://")[0] not in _SCHEMES:
        raise ImproperlyConfigured(
            "DATABASE_URL must name a PostgreSQL server: postgres://user:password@host:5432/name"
        )
    try:
        return dict(environ.Env.db_url_config(database_url))
    except (ValueError, ImproperlyConfigured):
        # Without its cause, which quotes the URL too.
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. The format is postgres://user:password@host:5432/name"
        ) from None
