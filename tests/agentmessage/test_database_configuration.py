"""The settings of the default database."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from agentmessage.db.configuration import database_settings
from agentmessage.db.postgresql.base import NoDatabase


def test_the_url_names_server_and_database() -> None:
    url = "postgres://user:p%40ss@db.example:5433/name?sslmode=require&options=-c%20statement_timeout%3D5s"
    assert database_settings(database_url=url, timeouts={"lock_timeout": 10, "statement_timeout": 2.5}) == {
        "ENGINE": "agentmessage.db.postgresql",
        "NAME": "name",
        "USER": "user",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": 5433,
        "OPTIONS": {
            "sslmode": "require",
            "options": "-c lock_timeout=10000 -c statement_timeout=2500 -c statement_timeout=5s",
            "prepare_threshold": 0,
            "connect_timeout": 5,
            "tcp_user_timeout": 30000,
        },
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


@pytest.mark.parametrize("url", [None, "postgres://user@127.0.0.1"])
def test_without_a_database_only_the_connection_fails(url: str | None) -> None:
    wrapper = ConnectionHandler({"default": database_settings(database_url=url)})["default"]
    with pytest.raises(NoDatabase, match="DATABASE_URL names no database") as refusal:
        wrapper.connect()
    assert isinstance(refusal.value, OperationalError)
    assert isinstance(refusal.value, ImproperlyConfigured)


def test_a_service_file_may_name_the_database() -> None:
    settings = database_settings(database_url="postgres:///?service=numbers")
    parameters = ConnectionHandler({"default": settings})["default"].get_connection_params()
    assert parameters["service"] == "numbers"


def test_one_setting_switches_persistent_connections_off() -> None:
    found = database_settings(database_url="postgres://user@host/name", persistent=False)
    assert "CONN_MAX_AGE" not in found  # Django's default closes them.


def test_the_url_has_the_last_word() -> None:
    found = database_settings(database_url="postgres://user@host/name?connect_timeout=60")
    assert int(found["OPTIONS"]["connect_timeout"]) == 60


def test_without_prepared_statements() -> None:
    found = database_settings(database_url="postgres://user@host/name", prepare=False)
    assert found["OPTIONS"]["prepare_threshold"] is None


@pytest.mark.parametrize(
    "url", ["mysql://user:geheim@host/name", "geheim", "postgres://user:geheim@host:port/name", "x://geheim"]
)
def test_other_urls_are_refused_without_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refusal:
        database_settings(database_url=url)
    assert "geheim" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_nothing_is_kept_between_transactions_behind_pgbouncer() -> None:
    found = database_settings(
        database_url="postgres://user@db.example/name", behind_pgbouncer=True, timeouts={"lock_timeout": 10}
    )
    # No "options": pgbouncer refuses a connection that has them.
    assert found["OPTIONS"] == {"prepare_threshold": None, "connect_timeout": 5, "tcp_user_timeout": 30000}
    assert found["CONN_MAX_AGE"] is None
    assert found["DISABLE_SERVER_SIDE_CURSORS"] is True
