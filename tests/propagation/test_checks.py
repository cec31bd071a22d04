"""A CARRIER_URL that nobody understands is said by `manage.py check`, and by no page that shows it."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
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
