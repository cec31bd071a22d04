"""What operators do to numbers: attach a campaign, detach, release."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import Operator
from campaigns.models import CampaignStatus
from phone_numbers.bulk_operations import BulkOperation
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.factories import CampaignFactory, PhoneNumberFactory
from tests.support.operators import actions_offered, operate, outcomes, page, run_action, sign_in
from tests.support.worlds import World

CHANGELIST = "/admin/numbers/phonenumber/"


def _rows() -> list[Any]:
    return list(PhoneNumber.objects.order_by("id").values())


def _attach(client: Client, campaign_id: object, *numbers: PhoneNumber) -> Any:
    return operate(client, "attach_selected", *numbers, campaign=str(campaign_id))


def _fields(response: Any) -> dict[str, str]:
    """The hidden fields of the page's form."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', response.content.decode()))


def _logged() -> dict[str, str]:
    """The admin's log of numbers."""
    entries = LogEntry.objects.filter(content_type__model="phonenumber")
    return {str(entry.object_id): entry.change_message for entry in entries}


def _refusal(response: Any) -> str:
    """The message on the way back."""
    assert response.status_code == 302
    (message,) = response.client.get(response["Location"]).context["messages"]
    return str(message)


# Choosing


def test_the_action_asks_for_a_campaign_of_the_organization_and_changes_nothing(
    world: World, admin_client: Client
) -> None:
    expired = CampaignFactory.create(brand=world.brand, status="EXPIRED")
    before = _rows()
    begun = run_action(admin_client, PhoneNumber, "attach_selected", world.phone_number)
    response = admin_client.get(begun["Location"])
    form = response.context["form"]
    assert set(form.fields["campaign"].queryset) == {world.campaign, world.other_campaign, expired}
    content = response.content.decode()
    assert re.search(rf'<option value="{expired.id}"[^>]* disabled', content)
    assert f"{expired.name} · Customer Care · takes no numbers: EXPIRED" in content
    assert not re.search(rf'<option value="{world.campaign.id}"[^>]* disabled', content)
    assert _rows() == before


def test_the_page_of_a_number_leads_there_too(world: World, admin_client: Client) -> None:
    address = page(PhoneNumber, "attach_one", world.phone_number.id)
    assert address in admin_client.get(page(PhoneNumber, "change", world.phone_number.id)).content.decode()
    response = admin_client.get(address, follow=True)
    assert response.context["count"] == 1
    assert world.phone_number.number in response.context["table"]["rows"][0][0]
    assert admin_client.get(page(PhoneNumber, "attach_one", uuid4())).status_code == 404
    assert admin_client.get(page(PhoneNumber, "release_one", "no-id")).status_code == 404


def test_numbers_of_several_organizations_are_refused(world: World, admin_client: Client) -> None:
    before = _rows()
    both = (world.phone_number, world.stranger.phone_number)
    words = "The numbers belong to several organizations: choose numbers of one organization."
    assert _refusal(run_action(admin_client, PhoneNumber, "attach_selected", *both)) == words
    assert _refusal(_attach(admin_client, world.campaign.id, *both)) == words
    assert _rows() == before


def test_a_number_without_an_organization_is_refused(world: World, admin_client: Client) -> None:
    stock = PhoneNumberFactory.create(in_stock=True)
    words = "A number without an organization takes no campaign: choose numbers of one organization."
    assert _refusal(run_action(admin_client, PhoneNumber, "attach_selected", world.phone_number, stock)) == words


