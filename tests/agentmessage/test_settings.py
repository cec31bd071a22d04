"""Settings from the environment: their bounds, what counts as unset, and what a process says about a bad one."""

import base64
import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from agentmessage.environment import SETTINGS, Environment, Setting, env
from agentmessage.rates import Rate
from carriers.choose import default_limits

ROOT = Path(__file__).resolve().parents[2]
NAMES = [setting.name for setting in SETTINGS]
FLAGS = [name for name in NAMES if vars(Environment)[name].kind is vars(Environment)["DEBUG"].kind]
TEXTS = ("SECRET_KEY", "DATA_DIR")
"""Any text is one."""
NO_NUMBERS = ("-1", "nan", "inf", "1e3", "1_000", "1 000", "+1", "٣", "0x10", "one", "1,5", "5%", "1" * 13)
NO_RATES = ("0", "0/s", "-1/s", "100", "/s", "1/week", "100/seconds", "100/mins", "100/month", "5/hr", "1.5/s", "none")
REFUSED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FLAGS, ("of", "2", "-1", "enabled", "on off", "ON!", "ok")),
    "DATABASE_URL": ("127.0.0.1:5432", "postgres:/x", "postgres://a b"),
    "DATABASE_LOCK_TIMEOUT": (*NO_NUMBERS, "0", "0.9", "3601", "10s"),
    "DATABASE_LOCK_WAITERS": (*NO_NUMBERS, "1.5", "1001"),
    "DATABASE_STATEMENT_TIMEOUT": (*NO_NUMBERS, "0", "3601"),
    "DATABASE_BULK_STATEMENT_TIMEOUT": (*NO_NUMBERS, "0", "86401"),
    "DATABASE_IDLE_TIMEOUT": (*NO_NUMBERS, "0", "3601"),
    "PORT": (*NO_NUMBERS, "0", "65536", "80.0"),
    "ALLOWED_HOSTS": (
        "https://a.example",
        "a.example:443",
        "a.example/",
        "a b",
        ",",
        "a,,b",
        "ä.example",
        "*.a.example",
    ),
    "CSRF_TRUSTED_ORIGINS": ("a.example", "https://a.example/", "ftp://a.example", "https://", "https://a,b"),
    "THROTTLE_RATE": NO_RATES,
    "THROTTLE_UNAUTHORIZED_RATE": NO_RATES,
    "CORS_ORIGINS": ("*", "a.example", "https://a.example/", "https://*.a.example", "null"),
    "MAX_BODY_BYTES": (*NO_NUMBERS, "0", "1023", "104857601", "1MB"),
    "CARRIER_URL": ("twilio://u:p@host", "bandwidth", "bandwidth:u:p", "telnyx://:a key@"),
    "CARRIERS": (
        "telnyx://:key@",
        "main=twilio://u:p@host",
        "Main=telnyx://:key@",
        "main=telnyx://:key@,",
        "main=telnyx://:key@,main=telnyx://:other@",
        "main=telnyx://:key@, =telnyx://:other@",
        "main=telnyx://:a key@",
        f"{'a' * 21}=telnyx://:key@",
        ",".join(f"a{n}=telnyx://:key@" for n in range(21)),
    ),
    "CARRIER_REQUESTS_PER_SECOND": (*NO_NUMBERS, "1001", "5/s", "."),
    "CARRIER_OPEN_ORDERS": (*NO_NUMBERS, "100001", "1.5"),
    "CARRIER_WEBHOOK_CREDENTIALS": ("user", "user:", ":password"),
    "TELNYX_PUBLIC_KEY": (",", "x", "ä", base64.b64encode(bytes(31)).decode(), base64.b64encode(bytes(33)).decode()),
    "PROPAGATION_MAX_ATTEMPTS": (*NO_NUMBERS, "0", "1001"),
    "PROPAGATION_SETTLE_SECONDS": (*NO_NUMBERS, "0", "0.9", "3601", "30s"),
    "PROPAGATION_LEASE_SECONDS": (*NO_NUMBERS, "0", "0.9", "3601"),
    "PROPAGATION_ORDER_DAYS": (*NO_NUMBERS, "0", "366", "7d"),
    "PROPAGATION_APPROVAL_DAYS": (*NO_NUMBERS, "0.9", "366"),
    "PROPAGATION_DETACH_DAYS": (*NO_NUMBERS, "0", "366"),
    "CAMPAIGN_NUMBER_LIMIT": (*NO_NUMBERS, "0", "1000001", "49.5"),
    "ATTACH_NUMBER_TYPES": ("mobile", "local;toll_free", "local,", "all"),
    "METRICS_TOKEN": ("a token", "tökén"),
    "PROMETHEUS_MULTIPROC_DIR": ("/nowhere", str(ROOT / "manage.py")),
    "LOG_LEVEL": ("10", "VERBOSE", "NOTSET", "WARN"),
}
ACCEPTED: list[tuple[str, str, Any]] = [
    *(
        (name, text, value)
        for name in FLAGS
        for text, value in (("on", True), ("Off", False), ("TRUE", True), ("0", False))
    ),
    ("SECRET_KEY", "$not-a-reference", "$not-a-reference"),
    ("DATABASE_LOCK_WAITERS", "0", 0),
    ("DATABASE_LOCK_WAITERS", " 1000 ", 1000),
    ("PORT", "1", 1),
    ("PORT", "65535", 65535),
    (
        "ALLOWED_HOSTS",
        "Numbers.example.com, .example.org,[::1],*",
        ["numbers.example.com", ".example.org", "[::1]", "*"],
    ),
    ("CSRF_TRUSTED_ORIGINS", "https://*.a.example,http://b:8000", ["https://*.a.example", "http://b:8000"]),
    ("CORS_ORIGINS", "https://a.example, http://[::1]:8000", ["https://a.example", "http://[::1]:8000"]),
    ("THROTTLE_RATE", "600/MIN", Rate(600, 60)),
    ("THROTTLE_RATE", "off", None),
    ("THROTTLE_UNAUTHORIZED_RATE", "Off", None),
    ("MAX_BODY_BYTES", "1024", 1024),
    (
        "CARRIERS",
        "main=bandwidth://u:a,b@/accounts/1, other-2=telnyx://:key@",
        {"main": "bandwidth://u:a,b@/accounts/1", "other-2": "telnyx://:key@"},
    ),
    ("CARRIER_REQUESTS_PER_SECOND", "0", 0.0),
    ("CARRIER_REQUESTS_PER_SECOND", "off", 0.0),
    ("CARRIER_REQUESTS_PER_SECOND", "0.5", 0.5),
    ("CARRIER_OPEN_ORDERS", "off", 0),
    ("CARRIER_WEBHOOK_CREDENTIALS", "user:pass:word", "user:pass:word"),
    ("TELNYX_PUBLIC_KEY", base64.b64encode(bytes(32)).decode(), [bytes(32)]),
    ("TELNYX_PUBLIC_KEY", ", ".join([base64.b64encode(bytes(32)).decode()] * 2), [bytes(32)] * 2),
    ("PROPAGATION_SETTLE_SECONDS", "1", 1.0),
    ("PROPAGATION_LEASE_SECONDS", "3600", 3600.0),
    ("METRICS_TOKEN", "a=b:c", "a=b:c"),
    ("PROMETHEUS_MULTIPROC_DIR", str(ROOT), ROOT),
    ("LOG_LEVEL", "warning", "WARNING"),
]


