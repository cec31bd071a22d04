"""A CARRIER_URL that nobody understands is said by `manage.py check`, and by no page that shows it."""

import os
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from agentmessage.error_pages import ErrorPageFilter


def test_an_unknown_carrier(settings: Settings) -> None:
    settings.CARRIER_URL = "twilio://u:hushhush@x"
    with pytest.raises(SystemCheckError, match="must begin with") as raised:
        call_command("check")
    assert "hush" not in str(raised.value)


def test_an_address_that_is_half_right(settings: Settings) -> None:
    settings.CARRIER_URL = "bandwidth://u:hushhush@x/accounts"
    call_command("check")
    with pytest.raises(SystemCheckError, match="the path must be") as raised:
        call_command("check", "--deploy")
    assert "hush" not in str(raised.value)


def test_https_without_a_trusted_proxy(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    for https, trust_proxy, warns in ((True, False, True), (True, True, False), (False, False, False)):
        settings.HTTPS, settings.TRUST_PROXY = https, trust_proxy
        call_command("check", "--deploy")
        assert ("agentmessage.W004" in capsys.readouterr().err) is warns
    settings.HTTPS, settings.TRUST_PROXY = True, False
    call_command("check")
    assert "agentmessage.W004" not in capsys.readouterr().err


@pytest.mark.parametrize(("value", "included"), [(None, False), ("off", False), ("on", True)])
def test_hsts_leaves_subdomains_alone_unless_asked(value: str | None, included: bool) -> None:
    """Other services below the same domain may not have HTTPS."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("HTTPS", "HSTS_INCLUDE_SUBDOMAINS")
    }
    environment |= {} if value is None else {"HSTS_INCLUDE_SUBDOMAINS": value}
    code = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "print(Client().get('/healthz', secure=True)['Strict-Transport-Security'])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "max-age=31536000" + ("; includeSubDomains" if included else ""), done.stderr


def test_the_debug_page_shows_no_secret(settings: Settings) -> None:
    settings.CARRIER_URL = "telnyx://:hushhush@x"
    settings.DATABASE_URL = "postgres://u:hushhush@x/y"
    settings.CARRIER_WEBHOOK_CREDENTIALS = "u:hushhush"
    shown = ErrorPageFilter().get_safe_settings()
    assert "hush" not in str(shown)
    assert shown["CARRIER_URL"] == shown["SECRET_KEY"] == "*" * 20
