"""The entries of `DATABASES`, made from a URL or for the embedded server. Starts nothing."""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

# An attach that waits for a row lock fails after this long instead of hanging with its client.
_LOCK_TIMEOUT_OPTION = "-c lock_timeout=10s"
_SCHEMES = {"postgres", "postgresql", "psql", "pgsql"}


def database_settings(
    *,
    database_url: str | None,
    data_dir: Path,
    durable: bool = True,
    keep: bool = False,
    prepare: bool = True,
    behind_pgbouncer: bool = False,
) -> dict[str, Any]:
    """Return the settings of the default database.

    With `database_url` that server is used as it is. Without one, an embedded PostgreSQL keeps its files in
    `data_dir`; it is started or joined at the first connection, never here.

    `durable=False` trades crash safety for speed in the embedded server: for tests only.
    `keep=True` lets every thread keep its connection from one request to the next; without it each request opens one.
    `prepare=False` is for a pooler in front of the server that cannot keep prepared statements apart.
    `behind_pgbouncer` says that the URL names a pgbouncer in transaction mode. It takes no options for its server's
    sessions: the lock timeout is for its `connect_query` to set, and a system check asks whether it does.

    Raises ImproperlyConfigured for a URL that is not a PostgreSQL one.
    """
    config = _given(database_url) if database_url else _embedded(data_dir.resolve(), durable=durable)
    options = config.setdefault("OPTIONS", {})
    # For `agentmessage.database.statements`: from the first time on. The ORM prepares nothing, whatever is said here.
    options["prepare_threshold"] = 0 if prepare and not behind_pgbouncer else None
    if behind_pgbouncer:
        # In transaction mode, the next transaction may run on another connection to the server, which does not have
        # what this one has prepared or declared.
        config["DISABLE_SERVER_SIDE_CURSORS"] = True
    else:
        # What the URL says comes later and therefore wins.
        options["options"] = " ".join(filter(None, (_LOCK_TIMEOUT_OPTION, options.get("options"))))
    if keep:
        config["CONN_MAX_AGE"] = None
        config["CONN_HEALTH_CHECKS"] = True
    return config


def _given(database_url: str) -> dict[str, Any]:
    # Asked first, because for other schemes the parser only warns, and quotes the URL with its password.
    if database_url.partition("://")[0] not in _SCHEMES:
        raise ImproperlyConfigured(
            "DATABASE_URL must name a PostgreSQL server: postgres://user:password@host:5432/name"
        )
    try:
        config: dict[str, Any] = dict(environ.Env.db_url_config(database_url))
    except (ValueError, ImproperlyConfigured):
        # For the same reason without its cause.
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. It looks like postgres://user:password@host:5432/name"
        ) from None
    config["ENGINE"] = "agentmessage.database.postgresql"
    config.setdefault("CONN_MAX_AGE", 0)
    return config


def _embedded(data_dir: Path, *, durable: bool) -> dict[str, Any]:
    return {
        "ENGINE": "agentmessage.database.embedded",
        "NAME": "agentmessage",
        # Read by our backend. Not in OPTIONS, which all go to libpq.
        "EMBEDDED": {"data_dir": data_dir, "durable": durable},
        "CONN_MAX_AGE": 0,
    }
