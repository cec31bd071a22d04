"""Reasons, batches, and taking a bulk move back."""

import io
import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Scope
from phone_numbers.bulk_operations import BulkOperation
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.api import ApiClient
from tests.support.factories import CampaignFactory, PhoneNumberFactory, make_key
from tests.support.operators import confirm, operate, outcomes, page, sign_in
from tests.support.propagation import attach, detach
from tests.support.worlds import World

WHY = "Ticket 4711: <wrong> brand"


def _campaigns(*numbers: PhoneNumber) -> list[Any]:
    found = PhoneNumber.objects.in_bulk([number.id for number in numbers])
    return [found[number.id].campaign_id for number in numbers]


@pytest.mark.parametrize("action", ["attach", "detach", "release"])
def test_a_reason_is_kept_and_shown(action: str, world: World, admin_client: Client) -> None:
    attach(world.phone_number, world.other_campaign)
    fields = {"campaign": str(world.campaign.id)} if action == "attach" else {}
    operation = operate(admin_client, f"{action}_selected", world.phone_number, reason=WHY, **fields)
    entry = CampaignAttachment.objects.latest("created_at")
    batch = BulkOperation.objects.get()
    assert (entry.reason, entry.batch_id, batch.reason) == (WHY, batch.id, WHY)
    assert "Ticket 4711: &lt;wrong&gt; brand" in operation.content.decode()
    assert LogEntry.objects.get(content_type__model="phonenumber").change_message.endswith(f" Reason: {WHY}")
    shown = admin_client.get(page(PhoneNumber, "change", world.phone_number.id)).content.decode()
    assert "Ticket 4711: &lt;wrong&gt; brand" in shown
    if action != "release":
        _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
        history = ApiClient(plain).get(f"/v1/phone-numbers/{world.phone_number.id}/campaign/history").json()["data"]
        assert [row["reason"] for row in history] == [WHY, None]


def test_a_reason_that_is_too_long_changes_nothing(world: World, admin_client: Client) -> None:
    answer = operate(
        admin_client, "attach_selected", world.phone_number, campaign=str(world.campaign.id), reason="x" * 501
    )
    assert "reason" in answer.context["form"].errors
    with pytest.raises(CommandError, match="--reason must have at most 500 characters"):
        _run_attach(world, "x" * 501)
    assert not CampaignAttachment.objects.exists()


def _run_attach(world: World, reason: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(
        "attach_campaign", "--organization", world.organization.slug, "--number", world.phone_number.number,
        "--campaign", str(world.campaign.id), "--reason", reason, "--json", stdout=out,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_a_command_has_a_reason_and_a_batch_that_can_be_undone(world: World, admin_client: Client) -> None:
    answer = _run_attach(world, WHY)
    entry = CampaignAttachment.objects.get()
    assert (entry.reason, str(entry.batch_id)) == (WHY, answer["batch_id"])
    address = page(CampaignAttachment, "undo_batch", entry.id)
    assert address in admin_client.get(page(CampaignAttachment, "change", entry.id)).content.decode()
    undone = confirm(admin_client, admin_client.get(address))
    assert outcomes(undone) == [(world.phone_number.number, "taken back", "")]
    assert _campaigns(world.phone_number) == [None]


def test_an_undo_takes_back_what_has_not_moved_since(world: World, admin_client: Client) -> None:
    """Of four numbers one stayed, one moved on, one moved away and back, and one was detached."""
    numbers = PhoneNumberFactory.create_batch(4, organization=world.organization)
    stayed, moved, returned, gone = numbers
    for number in numbers[:2]:
        attach(number, world.other_campaign)
    operate(admin_client, "attach_selected", *numbers, campaign=str(world.campaign.id))
    operation = BulkOperation.objects.get()
    third = CampaignFactory.create(brand=world.brand)
    attach(moved, third)
    attach(returned, third)
    attach(returned, world.campaign)
    detach(gone)

    begun = admin_client.post(page(BulkOperation, "change", operation.id), {"undo": "yes"})
    preview = admin_client.get(begun["Location"])
    assert preview.context["summary"] == "1 would be taken back, 3 left alone"
    since = "Changed meanwhile: the number is no longer where you saw it."
    left = [(number.number, "left alone", since) for number in (moved, returned, gone)]
    assert outcomes(preview) == [(stayed.number, "would be taken back", ""), *left]
    assert _campaigns(*numbers) == [world.campaign.id, third.id, world.campaign.id, None]

    done = confirm(admin_client, begun, reason="Undone")
    assert outcomes(done) == [(stayed.number, "taken back", ""), *left]
    assert _campaigns(*numbers) == [world.other_campaign.id, third.id, world.campaign.id, None]
    entry = CampaignAttachment.objects.latest("created_at")
    assert (entry.reason, entry.batch_id) == ("Undone", BulkOperation.objects.latest("id").id)


def test_an_undo_goes_by_the_rules_and_needs_the_permission(world: World, admin_client: Client) -> None:
    attach(world.phone_number, world.other_campaign)
    operate(admin_client, "attach_selected", world.phone_number, campaign=str(world.campaign.id))
    operation = BulkOperation.objects.get()
    viewer = sign_in("view_bulkoperation", "view_phonenumber", "view_campaignattachment")
    assert viewer.post(page(BulkOperation, "change", operation.id), {"undo": "yes"}).status_code == 403
    entry = CampaignAttachment.objects.latest("created_at")
    assert viewer.get(page(CampaignAttachment, "undo_batch", entry.id)).status_code == 403
    world.other_campaign.status = "EXPIRED"
    world.other_campaign.save()
    undone = confirm(admin_client, admin_client.post(page(BulkOperation, "change", operation.id), {"undo": "yes"}))
    assert outcomes(undone) == [(world.phone_number.number, "left alone", "The campaign is not active.")]
    assert _campaigns(world.phone_number) == [world.campaign.id]