def test_more_numbers_than_an_operation_takes_are_refused(
    world: World, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = PhoneNumberFactory.create_batch(100, organization=world.organization)
    before = _rows()
    monkeypatch.setattr("phone_numbers.services.bulk_operations.MAX_ROWS", 100)
    assert _refusal(_attach(admin_client, world.campaign.id, world.phone_number, *numbers)) == (
        "101 numbers are more than one operation takes: manage.py attach_campaign takes any number."
    )
    assert _rows() == before
    assert not BulkOperation.objects.exists()


@pytest.mark.parametrize("action", ["attach_selected", "detach_selected", "release_selected", "retry_selected"])
def test_numbers_that_are_gone_are_refused(action: str, world: World, admin_client: Client) -> None:
    gone = {"action": action, "_selected_action": [str(uuid4()), "x"], "campaign": str(world.campaign.id)}
    assert _refusal(admin_client.post(CHANGELIST, gone)) == "These numbers are gone."


@pytest.mark.parametrize("campaign", ["", "x", "unknown", "foreign"])
def test_what_is_no_campaign_of_the_organization_is_refused(campaign: str, world: World, admin_client: Client) -> None:
    before = _rows()
    campaign_id = {"unknown": uuid4(), "foreign": world.stranger.campaign.id}.get(campaign, campaign)
    response = _attach(admin_client, campaign_id, world.phone_number)
    (error,) = response.context["form"].errors["campaign"]
    assert error in {
        "This field is required.",
        "Select a valid choice. That choice is not one of the available choices.",
        "“x” is not a valid UUID.",
    }
    assert world.phone_number.number in response.context["table"]["rows"][0][0]
    assert _rows() == before


# Attaching


def test_each_number_has_its_outcome(world: World, admin_client: Client, admin_user: Operator) -> None:
    unchanged, moved, pending = PhoneNumberFactory.create_batch(3, organization=world.organization)
    _attach(admin_client, world.campaign.id, unchanged)
    _attach(admin_client, world.other_campaign.id, moved)
    PhoneNumber.objects.filter(id=pending.id).update(state="PENDING")
    entries = set(CampaignAttachment.objects.values_list("id", flat=True))
    LogEntry.objects.all().delete()

    response = _attach(admin_client, world.campaign.id, world.phone_number, unchanged, moved, pending)
    assert sorted(outcomes(response)) == sorted(
        [
            (world.phone_number.number, "attached", ""),
            (unchanged.number, "unchanged", ""),
            (moved.number, "attached", ""),
            (pending.number, "failed", "The number is not assigned."),
        ]
    )
    assert "2 attached, 1 unchanged, 1 failed" in response.content.decode()
    new = CampaignAttachment.objects.exclude(id__in=entries)
    assert set(new.values_list("phone_number_id", "previous_campaign_id", "campaign_id")) == {
        (world.phone_number.id, None, world.campaign.id),
        (moved.id, world.other_campaign.id, world.campaign.id),
    }
    assert set(new.values_list("actor_kind", "actor_id", "request_id")) == {
        ("operator", str(admin_user.pk), BulkOperation.objects.latest("id").request_id)
    }
    assert _logged() == dict.fromkeys(
        [str(world.phone_number.id), str(moved.id)], f"Attach a campaign: {world.campaign.name}."
    )


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        ("campaign", "The campaign is not active."),
        ("brand", "The campaign's brand is not verified."),
    ],
)
def test_a_broken_rule_is_explained(break_it: str, reason: str, world: World, admin_client: Client) -> None:
    if break_it == "campaign":
        world.campaign.status = CampaignStatus.EXPIRED
        world.campaign.save()
    else:
        world.brand.identity_status = None
        world.brand.save()
    before = _rows()
    response = _attach(admin_client, world.campaign.id, world.phone_number)
    assert outcomes(response) == [(world.phone_number.number, "failed", reason)]
    assert _rows() == before
    assert not _logged()


def test_the_way_back_keeps_the_operators_filter(world: World, admin_client: Client) -> None:
    query = "?q=%2B1919"
    done = operate(admin_client, "attach_selected", world.phone_number, query=query, campaign=str(world.campaign.id))
    assert done.context["back"] == CHANGELIST + query
    one = admin_client.get(page(PhoneNumber, "attach_one", world.phone_number.id), follow=True)
    assert one.context["back"] == CHANGELIST


def test_one_number_goes_the_way_of_many(world: World, admin_client: Client) -> None:
    """From its page: choose, preview, confirm. Each step posts what the page before it holds."""
    address = admin_client.get(page(PhoneNumber, "attach_one", world.phone_number.id))["Location"]
    choose = admin_client.get(address)
    before = _rows()
    preview = admin_client.post(address, _fields(choose) | {"campaign": str(world.campaign.id)}, follow=True)
    assert preview.context["summary"] == "1 would be attached"
    assert outcomes(preview) == [(world.phone_number.number, "would be attached", "")]
    assert _rows() == before
    assert not LogEntry.objects.exists()
    done = admin_client.post(address, _fields(preview), follow=True)
    assert outcomes(done) == [(world.phone_number.number, "attached", "")]
    world.phone_number.refresh_from_db()
    assert world.phone_number.campaign_id == world.campaign.id


# Detaching


