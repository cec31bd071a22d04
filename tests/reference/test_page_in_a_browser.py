"""The reference page in Chromium: it shows every operation, light and dark, and no request leaves the service."""

import orjson
import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from agentmessage.api.document import document
from tests.support.browser import Watched, cut_off, new_page
from tests.support.waiting import DEADLINE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_every_operation_is_shown_without_third_party_requests(chromium: Browser, live_server: LiveServer) -> None:
    watched = Watched(new_page(chromium, viewport={"width": 1440, "height": 900}), live_server.url)
    page = watched.page
    page.goto(live_server.url)
    # The reference draws what comes into sight.
    page.locator("#operations").get_by_text("Introduction").first.wait_for()
    for tag in ("Campaign of a number", "Campaigns", "Brands", "API keys"):
        page.locator("#operations nav, #operations aside").get_by_text(tag, exact=True).first.click()
    operations = [operation for methods in orjson.loads(document())["paths"].values() for operation in methods.values()]
    assert operations
    for operation in operations:
        expect(page.locator("#operations")).to_contain_text(
            operation["summary"], use_inner_text=True, timeout=DEADLINE * 1000
        )
    page.wait_for_load_state("networkidle")
    assert watched.elsewhere == []
    assert watched.errors == []


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_light_and_dark(scheme: str, other: str, chromium: Browser, live_server: LiveServer) -> None:
    page = new_page(chromium, color_scheme=scheme)
    page.goto(live_server.url)
    theme, paper = "document.documentElement.dataset.theme", "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    assert page.evaluate(theme) == scheme
    page.get_by_label("Switch between light and dark").click()
    assert page.evaluate(theme) == other
    assert page.evaluate(paper) != before
    page.reload()
    assert page.evaluate(theme) == other


def test_tabs_show_one_language_and_copy_it(chromium: Browser, live_server: LiveServer) -> None:
    page = new_page(chromium, permissions=["clipboard-read", "clipboard-write"])
    page.goto(live_server.url)
    assert page.locator("#quickstart-bash").is_visible()
    page.locator(".tabs").get_by_role("tab", name="Python").click()
    assert not page.locator("#quickstart-bash").is_visible()
    page.locator("#quickstart-python").get_by_role("button", name="Copy").click()
    page.locator("#quickstart-python").get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    compile(copied, "quickstart.py", "exec")
    assert f'"{live_server.url}"' in copied
    page.locator(".tabs").get_by_role("tab", name="Python").press("ArrowRight")
    assert page.locator("#quickstart-typescript").is_visible()


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_sticks_out(width: int, chromium: Browser, live_server: LiveServer) -> None:
    page = new_page(chromium, viewport={"width": width, "height": 800})
    page.goto(live_server.url)
    page.locator("#operations").get_by_text("OpenAPI 3.1.0").first.wait_for()
    assert not cut_off(page)


def test_without_javascript(chromium: Browser, live_server: LiveServer) -> None:
    page = new_page(chromium, java_script_enabled=False)
    page.goto(live_server.url)
    for language in ("bash", "python", "typescript"):
        assert page.locator(f"#quickstart-{language}").is_visible()
    assert page.locator(".without").is_visible()
    assert not page.locator(".theme").is_visible()
