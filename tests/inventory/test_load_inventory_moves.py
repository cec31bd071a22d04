"""How a load moves numbers: between campaigns, into stock and out of it, with history."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db.models.functions import Now

from accounts.actors import Actor
from campaigns.models import Campaign, CarrierStatus
from inventory.merge import Counts
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.attach import attach_campaign, detach_campaign
from tests.support.factories import PhoneNumberFactory
from tests.support.inventories import (
    TOMORROW,
    During,
    Ids,
    all_rows,
    first_number,
    history,
    load,
    row,
    small_inventory,
    with_first_number,
)
from tests.support.worlds import World

pytestmark = pytest.mark.django_db


TIMES = {"created_at", "updated_at", "next_attempt_at"}


def test_a_campaign_is_moved_with_its_history(ids: Ids) -> None:
    document = small_inventory(ids)
    one, two = UUID(ids.one), UUID(ids.two)
    with During() as now:
        first_number(document)["campaign_id"] = ids.one
        load(document)
    PhoneNumber.objects.filter(id=ids.first).update(
        carrier_line_option_status="propagated", carrier_line_option_propagated_at=Now()
    )

    with During() as later:
        first_number(document)["campaign_id"] = ids.two
        counts = load(document)

    assert (counts.phone_numbers, counts.attached, counts.detached) == (Counts(0, 1, 1), 1, 0)
    assert history(ids.first) == [(None, one), (one, two)]
    latest = CampaignAttachment.objects.get(campaign_id=two)
    assert (latest.actor_kind, latest.actor_id, latest.request_id) == ("command", "load_inventory", None)
    assert latest.created_at == latest.next_attempt_at == later
    number = row(PhoneNumber, ids.first)
    assert (number["campaign_id"], number["current_attachment_id"]) == (two, latest.id)
    assert (number["carrier_line_option_status"], number["carrier_line_option_propagated_at"]) == ("pending", None)
    assert (number["created_at"], number["updated_at"]) == (now, later)


def test_a_campaign_that_is_left_out_stays_with_what_the_carrier_said(ids: Ids) -> None:
    document = small_inventory(ids)
    load(with_first_number(document, campaign_id=ids.one))
    PhoneNumber.objects.filter(id=ids.first).update(
        carrier_line_option_status="propagated", carrier_line_option_propagated_at=Now()
    )
    before = row(PhoneNumber, ids.first)

    load(with_first_number(small_inventory(ids), label="New label", state="QUARANTINED"))

    after = row(PhoneNumber, ids.first)
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before | {"label": "New label", "state": "QUARANTINED"}
    assert history(ids.first) == [(None, UUID(ids.one))]


def test_null_takes_a_number_off_its_campaign(ids: Ids) -> None:
    one = UUID(ids.one)
    load(with_first_number(small_inventory(ids), campaign_id=ids.one))

    with During() as now:
        counts = load(with_first_number(small_inventory(ids), campaign_id=None))

    assert (counts.attached, counts.detached) == (0, 1)
    assert history(ids.first) == [(None, one), (one, None)]
    latest = CampaignAttachment.objects.get(campaign__isnull=True)
    assert latest.created_at == latest.next_attempt_at == now
    number = row(PhoneNumber, ids.first)
    assert (number["campaign_id"], number["carrier_line_option_status"]) == (None, "removing")
    assert (number["current_attachment_id"], number["updated_at"]) == (latest.id, now)

    before = all_rows()
    assert load(with_first_number(small_inventory(ids), campaign_id=None)).detached == 0
    assert all_rows() == before


@pytest.mark.parametrize("carrier_status", CarrierStatus.values)
def test_a_number_is_attached_as_by_the_api(world: World, carrier_status: str) -> None:
    Campaign.objects.filter(id=world.campaign.id).update(carrier_status=carrier_status)
    other: PhoneNumber = PhoneNumberFactory.create(organization=world.organization)
    with time_machine.travel(TOMORROW, tick=False):
        attach_campaign(
            organization_id=world.organization.id,
            phone_number_id=world.phone_number.id,
            campaign_id=world.campaign.id,
            actor=Actor.for_command("load_inventory"),
        )
        load(_of_world(world, id=str(other.id), number=other.number, campaign_id=str(world.campaign.id)))

    assert _differences(world.phone_number, other) == set()
    latest = CampaignAttachment.objects.get(phone_number=other)
    assert (latest.next_attempt_at is None) == (carrier_status == "PENDING")


@pytest.mark.parametrize(
    ("change", "differences"), [({"campaign_id": None}, set()), ({"state": "AVAILABLE"}, {"state", "organization_id"})]
)
def test_a_number_is_detached_as_by_the_api(world: World, change: dict[str, Any], differences: set[str]) -> None:
    other: PhoneNumber = PhoneNumberFactory.create(organization=world.organization)
    load(_of_world(world, id=str(other.id), number=other.number, campaign_id=str(world.campaign.id)))
    load(_of_world(world, campaign_id=str(world.campaign.id)))
    with time_machine.travel(TOMORROW, tick=False):
        detach_campaign(
            organization_id=world.organization.id,
            phone_number_id=world.phone_number.id,
            actor=Actor.for_command("load_inventory"),
        )
        load(_of_world(world, id=str(other.id), number=other.number, **change))

    assert _differences(world.phone_number, other) == differences


def _differences(one: PhoneNumber, other: PhoneNumber) -> set[str]:
    """The columns in which two numbers and their latest attachments differ, but for what identifies and dates them."""
    differing = set()
    for rows in (
        [row(PhoneNumber, str(number.id)) for number in (one, other)],
        [_latest_attachment(number) for number in (one, other)],
    ):
        first, second = rows
        differing |= {key for key in first if first[key] != second[key]}
        assert all((first[key] is None) == (second[key] is None) for key in TIMES & first.keys())
    return differing - TIMES - {"id", "number", "phone_number_id", "current_attachment_id"}


def _latest_attachment(number: PhoneNumber) -> dict[str, Any]:
    current = PhoneNumber.objects.get(id=number.id).current_attachment_id
    return row(CampaignAttachment, str(current))


def _of_world(world: World, **keys: Any) -> dict[str, Any]:
    """A document with the world's number, or with the one that the keys describe."""
    number = {"id": str(world.phone_number.id), "number": world.phone_number.number, "number_type": "local"}
    organization = {"id": str(world.organization.id), "name": "Same", "slug": world.organization.slug}
    return {"organizations": [organization | {"phone_numbers": [number | {"state": "ASSIGNED"} | keys]}]}


