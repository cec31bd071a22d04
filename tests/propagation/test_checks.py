"""What `manage.py check` reports of the carrier and of the workers, without a secret."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from pytest_django import Settings

from agentmessage.logs import ErrorPageFilter


def test_an_unknown_carrier(settings: Settings) -> None:
    settings.CARRIERS = {"main": "twilio://u:hushhush@x"}
    with pytest.raises(SystemCheckError, match="must begin with") as raised:
        call_command("check")
    assert "hush" not in str(raised.value)


def test_an_address_that_is_half_right(settings: Settings) -> None:
    settings.CARRIERS = {"main": "bandwidth://u:hushhush@x/accounts"}
    call_command("check")
    with pytest.raises(SystemCheckError, match="the path must be") as raised:
        call_command("check", "--deploy")
    assert "hush" not in str(raised.value)


def test_the_debug_page_shows_no_secret(settings: Settings) -> None:
    settings.CARRIERS = {"main": "telnyx://:hushhush@x"}
    settings.DATABASE_URL = "postgres://u:hushhush@x/y"
    settings.CARRIER_WEBHOOK_CREDENTIALS = "u:hushhush"
    shown = ErrorPageFilter().get_safe_settings()
    assert "hush" not in str(shown)
    assert shown["CARRIERS"] == shown["SECRET_KEY"] == "*" * 20


def _warnings() -> str:
    said = StringIO()
    call_command("check", "--deploy", "--database", "default", stderr=said)
    return said.getvalue()


def test_workers_that_do_not_report(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')")
        assert "propagation.W007" in _warnings()
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
        assert "propagation.W007" not in _warnings()


def test_a_database_without_tables(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE procrastinate_workers RENAME TO elsewhere")
        try:
            assert "propagation.W008" in _warnings()
        finally:
            cursor.execute("ALTER TABLE elsewhere RENAME TO procrastinate_workers")
