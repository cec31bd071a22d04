"""The console in Chromium: sign in, follow each count of the home page, search, and look at all widths."""

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from phone_numbers.failures import FailureCode
from phone_numbers.models import PhoneNumber
from tests.support.browser import Watched, cut_off, new_page, sign_in_at
from tests.support.factories import BrandFactory, OperatorFactory, PhoneNumberFactory
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
    # Not by the group, which a test that commits may have removed.
    viewer = OperatorFactory.create(username="viewer", is_superuser=False)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    viewer.set_password(PASSWORD)
    viewer.save()
    page = new_page(chromium, viewport={"width": 1400, "height": 900})
    sign_in_at(page, f"{live_server.url}/admin/", "viewer", PASSWORD)
    return page


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
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_no_third_party_is_asked(width: int, scheme: str, console: Page) -> None:
    origin = console.url.removesuffix("/admin/")
    watched = Watched(console, origin)
    console.set_viewport_size({"width": width, "height": 844})
    console.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for path in ("", "numbers/phonenumber/", "campaigns/campaign/", "propagation/carrierreading/"):
        console.goto(f"{origin}/admin/{path}")
        console.wait_for_load_state("networkidle")
        assert not cut_off(console), path
    assert (watched.elsewhere, watched.errors) == ([], [])
