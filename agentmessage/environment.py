"""Every setting that comes from the environment, declared once. `settings.py` reads them from `env`.

README.md shows this list to users; a test keeps the two equal.
"""

import base64
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import environ
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from agentmessage.rates import Rate, parse_rate

LOCAL_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """What a value must be, in words, and its reader, which raises ValueError or KeyError for anything else."""

    rule: str
    read: Callable[[str], T_co]


class Setting(Generic[T]):
    """One variable. As an attribute it is the variable's value, read from the environment.

    Args:
        kind: What the value must be.
        default: The value if the variable is unset.
        meaning: One line of documentation.
        shown: The default in words, where its value says too little.
        secret: Whether errors must not show the value.
    """

    name: str

    def __init__(
        self, kind: Kind[T], default: T, meaning: str, *, shown: str | None = None, secret: bool = False
    ) -> None:
        self.kind, self.default, self.meaning, self.shown, self.secret = kind, default, meaning, shown, secret

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> T:
        # Not through environ.Env: it reads "of" as False, "1e3" as 13 and $abc as a reference to another variable.
        text = os.environ.get(self.name, "").strip()
        if not text:
            return self.default
        try:
            return self.kind.read(text)
        except (ValueError, KeyError):
            shown = "" if self.secret else f", not {text!r}"
            raise ImproperlyConfigured(f"{self.name} must be {self.kind.rule}{shown}.") from None