def test_detaching_asks_first_and_then_tells_of_each_number(world: World, admin_client: Client) -> None:
    _attach(admin_client, world.campaign.id, world.phone_number)
    stock = PhoneNumberFactory.create(in_stock=True)
    chosen = (world.phone_number, world.stranger.phone_number, stock)
    before = _rows()
    asked = run_action(admin_client, PhoneNumber, "detach_selected", *chosen)
    assert "Detach 1 number" in admin_client.get(asked["Location"]).content.decode()
    assert admin_client.get(page(PhoneNumber, "detach_one", world.phone_number.id), follow=True).status_code == 200
    assert _rows() == before

    response = operate(admin_client, "detach_selected", *chosen)
    assert outcomes(response) == [
        (world.phone_number.number, "detached", ""),
        (world.stranger.phone_number.number, "had none", ""),
        (stock.number, "failed", "The number is not assigned."),
    ]
    entry = CampaignAttachment.objects.first()
    assert entry is not None
    assert (entry.previous_campaign_id, entry.campaign_id) == (world.campaign.id, None)
    assert (entry.actor_kind, entry.request_id) == ("operator", BulkOperation.objects.latest("id").request_id)
    world.phone_number.refresh_from_db()
    assert (world.phone_number.state, world.phone_number.carrier_line_option_status) == ("ASSIGNED", "removing")


# Releasing


def test_releasing_asks_first_and_then_tells_of_each_number(world: World, admin_client: Client) -> None:
    _attach(admin_client, world.campaign.id, world.phone_number)
    stock = PhoneNumberFactory.create(in_stock=True)
    chosen = (world.phone_number, world.stranger.phone_number, stock)
    before = _rows()
    asked = run_action(admin_client, PhoneNumber, "release_selected", *chosen)
    assert "Release 2 numbers" in admin_client.get(asked["Location"]).content.decode()
    assert admin_client.get(page(PhoneNumber, "release_one", world.phone_number.id), follow=True).status_code == 200
    assert _rows() == before

    response = operate(admin_client, "release_selected", *chosen)
    assert outcomes(response) == [
        (world.phone_number.number, "released", ""),
        (world.stranger.phone_number.number, "released", ""),
        (stock.number, "failed", "The number is not assigned."),
    ]
    assert dict(PhoneNumber.objects.values_list("number", "state")) == {
        world.phone_number.number: "QUARANTINED",
        world.stranger.phone_number.number: "QUARANTINED",
        stock.number: "AVAILABLE",
    }
    entry = CampaignAttachment.objects.first()
    assert entry is not None
    assert (entry.previous_campaign_id, entry.campaign_id) == (world.campaign.id, None)
    assert entry.request_id == BulkOperation.objects.latest("id").request_id


# Who may


def test_a_viewer_is_offered_no_action_and_runs_none(world: World) -> None:
    viewer = sign_in("view_phonenumber", "view_campaignattachment")
    before = _rows()
    assert actions_offered(viewer.get(CHANGELIST)) == set()
    content = viewer.get(page(PhoneNumber, "change", world.phone_number.id)).content.decode()
    assert "Attach campaign…" not in content
    assert "Release…" not in content
    for action in ("attach", "detach", "release", "retry"):
        operate(viewer, f"{action}_selected", world.phone_number, campaign=str(world.campaign.id))
        address = page(PhoneNumber, f"{action}_one", world.phone_number.id)
        assert viewer.get(address).status_code == 403
        assert viewer.post(address, {"campaign": str(world.campaign.id), "confirm": "yes"}).status_code == 403
    assert _rows() == before


def test_who_may_change_numbers_is_offered_the_operations(world: World) -> None:
    office = sign_in("view_phonenumber", "change_phonenumber")
    assert actions_offered(office.get(CHANGELIST)) == {
        "attach_selected",
        "detach_selected",
        "retry_selected",
        "release_selected",
    }
    assert outcomes(_attach(office, world.campaign.id, world.phone_number)) == [
        (world.phone_number.number, "attached", "")
    ]


def test_who_is_not_signed_in_is_sent_to_the_login(world: World, client: Client) -> None:
    response = _attach(client, world.campaign.id, world.phone_number)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")
    assert not CampaignAttachment.objects.exists()


@pytest.mark.parametrize("action", ["attach", "detach", "release", "retry"])
def test_nothing_happens_before_the_confirmation(action: str, world: World, admin_client: Client) -> None:
    operate(admin_client, "attach_selected", world.phone_number, campaign=str(world.other_campaign.id))
    before = _rows()
    for address in (CHANGELIST, page(PhoneNumber, f"{action}_one", world.phone_number.id)):
        response = admin_client.post(
            address,
            {
                "action": f"{action}_selected",
                "_selected_action": [str(world.phone_number.id)],
                "campaign": str(world.campaign.id),
                "confirm": "yes",
            },
            follow=True,
        )
        assert response.status_code == 200
    assert _rows() == before
    assert "running" not in BulkOperation.objects.filter(action=action).values_list("phase", flat=True)
