"""Database trouble: a conflict is a warning, an unusable database an error, and both are 503, at every door."""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from django.db import Error, OperationalError, connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from agentmessage.database_errors import Trouble, trouble_of
from tests.support.operators import sign_in

Lines = list[MutableMapping[str, Any]]


@pytest.mark.parametrize(
    ("sqlstate", "trouble"),
    [
        *((state, Trouble.CONFLICT) for state in ("55P03", "40P01", "40001", "57014", "25P03")),
        *((state, Trouble.UNAVAILABLE) for state in ("08006", "57P01", "57P02", "57P03", "53300", "58030", "25006")),
        *((state, None) for state in ("23505", "42P01", "22012", "25P02", "XX000")),
    ],
)
def test_what_the_server_reports(sqlstate: str, trouble: Trouble | None, db: None) -> None:
    with connection.cursor() as cursor, pytest.raises(Error) as raised:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$")
    assert trouble_of(raised.value) is trouble
    assert trouble_of(raised.value.__cause__) is trouble


def test_what_the_client_reports(db: None) -> None:
    unreachable = connection.copy()
    unreachable.settings_dict |= {"HOST": "127.0.0.1", "PORT": "1"}
    with pytest.raises(OperationalError) as raised:
        unreachable.ensure_connection()
    assert trouble_of(raised.value) is Trouble.UNAVAILABLE
    assert trouble_of(ValueError()) is None


@contextmanager
def _conflict() -> Iterator[None]:
    """Let another transaction hold what every page reads."""
    with closing(connection.copy()) as other, other.cursor() as holder, connection.cursor() as cursor:
        holder.execute("BEGIN")
        holder.execute("LOCK accounts_apikey, accounts_operator, propagation_carrierorder")
        cursor.execute("SET lock_timeout = '50ms'")
        yield
    connection.close()


@contextmanager
def _outage() -> Iterator[None]:
    """End the session of this connection."""
    with connection.cursor() as cursor, suppress(OperationalError):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    yield
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("path", "token"), [("/v1/brands", "am_live_x"), ("/admin/", "")])
@pytest.mark.parametrize(
    ("provoke", "level", "event"),
    [(_conflict, "warning", "database.conflict"), (_outage, "error", "database.unavailable")],
)
def test_the_log_tells_them_apart(
    provoke: Callable[[], Any], level: str, event: str, path: str, token: str, log_lines: Lines
) -> None:
    browser = sign_in(superuser=True)
    browser.raise_request_exception = False
    with provoke():
        response = browser.get(path, headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert [(line["log_level"], line["event"]) for line in log_lines] == [(level, event), ("info", "request.completed")]
    assert browser.get("/admin/").status_code == 200


def test_a_crash_of_an_admin_page_is_logged(db: None, log_lines: Lines) -> None:
    browser = sign_in(superuser=True)
    browser.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE brands_brand RENAME TO elsewhere")
    assert browser.get("/admin/brands/brand/").status_code == 500
    assert [line["event"] for line in log_lines] == ["request.failed", "request.completed"]


def _metric(client: Client, name: str) -> list[float]:
    response = client.get("/metrics", headers={"Authorization": "Bearer token"})
    assert response.status_code == 200
    families = text_string_to_metric_families(response.content.decode())
    return [sample.value for family in families for sample in family.samples if sample.name == name]


@pytest.mark.django_db(transaction=True)
def test_metrics_do_without_the_database(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "token"
    for provoke, is_up in ((_outage, 0), (_conflict, 1)):
        with provoke():
            assert _metric(client, "agentmessage_database_up") == [is_up]
            assert _metric(client, "agentmessage_requests_total")
    assert _metric(client, "agentmessage_database_up") == [1]
    assert _metric(client, "agentmessage_carrier_open_orders") == [0]


@pytest.mark.django_db(transaction=True)
def test_readyz(client: Client) -> None:
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = 'elsewhere' WHERE app = 'inventory' OR app = 'brands'")
        assert client.get("/readyz").status_code == 503
        cursor.execute("UPDATE django_migrations SET name = '0001_initial' WHERE app = 'inventory' OR app = 'brands'")
    assert client.get("/readyz").status_code == 200
    with _outage():
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("host", ["10.1.2.3:8000", "other.example", "_", "a b", ""])
def test_programs_are_answered_whatever_the_host_header_says(
    host: str, client: Client, settings: Settings, db: None
) -> None:
    settings.ALLOWED_HOSTS = ["numbers.example"]
    settings.METRICS_TOKEN = "token"
    settings.CARRIER_WEBHOOK_CREDENTIALS = "user:password"
    for method, path, status in (
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 401),
        ("POST", "/carrier/bandwidth", 401),
        ("POST", "/carrier/telnyx", 404),
        ("GET", "/carrier/nothing", 404),
        ("GET", "/v1/brands", 401),
        ("GET", "/admin/login/", 400),
    ):
        assert client.generic(method, path, HTTP_HOST=host).status_code == status, path
