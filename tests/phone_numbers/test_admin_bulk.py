"""The action "Attach campaign…" on all that a filter finds: choose, preview, confirm, and a CSV of what failed."""

import csv
import io
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from campaigns.models import CampaignStatus
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from tests.support.factories import PhoneNumberFactory
from tests.support.operators import outcomes, sign_in
from tests.support.worlds import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

CHANGELIST = "/admin/numbers/phonenumber/"


def _post(client: Client, query: str, chosen: list[PhoneNumber] | None, **fields: str) -> "Answer":
    """The list's action, on these numbers or on all that the query finds."""
    selection: dict[str, Any] = {"action": "attach_selected", "select_across": "1" if chosen is None else "0"}
    ticked = chosen if chosen is not None else list(PhoneNumber.objects.all()[:1])
    selection["_selected_action"] = [str(number.id) for number in ticked]
    return client.post(CHANGELIST + query, selection | fields)


def _everything() -> tuple[list[Any], list[Any]]:
    return list(PhoneNumber.objects.order_by("id").values()), list(CampaignAttachment.objects.values())


def _failed_csv(response: "Answer") -> list[list[str]]:
    head, _, content = response.context["csv"].partition("base64,")
    assert head == "data:text/csv;charset=utf-8;"
    return list(csv.reader(io.StringIO(b64decode(content).decode(), newline="")))


@pytest.fixture
def many(world: World) -> list[PhoneNumber]:
    """More numbers than a page of the list has, of which three cannot be attached and two are attached already."""
    numbers: list[PhoneNumber] = PhoneNumberFactory.create_batch(150, organization=world.organization, label="batch")
    PhoneNumber.objects.filter(id__in=[number.id for number in numbers[:3]]).update(state=NumberState.PENDING)
    PhoneNumber.objects.filter(id__in=[number.id for number in numbers[3:5]]).update(
        campaign=world.campaign, carrier_line_option_status="pending"
    )
    return numbers


def test_all_that_a_filter_finds(world: World, many: list[PhoneNumber], admin_client: Client) -> None:
    query = "?q=batch"
    before = _everything()
    ask = _post(admin_client, query, None)
    assert (ask.status_code, ask.context["count"]) == (200, 150)
    assert "See what becomes of 150 numbers" in ask.content.decode()

    campaign = str(world.campaign.id)
    preview = _post(admin_client, query, None, campaign=campaign)
    assert preview.context["summary"] == "145 would be attached, 2 unchanged, 3 failed"
    assert preview.context["reasons"]["rows"] == [["The number is not assigned.", "3"]]
    assert "Attach to 145 numbers" in preview.content.decode()
    assert _everything() == before

    done = _post(admin_client, query, None, campaign=campaign, confirm="yes")
    assert done.context["summary"] == "145 attached, 2 unchanged, 3 failed"
    expected = sorted((number.number, "failed", "The number is not assigned.") for number in many[:3])
    assert sorted(outcomes(done)) == expected
    header, *rows = _failed_csv(done)
    assert header == ["number", "message"]
    assert sorted(rows) == [[number, reason] for number, _, reason in expected]
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 147
    assert CampaignAttachment.objects.count() == 145
    entry = CampaignAttachment.objects.latest("created_at")
    assert (entry.actor_kind, entry.request_id) == ("operator", done["X-Request-Id"])
    world.phone_number.refresh_from_db()
    assert world.phone_number.campaign_id is None, "the filter did not find it"


def test_a_filter_that_the_move_itself_empties(world: World, many: list[PhoneNumber], admin_client: Client) -> None:
    """Everything on one campaign goes to another, though the filter finds nothing of it afterwards."""
    PhoneNumber.objects.filter(state=NumberState.ASSIGNED, label="batch").update(
        campaign=world.campaign, carrier_line_option_status="pending"
    )
    query = f"?campaign={world.campaign.id}"
    done = _post(admin_client, query, None, campaign=str(world.other_campaign.id), confirm="yes")
    assert done.context["summary"] == "147 attached"
    assert done.context["failed_count"] == 0
    assert not PhoneNumber.objects.filter(campaign=world.campaign).exists()


def test_only_what_is_ticked(world: World, many: list[PhoneNumber], admin_client: Client) -> None:
    fields = {"campaign": str(world.campaign.id), "confirm": "yes"}
    done = _post(admin_client, "", [world.phone_number, many[0]], **fields)
    assert done.context["summary"] == "1 attached, 1 failed"
    assert CampaignAttachment.objects.count() == 1


def test_what_cannot_be_chosen(world: World, many: list[PhoneNumber], admin_client: Client) -> None:
    before = _everything()
    world.other_campaign.status = CampaignStatus.EXPIRED
    world.other_campaign.save()
    fields = {"confirm": "yes"}
    refused = _post(admin_client, "?q=batch", None, campaign=str(world.stranger.campaign.id), **fields)
    assert "campaign" in refused.context["form"].errors
    expired = _post(admin_client, "?q=batch", None, campaign=str(world.other_campaign.id), **fields)
    assert expired.context["summary"] == "150 failed"
    assert len(_failed_csv(expired)) == 151
    assert (expired.context["shown"], expired.context["failed_count"]) == (100, 150)

    mixed = _post(admin_client, "", None, campaign=str(world.campaign.id), **fields)
    assert (mixed.status_code, mixed["Location"]) == (302, CHANGELIST)
    assert [str(message) for message in get_messages(mixed.wsgi_request)] == [
        "The numbers belong to several organizations: choose numbers of one organization."
    ]
    assert _everything() == before


def test_who_may_only_look_changes_nothing(world: World, many: list[PhoneNumber]) -> None:
    viewer = sign_in("view_phonenumber")
    before = _everything()
    _post(viewer, "?q=batch", None, campaign=str(world.campaign.id), confirm="yes")
    assert _everything() == before