def test_history_stays_in_order_after_a_time_that_is_ahead(ids: Ids) -> None:
    load(with_first_number(small_inventory(ids), campaign_id=ids.one))
    PhoneNumber.objects.filter(id=ids.first).update(updated_at=TOMORROW)
    with During() as now:
        load(with_first_number(small_inventory(ids), campaign_id=ids.two))

    latest = CampaignAttachment.objects.get(campaign_id=ids.two)
    assert latest.created_at == TOMORROW + timedelta(microseconds=1)
    assert latest.next_attempt_at == now, "A time that is ahead delays no attempt."


def test_a_campaign_that_is_stored_already_need_not_be_in_the_document(world: World) -> None:
    number = {"id": str(world.phone_number.id), "number": world.phone_number.number, "number_type": "local"}
    number |= {"state": "ASSIGNED", "campaign_id": str(world.campaign.id)}
    organization = {"id": str(world.organization.id), "name": "Same", "slug": world.organization.slug}
    campaign = {
        "id": Ids().new,
        "brand_id": str(world.brand.id),
        "name": "New",
        "usecase": "MIXED",
        "status": "PENDING",
    }

    load({"organizations": [organization | {"phone_numbers": [number], "campaigns": [campaign]}]})

    assert history(number["id"]) == [(None, world.campaign.id)]
    assert Campaign.objects.get(id=campaign["id"]).brand_id == world.brand.id


def test_a_number_that_becomes_available_leaves_everything_behind(ids: Ids) -> None:
    load(with_first_number(small_inventory(ids), campaign_id=ids.one, label="Desk", inbound_url="https://a.example"))

    counts = load(with_first_number(small_inventory(ids), state="AVAILABLE"))

    assert (counts.phone_numbers, counts.detached) == (Counts(0, 1, 1), 1)
    number = row(PhoneNumber, ids.first)
    assert (number["organization_id"], number["campaign_id"], number["state"]) == (None, None, "AVAILABLE")
    assert (number["label"], number["inbound_url"], number["status_url"]) == (None, None, None)
    assert number["carrier_line_option_status"] == "removing"
    latest = CampaignAttachment.objects.get(campaign__isnull=True)
    assert (latest.organization_id, latest.previous_campaign_id) == (UUID(ids.acme), UUID(ids.one))
    assert number["current_attachment_id"] == latest.id


def test_stock_is_created_without_an_organization_and_taken_by_any(ids: Ids) -> None:
    load(with_first_number(small_inventory(ids), state="AVAILABLE", label="Vanity"))
    assert row(PhoneNumber, ids.first)["organization_id"] is None
    assert row(PhoneNumber, ids.first)["label"] == "Vanity"
    number = {"id": ids.first, "number": "+15555550100", "number_type": "local", "state": "ASSIGNED"}
    globex = {"id": ids.globex, "name": "Globex", "slug": "globex", "phone_numbers": [number]}

    counts = load({"organizations": [globex]})

    assert counts.phone_numbers == Counts(0, 1, 0)
    assert row(PhoneNumber, ids.first)["organization_id"] == UUID(ids.globex)
    assert row(PhoneNumber, ids.first)["label"] is None
    assert not CampaignAttachment.objects.exists()


def test_the_order_of_the_document_is_the_order_of_the_rows(ids: Ids) -> None:
    document = small_inventory(ids)
    numbers = [
        {"id": Ids().any, "number": f"+1919555{index:04}", "number_type": "local", "state": "ASSIGNED"}
        for index in range(300)
    ]
    document["organizations"][0]["phone_numbers"] = numbers
    load(document)
    stored = PhoneNumber.objects.order_by("created_at").values_list("number", flat=True)
    assert list(stored) == [number["number"] for number in numbers]
