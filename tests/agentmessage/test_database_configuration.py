"""The settings of the default database."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from agentmessage.database import database_settings


def test_without_url_the_embedded_server_is_used_and_not_started(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert database_settings(database_url=None, data_dir=data_dir) == {
        "ENGINE": "agentmessage.database.embedded",
        "NAME": "agentmessage",
        "EMBEDDED": {"data_dir": data_dir.resolve(), "durable": True},
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"options": "-c lock_timeout=10s", "prepare_threshold": 0},
    }
    assert not data_dir.exists()


def test_url_is_used_as_it_is(tmp_path: Path) -> None:
    url = "postgres://user:p%40ss@db.example:5433/name?sslmode=require&options=-c%20statement_timeout%3D5s"
    found = database_settings(database_url=url, data_dir=tmp_path)

    expected = {
        "ENGINE": "agentmessage.database.postgresql",
        "NAME": "name",
        "USER": "user",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": 5433,
        "OPTIONS": {
            "sslmode": "require",
            "options": "-c lock_timeout=10s -c statement_timeout=5s",
            "prepare_threshold": 0,
        },
    }
    assert {name: found[name] for name in expected} == expected
    assert found["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize("url", [None, "postgres://user@host/name?conn_max_age=60"])
def test_connections_can_be_kept(url: str | None, tmp_path: Path) -> None:
    found = database_settings(database_url=url, data_dir=tmp_path, keep=True)
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (None, True)


def test_without_prepared_statements(tmp_path: Path) -> None:
    found = database_settings(database_url="postgres://user@host/name", data_dir=tmp_path, prepare=False)
    assert found["OPTIONS"]["prepare_threshold"] is None


@pytest.mark.parametrize(
    "url", ["mysql://user:geheim@host/name", "geheim", "postgres://user:geheim@host:port/name", "x://geheim"]
)
def test_other_urls_are_refused_without_telling_the_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refusal:
        database_settings(database_url=url, data_dir=tmp_path)
    assert "geheim" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_nothing_is_kept_between_transactions_behind_pgbouncer(tmp_path: Path) -> None:
    found = database_settings(
        database_url="postgres://user@db.example/name", data_dir=tmp_path, behind_pgbouncer=True, keep=True
    )
    # No "options": pgbouncer refuses a connection that has them.
    assert found["OPTIONS"] == {"prepare_threshold": None}
    assert found["CONN_MAX_AGE"] is None
    assert found["DISABLE_SERVER_SIDE_CURSORS"] is True
