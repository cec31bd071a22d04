"""Chromium, for the pages that people see."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.support.waiting import DEADLINE

if TYPE_CHECKING:
    from accounts.models import Operator  # `make screenshots` has no apps.


class NoChromium(Exception):
    """There is no browser on this machine."""


@contextmanager
def launched() -> Iterator[Browser]:
    """The system's Chromium, or Playwright's own. Raises NoChromium."""
    command = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    # Playwright runs an event loop in this thread, which Django takes for an asynchronous view.
    with mock.patch.dict(os.environ, DJANGO_ALLOW_ASYNC_UNSAFE="1"), sync_playwright() as playwright:
        command = command or playwright.chromium.executable_path
        if not Path(command).is_file():
            raise NoChromium
        browser = playwright.chromium.launch(executable_path=command, args=["--no-sandbox"])
        yield browser
        browser.close()
        # While Playwright's loop runs, this thread has a database connection of its own.
        connections.close_all()


def new_page(browser: Browser, **options: Any) -> Page:
    """A page of its own, without the cookies of the others, that waits as long as a slow machine takes."""
    context = browser.new_context(**options)
    context.set_default_timeout(DEADLINE * 1000)
    return context.new_page()


def sign_in_at(page: Page, address: str, username: str, password: str) -> None:
    """Sign in at the admin, which then shows the page of the address."""
    page.goto(address)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(address)


def signed_in(browser: Browser, base: str, operator: "Operator", **options: Any) -> Page:
    """A page of its own in which the operator has signed in, without the form."""
    client = Client()
    client.force_login(operator)
    page = new_page(browser, base_url=f"{base}/admin/", **options)
    session = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": session.key, "value": session.value, "url": base}])
    return page


def violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page, once it has been drawn."""
    page.wait_for_load_state("networkidle")
    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished))")
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def cut_off(page: Page) -> bool:
    """Whether the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


class Watched:
    """A page, what it asked for, and what went wrong in it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        self.origin = urlsplit(origin).netloc
        page.on("request", self._note)
        page.on(
            "response",
            lambda response: (
                self.errors.append(f"{response.status} {response.url}") if response.status >= 400 else None
            ),
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def _note(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.netloc != self.origin:
            self.elsewhere.append(request.url)