def test_every_setting_with_a_rule_is_tried() -> None:
    assert {*REFUSED, *TEXTS} == set(NAMES)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in REFUSED.items() for text in texts])
def test_refused(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ImproperlyConfigured) as raised:
        env.load(Path("no-such-file"))
    message = str(raised.value)
    assert message.startswith(f"{name} must be ")
    assert message.endswith(".")
    assert (repr(text) in message) is not vars(Environment)[name].secret


@pytest.mark.parametrize(("name", "text", "value"), ACCEPTED)
def test_accepted(name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    env.load(Path("no-such-file"))
    read = getattr(env, name)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("setting", SETTINGS, ids=NAMES)
@given(text=st.text())
def test_any_text_is_read_or_refused(setting: Setting[Any], text: str) -> None:
    with contextlib.suppress(ValueError, KeyError):
        setting.kind.read(text)


@pytest.mark.parametrize("url", ["simulated://", "bandwidth://u:p@/accounts/1", "telnyx://:key@"])
def test_each_carrier_may_be_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARRIER_URL", url)
    assert default_limits(env.CARRIER_URL).carrier == url.partition(":")[0]


def test_one_account_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARRIER_URL", "telnyx://:hushhush@")
    monkeypatch.setenv("CARRIERS", "main=telnyx://:hushhush@")
    with pytest.raises(
        ImproperlyConfigured, match=r"^Set CARRIER_URL for one account or CARRIERS for several, not both\.$"
    ):
        env.load(Path("no-such-file"))


@pytest.mark.parametrize("blank", ["", "  \t "])
def test_blank_counts_as_unset(blank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment and in the file, for every setting, and for libraries that look for a variable themselves."""
    monkeypatch.setattr(os, "environ", dict.fromkeys(NAMES, blank))
    monkeypatch.setattr(environ.Env, "ENVIRON", os.environ)
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={blank}\n" for name in NAMES))
    env.load(file)
    assert os.environ == {}
    assert {name: getattr(env, name) for name in NAMES} == {setting.name: setting.default for setting in SETTINGS}


def test_a_blank_variable_does_not_hide_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"PORT": " ", "LOG_LEVEL": "ERROR"})
    monkeypatch.setattr(environ.Env, "ENVIRON", os.environ)
    file = tmp_path / ".env"
    file.write_bytes(b"\xef\xbb\xbfPORT=8001\r\nLOG_LEVEL=DEBUG\r\n")
    env.load(file)
    assert (env.PORT, env.LOG_LEVEL) == (8001, "ERROR")


def test_the_file_is_only_read_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"READ_ENV_FILE": "off"})
    monkeypatch.setattr(environ.Env, "ENVIRON", os.environ)
    file = tmp_path / ".env"
    file.write_text("PORT=8001\n")
    env.load(file)
    assert env.PORT == 8000


def test_a_file_that_is_not_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READ_ENV_FILE", "on")
    file = tmp_path / ".env"
    file.write_bytes(b"METRICS_TOKEN=\xff\n")
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"{file} must be UTF-8 text.")):
        env.load(file)


def test_the_example_file_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(environ.Env, "ENVIRON", os.environ)
    environ.Env.read_env(ROOT / ".env.example")
    assert {"SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS"} <= os.environ.keys() <= set(NAMES)
    env.load(ROOT / ".env.example")
    assert os.environ == {}


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "check"],
        ["manage.py", "run_worker"],
        ["manage.py", "load_inventory", "-"],
        ["-c", "import agentmessage.wsgi"],
        ["-m", "devserver"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"PROPAGATION_MAX_ATTEMPTS": "0"},
            "PROPAGATION_MAX_ATTEMPTS must be a whole number from 1 to 1000, not '0'.",
        ),
        (
            {"CARRIER_URL": "twilio://user:hushhush@host"},
            "CARRIER_URL must be an address that begins with simulated://, bandwidth:// or telnyx://.",
        ),
    ],
    ids=["number", "secret"],
)
def test_a_process_stops_with_one_line(command: list[str], variables: dict[str, str], message: str) -> None:
    ended = _run(*command, SECRET_KEY="x" * 50, **variables)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{message}\n")


def test_a_process_without_a_secret_key(tmp_path: Path) -> None:
    ended = _run("manage.py", "check", SECRET_KEY=" ", DATA_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "Set SECRET_KEY in the environment or in .env (`make run` needs none).",
        "Nothing is running: start `make run` in another terminal, or set DATABASE_URL.",
    ]


def test_other_errors_keep_their_traceback() -> None:
    """Only the import of the settings ends in one message."""
    ended = _run(
        "-c",
        "from django.conf import settings; from django.core.exceptions import ImproperlyConfigured\n"
        "from agentmessage.environment import exit_on_bad_settings\n"
        "with exit_on_bad_settings():\n    settings.DEBUG; raise ImproperlyConfigured('later')",
        SECRET_KEY="x" * 50,
    )
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


def test_the_readme_lists_every_setting() -> None:
    rows = re.findall(r"^\| `[A-Z_]+` \| .*$", _section("Settings"), re.MULTILINE)
    assert rows == [_row(setting) for setting in SETTINGS]


def _section(heading: str) -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _row(setting: Setting[Any]) -> str:
    cells = (f"`{setting.name}`", setting.kind.rule, setting.shown or _default(setting.default), setting.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: object) -> str:
    match value:
        case None | []:
            return "none"
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _run(*command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=kept | {"DJANGO_SETTINGS_MODULE": "agentmessage.settings", "READ_ENV_FILE": "off"} | variables,
        capture_output=True,
        text=True,
    )
