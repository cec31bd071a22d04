"""The console in Chromium: sign in, follow each count of the home page, search, and look at all widths."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Operator
from inventory.imports import begin_import, run_import
from phone_numbers.failures import FailureCode
from phone_numbers.models import PhoneNumber
from tests.support.browser import Watched, cut_off, new_page, sign_in_at, signed_in, violations
from tests.support.factories import BrandFactory, OperatorFactory, PhoneNumberFactory
from tests.support.operators import granted
from tests.support.propagation import attach, fail_propagation
from tests.support.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "correct horse battery staple"


@pytest.fixture
def console(chromium: Browser, live_server: LiveServer) -> Page:
    """The home page, as a viewer sees it, of a world in which something has failed."""
    world = World()
    fail_propagation(world.phone_number, world.campaign, FailureCode.NOT_CONFIGURED)
    for number in PhoneNumberFactory.create_batch(3, organization=world.organization, label="Front desk"):
        attach(number, world.campaign)
    BrandFactory.create(identity_status=None)
    page = signed_in(chromium, live_server.url, granted("^view_"), viewport={"width": 1400, "height": 900})
    page.goto("")
    return page


def test_an_operator_signs_in(chromium: Browser, live_server: LiveServer) -> None:
    operator = granted("^view_")
    operator.set_password(PASSWORD)
    operator.save()
    page = new_page(chromium)
    sign_in_at(page, f"{live_server.url}/admin/", operator.username, PASSWORD)
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def test_each_count_leads_to_the_rows_that_it_counts(console: Page) -> None:
    home = console.url
    links = console.locator("#content a:has([data-count])")
    counts = {
        str(link.get_attribute("href")): link.locator("[data-count]").inner_text().replace(",", "")
        for link in links.all()
    }
    assert len(counts) >= 13
    assert max(counts.values()) == "3"
    for url, count in counts.items():
        console.goto(home)
        console.locator(f"#content a[href='{url}']").click()
        expect(console.locator("#result_list tbody th a")).to_have_count(int(count))


def test_the_palette_finds_a_number_by_its_last_digits(console: Page) -> None:
    number = PhoneNumber.objects.filter(label="Front desk").earliest("id")
    console.keyboard.press("Control+k")
    console.locator("#search-input-command").press_sequentially(number.number[-4:])
    console.locator("#command-results-list a", has_text=number.number).click()
    console.wait_for_url(f"**/phonenumber/{number.id}/change/")


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_cut_off_and_no_third_party_is_asked(width: int, console: Page) -> None:
    number = PhoneNumber.objects.filter(label="Front desk").earliest("id")
    watched = Watched(console, console.url)
    console.set_viewport_size({"width": width, "height": 844})
    pages = ("", "numbers/phonenumber/", "campaigns/campaign/", "propagation/carrierreading/")
    for path in (*pages, f"numbers/phonenumber/{number.id}/change/", f"accounts/operator/{Operator.objects.get().id}/"):
        console.goto(path)
        console.wait_for_load_state("networkidle")
        assert not cut_off(console), path
        heading = console.locator("h1")
        assert heading.evaluate("(h1) => h1.firstElementChild.scrollWidth <= h1.firstElementChild.clientWidth"), path
    assert (watched.elsewhere, watched.errors) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(scheme: Any, chromium: Browser, console: Page, live_server: LiveServer) -> None:
    number = PhoneNumber.objects.get(carrier_line_option_status="failed")
    page = signed_in(chromium, live_server.url, OperatorFactory.create(), color_scheme=scheme)
    paths = [
        "",
        "numbers/phonenumber/",
        f"numbers/phonenumber/{number.id}/change/",
        f"numbers/phonenumber/{number.id}/attach/",
        f"campaigns/campaign/{number.campaign_id}/change/",
        "accounts/apikey/add/",
    ]
    for path in paths:
        page.goto(path)
        assert violations(page) == [], path


def test_the_keyboard_passes_the_navigation_and_opens_the_filters(console: Page) -> None:
    console.goto("numbers/phonenumber/")
    console.wait_for_load_state("networkidle")
    console.keyboard.press("Tab")
    skip = console.get_by_text("Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    assert skip.evaluate("(link) => getComputedStyle(link).outlineStyle") == "solid"
    console.keyboard.press("Enter")
    console.keyboard.press("Tab")
    assert console.evaluate("document.activeElement.closest('#content') !== null")
    filters = console.locator("a[role=button]", has_text="Filters")
    apply = console.get_by_role("button", name="Apply Filters")
    expect(apply).to_be_hidden()
    filters.focus()
    console.keyboard.press("Enter")
    expect(apply).to_be_visible()


def test_a_narrow_preview_of_an_import_shows_whole_cells(console: Page) -> None:
    content = "organization,number,label\nnobody,+1999,\nnobody,3125550101,\n" + "x,+13125550102,\n" * 2
    number = PhoneNumber.objects.filter(label="Front desk").earliest("id")
    assert number.organization is not None
    content += f"{number.organization.slug},{number.number},{'A label of many words ' * 4}\n"
    job = begin_import(operator=Operator.objects.get(), file_name="n.csv", document=content.encode())
    run_import(job.id)
    console.set_viewport_size({"width": 390, "height": 844})
    console.goto(f"{console.url}inventory/inventoryimport/{job.id}/change/")
    expect(console.get_by_text("is not the slug of an organization").first).to_be_visible()
    hidden = "[...document.querySelectorAll('td')].filter(cell => cell.scrollHeight > cell.clientHeight + 1).length"
    assert (console.evaluate(hidden), cut_off(console)) == (0, False)
