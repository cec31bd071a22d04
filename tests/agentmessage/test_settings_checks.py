"""What `manage.py check --deploy` says about settings that cannot work together."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from agentmessage.environment import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
BANDWIDTH = "bandwidth://user:secret@/accounts/1"
TELNYX = "telnyx://:key@"
PRODUCTION: dict[str, Any] = {
    "ALLOWED_HOSTS": ["numbers.example.com"],
    "CARRIERS": {"main": TELNYX},
    "DATABASE_URL": "postgres://user:password@db/numbers",
    "HTTPS": True,
    "TRUST_PROXY": True,
}
"""Settings about which these checks have nothing to say."""
CONTRADICTIONS: list[tuple[str, dict[str, Any]]] = [
    ("agentmessage.W001", {"DATABASE_URL": None}),
    ("agentmessage.W010", {"ALLOWED_HOSTS": ["localhost", "127.0.0.1"]}),
    ("agentmessage.W011", {"CSRF_TRUSTED_ORIGINS": ["https://a.example", "http://numbers.example.com"]}),
    ("agentmessage.W014", {"METRICS_TOKEN": "token"}),
    ("agentmessage.W015", {"TRUST_PROXY": False}),
    ("propagation.W003", {"CARRIERS": {"main": "simulated://"}}),
    ("propagation.W003", {"CARRIERS": {"main": "simulated://127.0.0.1:9000"}}),
    ("propagation.W004", {"PROPAGATION_LEASE_SECONDS": 30.0}),
    ("propagation.W005", {"CARRIER_WEBHOOK_CREDENTIALS": "user:password"}),
    ("propagation.W006", {"CARRIERS": {"main": BANDWIDTH}, "TELNYX_PUBLIC_KEY": [bytes(32)]}),
]
AGREEMENTS: list[dict[str, Any]] = [
    {},
    {"ALLOWED_HOSTS": ["localhost", "numbers.example.com"]},
    {"HTTPS": False, "CSRF_TRUSTED_ORIGINS": ["http://numbers.example.com"]},
    {"HTTPS": False, "TRUST_PROXY": False},
    {"DATABASE_PGBOUNCER": True},
    {"PROPAGATION_LEASE_SECONDS": 30.5},
    {"CARRIERS": {"main": BANDWIDTH}, "CARRIER_WEBHOOK_CREDENTIALS": "user:password"},
    {"TELNYX_PUBLIC_KEY": [bytes(32)]},
]


def _found(settings: Settings, changes: dict[str, Any]) -> list[str]:
    for name, value in (PRODUCTION | changes).items():
        setattr(settings, name, value)
    found = run_checks(include_deployment_checks=True)
    return [str(message.id) for message in found if str(message.id).startswith(("agentmessage.W", "propagation."))]


@pytest.mark.parametrize(("code", "changes"), CONTRADICTIONS)
def test_a_contradiction_is_reported(code: str, changes: dict[str, Any], settings: Settings) -> None:
    assert _found(settings, changes) == [code]


@pytest.mark.parametrize("changes", AGREEMENTS)
def test_what_fits_is_not_reported(changes: dict[str, Any], settings: Settings) -> None:
    assert _found(settings, changes) == []


def test_pgbouncer_without_an_address(settings: Settings) -> None:
    changes = {"DATABASE_URL": None, "DATABASE_PGBOUNCER": True}
    assert sorted(_found(settings, changes)) == ["agentmessage.W001", "agentmessage.W012"]


def test_the_folder_of_counters_and_the_token_go_together(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert _found(settings, {}) == ["agentmessage.W013"]
    assert _found(settings, {"METRICS_TOKEN": "token"}) == []


def test_a_production_environment_has_no_warnings() -> None:
    ours = {setting.name for setting in SETTINGS}
    ended = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in ours}
        | {
            "DJANGO_SETTINGS_MODULE": "agentmessage.settings",
            "READ_ENV_FILE": "off",
            "SECRET_KEY": "a-key-that-is-long-enough-and-has-many-different-characters-0123456789",
            "DATABASE_URL": "postgres://user:password@db/numbers",
            "ALLOWED_HOSTS": "numbers.example.com",
            "TRUST_PROXY": "on",
            "CARRIER_URL": TELNYX,
        },
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


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
        "print(Client().get('/docs', secure=True)['Strict-Transport-Security'])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "max-age=31536000" + ("; includeSubDomains" if included else ""), done.stderr
