"""The entries of `DATABASES`, made from a URL or for the embedded server. Starts nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

# An attach that waits for a row lock fails after this long instead of hanging with its client.
_LOCK_TIMEOUT_OPTION = "-c lock_timeout=10s"
_SCHEMES = {"postgres", "postgresql", "psql", "pgsql"}
# Behind pgbouncer in transaction mode each transaction may be on another connection to the server: what one prepares or
# declares, the next does not find.
_NOTHING_BETWEEN_TRANSACTIONS = {"prepare_threshold": None}
# A replica that does not answer must not hold up the request that could ask the primary. Seconds and milliseconds.
_REPLICA_OPTIONS = {"connect_timeout": 2, "tcp_user_timeout": 3000}
_REPLICA_POOL_TIMEOUT = 1


def database_settings(
    *,
    database_url: str | None,
    data_dir: Path,
    durable: bool = True,
    pool: Mapping[str, Any] | None = None,
    behind_pgbouncer: bool = False,
) -> dict[str, Any]:
    """Return the settings of the default database.

    With `database_url` that server is used as it is. Without one, an embedded PostgreSQL keeps its files in
    `data_dir`; it is started or joined at the first connection, never here.

    `durable=False` trades crash safety for speed in the embedded server: for tests only.
    `pool` holds the arguments of `psycopg_pool.ConnectionPool`; None opens one connection per thread and request.
    `behind_pgbouncer` says that the URL names a pgbouncer in transaction mode. It takes no options for its server's
    sessions: the lock timeout is for its `connect_query` to set, and a system check asks whether it does.

    Raises ImproperlyConfigured for a URL that is not a PostgreSQL one.
    """
    config = _given(database_url, "DATABASE_URL") if database_url else _embedded(data_dir.resolve(), durable=durable)
    options = config.setdefault("OPTIONS", {})
    if behind_pgbouncer:
        _forget_between_transactions(config)
    else:
        # What the URL says comes later and therefore wins.
        options["options"] = " ".join(filter(None, (_LOCK_TIMEOUT_OPTION, options.get("options"))))
    _use_pool(config, pool)
    return config


def replica_settings(*, database_url: str, pool: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the settings of a streaming replica, reached directly or through pgbouncer.

    Raises ImproperlyConfigured for a URL that is not a PostgreSQL one.
    """
    config = _given(database_url, "DATABASE_REPLICA_URL")
    options = config.setdefault("OPTIONS", {})
    config["OPTIONS"] = _REPLICA_OPTIONS | options
    _forget_between_transactions(config)
    _use_pool(config, None if pool is None else {**pool, "min_size": 0, "timeout": _REPLICA_POOL_TIMEOUT})
    # Tests see one database under both names.
    config["TEST"] = {"MIRROR": "default"}
    return config


def _forget_between_transactions(config: dict[str, Any]) -> None:
    config["DISABLE_SERVER_SIDE_CURSORS"] = True
    config["OPTIONS"] |= _NOTHING_BETWEEN_TRANSACTIONS


def _use_pool(config: dict[str, Any], pool: Mapping[str, Any] | None) -> None:
    options = config["OPTIONS"]
    if pool is not None:
        options["pool"] = dict(pool)
        config["CONN_MAX_AGE"] = 0  # Django refuses persistent connections beside a pool.
        config["CONN_HEALTH_CHECKS"] = True


def _given(database_url: str, name: str) -> dict[str, Any]:
    # Asked first, because for other schemes the parser only warns, and quotes the URL with its password.
    if database_url.partition("://")[0] not in _SCHEMES:
        raise ImproperlyConfigured(f"{name} must name a PostgreSQL server: postgres://user:password@host:5432/name")
    try:
        config: dict[str, Any] = dict(environ.Env.db_url_config(database_url))
    except (ValueError, ImproperlyConfigured):
        # For the same reason without its cause.
        raise ImproperlyConfigured(
            f"{name} cannot be read. It looks like postgres://user:password@host:5432/name"
        ) from None
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
