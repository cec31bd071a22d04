"""What operators do in the console, from the first click to the last, in Chromium."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import ApiKey
from campaigns.models import Campaign
from phone_numbers.bulk_operations import BulkOperation
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.browser import signed_in
from tests.support.factories import OperatorFactory, PhoneNumberFactory
from tests.support.operators import granted
from tests.support.propagation import attach, fail_propagation, line_option_status
from tests.support.worlds import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def console(chromium: Browser, live_server: LiveServer) -> Page:
    """The browser of an operator who may move numbers."""
    return signed_in(chromium, live_server.url, granted("^view_|^change_phonenumber$"))


def open_number(page: Page, number: PhoneNumber) -> None:
    page.goto(f"numbers/phonenumber/{number.id}/change/")


def choose(page: Page, field: str, words: str) -> None:
    """Choose an option of a field that searches."""
    page.locator(f"#select2-{field}-container").click()
    page.locator(".select2-results__option", has_text=words).click()


def campaign_of(number: PhoneNumber) -> Campaign | None:
    return PhoneNumber.objects.get(id=number.id).campaign


def test_attach_with_a_preview(world: World, console: Page) -> None:
    attach(world.phone_number, world.other_campaign)
    open_number(console, world.phone_number)
    console.get_by_role("link", name="Attach campaign…").click()
    choose(console, "id_campaign", world.campaign.name)
    console.get_by_role("button", name="See what becomes of 1 number").click()
    expect(console.locator("#content")).to_contain_text("1 would be attached")
    expect(console.get_by_role("row", name=f"{world.other_campaign.name} {world.campaign.name} 1")).to_be_visible()
    assert campaign_of(world.phone_number) == world.other_campaign
    console.get_by_label("Reason").fill("Ticket 4711")
    console.get_by_role("button", name="Attach to 1 number").click()
    expect(console.locator("#content")).to_contain_text("1 attached")
    assert campaign_of(world.phone_number) == world.campaign
    console.get_by_role("link", name=world.phone_number.number).click()
    expect(console.locator("ol li", has_text="Ticket 4711")).to_contain_text(world.campaign.name)


def test_retry_of_what_failed(world: World, console: Page) -> None:
    fail_propagation(world.phone_number, world.campaign)
    console.goto("")
    console.locator("#content a", has=console.locator("[data-count]", has_text=re.compile("^1$"))).first.click()
    open_number(console, world.phone_number)
    console.get_by_role("link", name="Send again…").click()
    console.get_by_role("button", name="Send again to 1 number").click()
    expect(console.locator("#content")).to_contain_text("1 sent again")
    assert line_option_status(world.phone_number) == "pending"
    open_number(console, world.phone_number)
    expect(console.locator("#content")).to_contain_text("Pending for")
    expect(console.get_by_role("link", name="Send again…")).to_have_count(0)


def test_a_bulk_move_and_its_undo(world: World, console: Page) -> None:
    numbers = PhoneNumberFactory.create_batch(2, organization=world.organization, label="Front desk")
    for number in numbers:
        attach(number, world.other_campaign)
    console.goto("numbers/phonenumber/?q=Front+desk")
    console.locator("#action-toggle").check()
    console.locator("select[name=action]").select_option("attach_selected")
    console.get_by_role("button", name="Run").click()
    choose(console, "id_campaign", world.campaign.name)
    console.get_by_role("button", name="See what becomes of 2 numbers").click()
    console.get_by_role("button", name="Attach to 2 numbers").click()
    expect(console.locator("#content")).to_contain_text("2 attached")
    attach(numbers[0], Campaign.objects.get(id=world.other_campaign.id))
    console.get_by_role("button", name="Undo…").click()
    expect(console.locator("#content")).to_contain_text("1 would be taken back, 1 left alone")
    console.get_by_role("button", name="Take back 1 number").click()
    expect(console.locator("#content")).to_contain_text("1 taken back")
    assert [campaign_of(number) for number in numbers] == [world.other_campaign] * 2


def test_a_key_is_made_and_seen_once(world: World, chromium: Browser, live_server: LiveServer) -> None:
    page = signed_in(chromium, live_server.url, OperatorFactory.create())
    page.goto("accounts/apikey/add/")
    choose(page, "id_organization", world.organization.name)
    page.get_by_label("Label").fill("robot")
    page.get_by_label("numbers:read").check()
    page.get_by_label("Reason").fill("Ticket 4711")
    page.get_by_role("button", name="Save").click()
    plain = page.get_by_label("API key").input_value()
    key = ApiKey.objects.get()
    assert plain.startswith(key.prefix)
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="robot").click()
    expect(page.locator("#content")).to_contain_text("Ticket 4711")
    assert plain not in page.content()


def test_a_csv_with_errors_imports_nothing(world: World, chromium: Browser, live_server: LiveServer) -> None:
    page = signed_in(chromium, live_server.url, granted("^view_|^add_inventoryimport$"))
    slug = world.organization.slug
    lines = (f"{slug},(312) 555-0100,Front desk", f"{slug},12,Front desk", "nowhere,(312) 555-0101,Front desk")
    content = "\n".join(("organization,number,label", *lines)).encode()
    page.goto("inventory/inventoryimport/")
    page.locator("input[type=file]").set_input_files({"name": "n.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="See what would change").click()
    expect(page.locator("#content")).to_contain_text("2 rows refused, so nothing of the file is imported")
    for place in ("line 3", "line 4"):
        expect(page.get_by_role("row", name=place)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Import"))).to_have_count(0)
    assert not PhoneNumber.objects.filter(label="Front desk").exists()


def test_a_viewer_has_no_button_and_is_refused(world: World, chromium: Browser, live_server: LiveServer) -> None:
    fail_propagation(world.phone_number, world.campaign)
    page = signed_in(chromium, live_server.url, granted("^view_"))
    open_number(page, world.phone_number)
    expect(page.get_by_role("heading", name=world.phone_number.number)).to_be_visible()
    for name in ("Attach campaign…", "Detach campaign…", "Send again…", "Release…", "Save"):
        expect(page.get_by_text(name, exact=True)).to_have_count(0)
    # A form of the page, with its token.
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    for action in ("attach", "detach", "retry", "release"):
        refused = page.request.post(
            f"numbers/phonenumber/{world.phone_number.id}/{action}/",
            form={"csrfmiddlewaretoken": token}, headers={"Referer": page.url},
        )  # fmt: skip
        assert refused.status == 403
    assert CampaignAttachment.objects.count() == 1
    assert not BulkOperation.objects.exists()
