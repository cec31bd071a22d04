"""Fixtures that every test can ask for."""

import os
import sys
from collections.abc import Generator, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import structlog
from django.conf import settings
from django.db import connection
from django.db.models.signals import post_migrate
from pytest_django import DjangoDbBlocker
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from agentmessage.logs import configure_logging
from tests.support.api import ApiClient
from tests.support.factories import make_key
from tests.support.worlds import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Hypothesis fails an example that takes longer than 200 ms, and a strategy that is slow: a slow machine does both.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what would be skipped although what it needs is installed: a skip would hide a missing step.

    `REQUIRE_ALL=1` fails every skip, `REQUIRE_ALL=chromium,nginx` those whose reason names one of these.
    """
    report = yield
    required = os.environ.get("REQUIRE_ALL", "").lower()
    if report.skipped and required and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if required == "1" or any(name in reason.lower() for name in required.split(",")):
            report.outcome = "failed"
            report.longrepr = f"REQUIRE_ALL={required}, but this test was not run. {reason}"
    return report


_TOGETHER = ("tests/production/", "tests/devserver/test_make_run.py")


class Scheduling(LoadScopeScheduling):
    """Send each test to the next free process, and to a single one the tests that share what takes seconds to make.

    `--dist loadgroup` is meant for that, but has no effect with pytest 9.2 (pytest-xdist's issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((path for path in _TOGETHER if nodeid.startswith(path)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return the scheduler of a parallel run."""
    return Scheduling(config, log)


_KEPT = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The tests' database. A test that commits is cleaned up after by TRUNCATE, which history forbids.

    What the migrations have filled stays: to fill it again takes longer than most tests.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE numbers_campaignattachment DISABLE TRIGGER numbers_campaignattachment_no_truncate")
    # Of the class: a test with a browser has a connection of its own.
    operations = type(connection.ops)
    truncate = operations.sql_flush
    pytest.MonkeyPatch().setattr(
        operations,
        "sql_flush",
        lambda self, style, tables, **options: truncate(self, style, list(set(tables) - _KEPT), **options),
    )
    post_migrate.receivers.clear()


_OUR_PACKAGES = ("agentmessage", "accounts", "campaigns", "carriers", "phone_numbers", "propagation")


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[MutableMapping[str, Any]]]:
    """Our own events from here on, whatever level the tests are run at.

    A logger keeps the level that it was first used with, so our modules get new ones for the while.
    """
    configure_logging(level="INFO")
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _OUR_PACKAGES and "log" in vars(module):
            monkeypatch.setattr(module, "log", structlog.get_logger(name))
    with structlog.testing.capture_logs() as lines:
        yield lines
    configure_logging(level=settings.LOG_LEVEL)


@pytest.fixture
def world(db: None) -> World:
    """An organization in which the attach succeeds, and a second one just like it."""
    return World()


@pytest.fixture
def api(world: World) -> ApiClient:
    """A client whose key belongs to the world's first organization and may write numbers."""
    _key, plain = make_key(world.organization)
    return ApiClient(plain)


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """The system's Chromium, or Playwright's own. Each page has a context of its own."""
    from tests.support.browser import NoChromium, launched  # Few tests need it.

    try:
        with launched() as browser:
            yield browser
    except NoChromium:
        pytest.skip("needs Chromium (apt-get install chromium): the pages are tested without a browser only")