def _match(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(text)
    return text


def _between(least: Number, value: Number, most: Number) -> Number:
    if not least <= value <= most:
        raise ValueError(value)
    return value


def _text(pattern: str, rule: str) -> Kind[str]:
    return Kind(rule, lambda text: _match(pattern, text))


def _list(pattern: str, rule: str) -> Kind[list[str]]:
    # Lists hold host names and origins, which are compared in lower case.
    return Kind(rule, lambda text: [_match(pattern, item.strip()) for item in text.lower().split(",")])


def _one_of(values: Mapping[str, T], rule: str) -> Kind[T]:
    return Kind(rule, lambda text: values[text.upper()])


def _integer(least: int, most: int) -> Kind[int]:
    rule = f"a whole number from {least} to {most}"
    return Kind(rule, lambda text: _between(least, int(_match(r"[0-9]{1,12}", text)), most))


def _number(least: int, most: int) -> Kind[float]:
    decimal = r"[0-9]{1,12}(\.[0-9]{1,12})?|\.[0-9]{1,12}"
    return Kind(f"a number from {least} to {most}", lambda text: _between(least, float(_match(decimal, text)), most))


def _or_off(kind: Kind[T], off: T) -> Kind[T]:
    return Kind(f"{kind.rule}, or off", lambda text: off if text.lower() == "off" else kind.read(text))


def _read_accounts(text: str) -> dict[str, str]:
    # A comma ends an address only where another account's name follows: a secret may have one.
    items = re.split(rf",\s*(?={_ACCOUNT}=)", text)
    accounts = dict(_match(rf"{_ACCOUNT}={_CARRIER}(?<!,)", item).split("=", 1) for item in items)
    _between(len(items), len(accounts), _MAX_ACCOUNTS)
    return accounts


def _read_public_keys(text: str) -> list[bytes]:
    keys = [base64.b64decode(item.strip(), validate=True) for item in text.split(",")]
    for key in keys:
        _between(32, len(key), 32)
    return keys


def _read_folder(text: str) -> Path:
    if not (os.access(text, os.W_OK | os.X_OK) and Path(text).is_dir()):
        raise ValueError(text)
    return Path(text)


_TEXT = _text(r".+", "text")
_FLAG = _one_of(
    {"ON": True, "TRUE": True, "YES": True, "1": True, "OFF": False, "FALSE": False, "NO": False, "0": False},
    "on or off",
)
_RATE: Kind[Rate | None] = _or_off(Kind("a rate like 100/s, 600/min, 10000/hour or 1/day", parse_rate), None)
_POSTGRESQL = _text(r"[a-z]+://\S+", "an address like postgres://user:password@host:5432/name")
_HOST = r"([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])"
_HOSTS = _list(rf"\*|\.?{_HOST}", "host names without scheme and port, separated by commas")
_ORIGIN_RULE = "origins like https://app.example.com, separated by commas"
_ACCOUNT = r"[a-z][a-z0-9_-]{0,19}"
_CARRIER = r"(?:simulated|bandwidth|telnyx)://\S*"
_MAX_ACCOUNTS = 20
_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


class Environment:
    """The list. An empty or blank value counts as unset."""

    # manage.py switches it on: commands and workers have other database timeouts than web processes.
    is_command = False

    SECRET_KEY = Setting(
        _TEXT, None, "signs operators' sessions; `make run` creates its own", shown="required", secret=True
    )
    DATABASE_URL = Setting(
        _POSTGRESQL, None, "PostgreSQL 15 to 18; `make run` has its own", shown="required", secret=True
    )
    DATABASE_PERSISTENT = Setting(
        _FLAG, True, "each thread keeps its connection between requests; off: one for each request, which is slow"
    )
    DATABASE_PREPARE = Setting(
        _FLAG, True, "prepares the statements of the hot path; off behind a pooler without prepared statements"
    )
    DATABASE_PGBOUNCER = Setting(
        _FLAG,
        False,
        "`DATABASE_URL` names a pgbouncer in transaction mode: for web processes ([docs/scale.md](docs/scale.md))",
    )
    DATABASE_LOCK_TIMEOUT = Setting(
        _number(1, 3600), 10.0, "seconds that a web process waits for a row that another transaction has locked"
    )
    DATABASE_LOCK_WAITERS = Setting(
        _integer(0, 1000),
        2,
        "threads of a web process that wait so long, fewer than it has (4); further ones give up after a quarter of a "
        "second",
    )
    DATABASE_STATEMENT_TIMEOUT = Setting(_number(1, 3600), 30.0, "seconds that a statement of a web process may take")
    DATABASE_BULK_STATEMENT_TIMEOUT = Setting(
        _number(1, 86_400), 300.0, "the same for a statement of a bulk operation or an export"
    )
    DATABASE_IDLE_TIMEOUT = Setting(
        _number(1, 3600), 60.0, "seconds that a web process may hold a transaction open without a statement"
    )
    DATABASE_DURABLE = Setting(_FLAG, True, "off: the database of `make run` does not wait for the disk")
    DATA_DIR = Setting(_text(r".+", "a folder"), ".data", "where `make run` keeps its database")
    PORT = Setting(_integer(1, 65535), 8000, "the port of `make run`")

    ALLOWED_HOSTS = Setting(
        _HOSTS,
        LOCAL_HOSTS,
        "host names that the admin answers to",
        shown="this machine's names",
    )
    CSRF_TRUSTED_ORIGINS = Setting(
        _list(rf"https?://(\*\.)?{_HOST}(:[0-9]{{1,5}})?", _ORIGIN_RULE), [], "origins of the admin behind a proxy"
    )
    HTTPS = Setting(
        _FLAG,
        None,
        "forces HTTPS and secure cookies on the admin; `/v1` is never redirected",
        shown="on, unless `DEBUG` is on",
    )
    HSTS_INCLUDE_SUBDOMAINS = Setting(
        _FLAG, False, "extends HSTS to all subdomains of the admin's host; only if each of them has HTTPS"
    )
    TRUST_PROXY = Setting(
        _FLAG,
        False,
        "trusts the proxy's `X-Forwarded-Proto` and the right-most hop of `X-Forwarded-For`; only behind a proxy that "
        "sets them",
    )
    THROTTLE_RATE = Setting(
        _RATE,
        None,
        "requests per key; above it: 429 with `Retry-After`. Exact across all processes",
        shown="off",
    )
    THROTTLE_UNAUTHORIZED_RATE = Setting(
        _RATE,
        Rate(100, 60),
        "wrong or missing keys, carrier credentials and metrics tokens per client address (IPv6: per /64 network); "
        "above it, requests from there are 429, except right secrets from private networks. Behind a proxy it needs "
        "`TRUST_PROXY`, or all clients share one address",
        shown="100/min",
    )
    CORS_ORIGINS = Setting(
        _list(rf"https?://{_HOST}(:[0-9]{{1,5}})?", _ORIGIN_RULE),
        [],
        "origins whose pages may call `/v1` from a browser",
    )
    MAX_BODY_BYTES = Setting(_integer(1024, 104_857_600), 1_048_576, "a larger body is 413")

    CARRIER_URL = Setting(
        _text(_CARRIER, "an address that begins with simulated://, bandwidth:// or telnyx://"),
        "simulated://",
        "`bandwidth://user:secret@host/accounts/ID?version=1|2`, `telnyx://:key@host` or `simulated://host:port`; "
        "secrets percent-encoded. The account is called `default`",
        secret=True,
    )
    CARRIERS = Setting(
        Kind(
            f"up to {_MAX_ACCOUNTS} accounts like main=bandwidth://…,other=telnyx://…, each with its own name",
            _read_accounts,
        ),
        None,
        "several accounts instead of `CARRIER_URL` ([docs/carriers.md](docs/carriers.md))",
        secret=True,
    )
    CARRIER_REQUESTS_PER_SECOND = Setting(
        _or_off(_number(0, 1000), 0.0),
        None,
        "requests to each account, from all workers together; 0: no limit",
        shown="by carrier: 5, 10, 0",
    )
    CARRIER_OPEN_ORDERS = Setting(
        _or_off(_integer(0, 100_000), 0),
        None,
        "orders open at each account at the same time; 0: no limit",
        shown="by carrier: 100, 0, 0",
    )
    CARRIER_WEBHOOK_CREDENTIALS = Setting(
        _text(r"[^:]+:.+", "user:password"), None, "what Bandwidth sends to `/carrier/bandwidth`", secret=True
    )
    TELNYX_PUBLIC_KEY = Setting(
        Kind("the public key of each account, separated by commas: 32 bytes in base64", _read_public_keys),
        None,
        "opens `/carrier/telnyx`",
        secret=True,
    )
    PROPAGATION_MAX_ATTEMPTS = Setting(
        _integer(1, 1000), 16, "attempts at an unavailable carrier, over about six hours, before a propagation fails"
    )
    PROPAGATION_SETTLE_SECONDS = Setting(
        _number(1, 3600), 30.0, 'for this long after a lost answer, "no such order" is not trusted'
    )
    PROPAGATION_LEASE_SECONDS = Setting(
        _number(1, 3600),
        90.0,
        "a worker that is silent for this long is considered dead; all calls of one order end within half of it",
    )
    PROPAGATION_ORDER_DAYS = Setting(
        _number(1, 365), 7.0, "an order that the carrier has not finished after so long fails with ORDER_EXPIRED"
    )
    PROPAGATION_APPROVAL_DAYS = Setting(
        _number(1, 365), 60.0, "an attachment that waits for so long for approval fails with APPROVAL_EXPIRED"
    )
    PROPAGATION_DETACH_DAYS = Setting(
        _number(1, 365), 14.0, "a detach that is not confirmed after so long fails with DETACH_EXPIRED"
    )

    CAMPAIGN_NUMBER_LIMIT = Setting(
        _integer(1, 1_000_000), 49, "numbers that a campaign without a number pool may have; T-Mobile's limit is 49"
    )
    ENFORCE_CAMPAIGN_LIMIT = Setting(_FLAG, False, "on: an attach beyond the limit is 409 CAMPAIGN_NUMBER_LIMIT")
    ATTACH_NUMBER_TYPES = Setting(
        _list(r"local|toll_free|short_code", "number types (local, toll_free, short_code), separated by commas"),
        ["local", "toll_free", "short_code"],
        "number types that can be attached; another one is 409 NUMBER_TYPE_NOT_ELIGIBLE",
        shown="all",
    )

    METRICS_TOKEN = Setting(
        _text(r"[!-~]+", "text without spaces or accents"),
        None,
        "the Bearer token of a scrape of `/metrics`; without it there is no such page",
        secret=True,
    )
    PROMETHEUS_MULTIPROC_DIR = Setting(
        Kind("a folder that exists and can be written to", _read_folder),
        None,
        "an empty folder in which a server's processes keep their counters together",
    )
    READ_ENV_FILE = Setting(_FLAG, True, "off: `.env` is not read, as in the tests")
    DEBUG = Setting(_FLAG, False, "Django's debug mode")
    LOG_LEVEL = Setting(
        _one_of({level: level for level in _LEVELS}, f"one of {', '.join(_LEVELS)}"),
        "INFO",
        "level of the log on standard error: JSON, or text on a terminal",
    )

    def load(self, path: Path) -> None:
        """Add the variables of a `.env` file to the environment, whose own values win, and check every setting.

        Raises:
            ImproperlyConfigured: The message names the first value that breaks its rule.
        """
        self.remove_blank()
        if self.READ_ENV_FILE:
            try:
                environ.Env.read_env(path, encoding="utf-8-sig")
            except UnicodeDecodeError:
                raise ImproperlyConfigured(f"{path} must be UTF-8 text.") from None
        self.remove_blank()
        for setting in SETTINGS:
            setting.__get__(self, Environment)
        if {"CARRIER_URL", "CARRIERS"} <= os.environ.keys():
            raise ImproperlyConfigured("Set CARRIER_URL for one account or CARRIERS for several, not both.")

    def remove_blank(self) -> None:
        """Remove blank variables from the environment, because some libraries only ask whether one exists."""
        for setting in SETTINGS:
            if not os.environ.get(setting.name, "x").strip():
                del os.environ[setting.name]


SETTINGS = [value for value in vars(Environment).values() if isinstance(value, Setting)]
env = Environment()


@contextmanager
def exit_on_bad_settings() -> Iterator[None]:
    """End the process with a message instead of a traceback if its settings cannot be imported."""
    try:
        yield
    except ImproperlyConfigured as error:
        if settings.configured:
            raise
        sys.exit(str(error))
