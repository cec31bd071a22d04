"""The pages of rows: their state in words, what belongs to them, what can be done now, and why it was changed."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db.models.functions import Now
from django.test import Client
from django.utils.html import strip_tags

from accounts.models import Organization, Scope
from brands.models import Brand
from campaigns.models import Campaign
from phone_numbers.e164 import as_written
from phone_numbers.failures import FailureCode
from phone_numbers.models import CampaignAttachment, PhoneNumber
from propagation.models import CarrierOrder
from tests.support.api import ApiClient
from tests.support.factories import PhoneNumberFactory, make_key
from tests.support.operators import count_queries, page, run_action, sign_in
from tests.support.propagation import attach, detach, fail_attachment, fail_propagation
from tests.support.worlds import World


def _show(client: Client, number: PhoneNumber) -> Any:
    return client.get(page(PhoneNumber, "change", number.id))


def _status_text(client: Client, number: PhoneNumber) -> str:
    return strip_tags(_show(client, number).context["status_text"])


def _actions(client: Client, number: PhoneNumber) -> set[str]:
    paths = [action["path"] for action in _show(client, number).context["actions_detail"]]
    return {path.rstrip("/").split("/")[-1] for path in paths}


def _panel(response: Any) -> tuple[str, list[str]]:
    """What the first panel says, and its rows in words."""
    (panel, *_) = response.context["panels"]
    return strip_tags(panel.get("said", "")), [strip_tags(" ".join(map(str, row))).strip() for row in panel["rows"]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, r"Pending for \d+ (s|min)\. The carrier is notified now\."),
        (
            {
                "resumed_at": Now() - timedelta(minutes=3),
                "next_attempt_at": Now() + timedelta(days=2, hours=1),
                "failure_code": "CARRIER_UNAVAILABLE",
                "failure_message": "the campaign registry did not respond.",
            },
            r"Pending for \d+ min\. Next attempt in 2 d: the campaign registry did not respond\.",
        ),
        ({"next_attempt_at": None}, r"Pending for .*\. It waits for the carrier to approve the campaign\."),
        (
            {"status": "submitted", "order_id": uuid4(), "next_attempt_at": None},
            r"Pending for .*\. The order is at the carrier\.",
        ),
    ],
)
def test_a_number_under_way_leads_with_how_long_and_what_next(
    changes: dict[str, Any], words: str, world: World, admin_client: Client
) -> None:
    attach(world.phone_number, world.campaign)
    CampaignAttachment.objects.update(**changes)
    assert re.fullmatch(words, _status_text(admin_client, world.phone_number))


def test_a_number_leads_with_its_state_in_words(world: World, admin_client: Client) -> None:
    number = world.phone_number
    assert _status_text(admin_client, number) == "On no campaign."
    attach(number, world.campaign)
    PhoneNumber.objects.filter(id=number.id).update(
        carrier_line_option_status="propagated", carrier_line_option_propagated_at=Now() - timedelta(days=2, hours=1)
    )
    assert _status_text(admin_client, number) == "Propagated: the carrier confirmed it 2 d ago."
    detach(number)
    assert _status_text(admin_client, number).startswith("Being taken off its campaign for ")
    stock = PhoneNumberFactory.create(in_stock=True)
    assert _status_text(admin_client, stock) == "Available: in stock, no organization."


def test_it_says_what_readiness_says(world: World, admin_client: Client) -> None:
    fail_propagation(world.phone_number, world.campaign, FailureCode.NOT_CONFIGURED)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(sms_enabled=False)
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    blockers = ApiClient(plain).get(f"/v1/phone-numbers/{world.phone_number.id}/readiness").json()["data"]["blockers"]
    shown = _show(admin_client, world.phone_number).context["readiness"].blockers
    assert [(blocker.message, blocker.resolution) for blocker in shown] == [
        (blocker["message"], blocker["resolution"]) for blocker in blockers
    ]
    assert len(blockers) == 2


def test_the_timeline_says_who_when_why_and_what_the_carrier_said(world: World, admin_client: Client) -> None:
    for campaign in (world.campaign, world.other_campaign) * 11:
        attach(world.phone_number, campaign)
    entry = CampaignAttachment.objects.latest("created_at")
    fail_attachment(entry.id)
    shown = _show(admin_client, world.phone_number)
    newest, second, *rest = shown.context["timeline"]
    assert (newest["origin"], newest["target"]) == (world.campaign, world.other_campaign)
    assert newest["failure"].startswith("REJECTED")
    assert "Superseded" in second["status"]
    assert len(rest) == 18
    assert shown.context["whole_history"].endswith(f"?phone_number__id__exact={world.phone_number.id}")
    exact = f'title="{entry.created_at:%Y-%m-%d %H:%M:%S} UTC"'
    assert exact in shown.content.decode()


def test_only_what_is_possible_is_offered(world: World, admin_client: Client) -> None:
    number = world.phone_number
    assert _actions(admin_client, number) == {"attach", "release"}
    assert _show(admin_client, number).context["may_delete"]
    attach(number, world.campaign)
    assert _actions(admin_client, number) == {"attach", "detach", "release"}
    assert not _show(admin_client, number).context["may_delete"], "history keeps it"
    fail_attachment(CampaignAttachment.objects.get().id)
    assert _actions(admin_client, number) == {"attach", "detach", "retry", "release"}
    assert _actions(admin_client, PhoneNumberFactory.create(in_stock=True)) == set()
    assert _actions(sign_in("view_phonenumber"), number) == set()


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("+19195550100", "(919) 555-0100"),
        ("+442071838750", "020 7183 8750"),
        ("22763", "22763"),
        ("+21000000001", "+21000000001"),
    ],
)
def test_a_number_as_people_write_it(number: str, written: str) -> None:
    assert as_written(number) == written


def test_a_campaign_shows_its_numbers_and_moves_them(world: World, admin_client: Client) -> None:
    address = page(Campaign, "change", world.campaign.id)
    words, rows = _panel(admin_client.get(address))
    assert words == f"0 numbers of the brand {world.brand}; the limit is 49. Attach it to numbers from their list."
    assert (rows, admin_client.get(address).context["actions_detail"]) == ([], [])
    fail_propagation(world.phone_number, world.campaign)
    attach(PhoneNumberFactory.create(organization=world.organization), world.campaign)
    shown = admin_client.get(address)
    assert _panel(shown)[1] == ["Pending 1", "Failed 1"]
    links = re.findall(r'href="(/admin/numbers/phonenumber/\?campaign[^"]+)"', shown.content.decode())
    found = [admin_client.get(link.replace("&amp;", "&")).context["cl"].result_count for link in links]
    assert found == [2, 1, 1]
    (action,) = shown.context["actions_detail"]
    begun = admin_client.get(admin_client.get(action["path"])["Location"])
    asked = admin_client.get(begun["Location"])
    assert asked.context["count"] == 2
    assert sign_in("view_campaign").get(action["path"]).status_code == 403
    assert sign_in("view_campaign").get(page(PhoneNumber, "move", world.campaign.id)).status_code == 403


def test_an_order_shows_its_numbers(world: World, admin_client: Client) -> None:
    order = CarrierOrder.objects.create(
        organization=world.organization, campaign=world.campaign, carrier="default", action="attach", created_at=Now(),
        ended_at=Now(),
    )  # fmt: skip
    assert _panel(admin_client.get(page(CarrierOrder, "change", order.id)))[0].startswith("None: ")
    attach(world.phone_number, world.campaign)
    CampaignAttachment.objects.update(order_id=order.id)
    fail_attachment(CampaignAttachment.objects.get().id)
    (row,) = _panel(admin_client.get(page(CarrierOrder, "change", order.id)))[1]
    assert row.startswith(f"{world.phone_number.number} failed ")


def test_a_brand_shows_its_campaigns(world: World, admin_client: Client) -> None:
    words, rows = _panel(admin_client.get(page(Brand, "change", world.brand.id)))
    assert rows == [f"{campaign} None ACTIVE Numbers" for campaign in (world.campaign, world.other_campaign)]
    assert words == ""


def test_a_change_has_a_reason_that_its_page_shows(world: World, admin_client: Client) -> None:
    address = page(Organization, "change", world.organization.id)
    fields = {"name": "Renamed <Ltd>", "slug": world.organization.slug, "reason": "They have a new name."}
    assert admin_client.post(address, fields).status_code == 302
    said = "Changed Name. Reason: They have a new name."
    assert LogEntry.objects.latest("action_time").get_change_message() == said
    assert admin_client.get(address).context["changes"]["rows"][0][2] == said
    refused = admin_client.post(address, fields | {"reason": "x" * 501})
    assert "reason" in refused.context["adminform"].form.errors


def test_deleting_selected_rows_with_history_is_refused_with_a_message(world: World, admin_client: Client) -> None:
    attach(world.phone_number, world.campaign)
    answer = run_action(admin_client, PhoneNumber, "delete_selected", world.phone_number, world.stranger.phone_number)
    (message,) = get_messages(answer.wsgi_request)
    assert str(message) == ("These rows cannot be deleted, because of 1 campaign attachment. Release it instead.")
    assert PhoneNumber.objects.count() == 2


def test_the_page_of_a_number_takes_a_fixed_number_of_statements(world: World, admin_client: Client) -> None:
    attach(world.phone_number, world.campaign)
    address = page(PhoneNumber, "change", world.phone_number.id)
    once = count_queries(admin_client, address)
    for campaign in (world.other_campaign, world.campaign) * 5:
        attach(world.phone_number, campaign)
    assert count_queries(admin_client, address) == once <= 20
