"""What a load makes of the database."""

import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import orjson
import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from accounts.actors import Actor, ActorKind
from accounts.models import Organization
from agentmessage.db.session import database_now
from brands.models import Brand
from campaigns.models import Campaign, CarrierStatus
from inventory.load import load_inventory
from inventory.merge import Counts
from inventory.reading import InventoryRefused
from inventory.staging import Stage
from phone_numbers.models import AttachmentStatus, CampaignAttachment, PhoneNumber
from phone_numbers.services.attach import attach_campaign, detach_campaign
from tests.support.factories import PhoneNumberFactory
from tests.support.inventories import Ids, all_rows, load, load_file, small_inventory
from tests.support.worlds import World

pytestmark = pytest.mark.django_db

# Later than the rows that fixtures make.
TIMES = {"created_at", "updated_at", "next_attempt_at"}
TOMORROW = datetime.now(UTC) + timedelta(days=1)


class During:
    """Equal to the times of the `with` statement by the database's clock. Meanwhile this machine's is a day ahead."""

    def __enter__(self) -> Self:
        self._first = database_now()
        self._travel = time_machine.travel(TOMORROW, tick=False)
        self._travel.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._travel.stop()
        self._last = database_now()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime) and self._first <= other <= self._last

    __hash__ = None  # type: ignore[assignment]  # It equals many times.


@pytest.fixture
def ids() -> Ids:
    """The ids of the test's documents."""
    return Ids()


def first_number(document: dict[str, Any]) -> dict[str, Any]:
    """The first number of a document, to be changed."""
    number: dict[str, Any] = document["organizations"][0]["phone_numbers"][0]
    return number


def row(model: Any, row_id: str) -> dict[str, Any]:
    """One row, by column."""
    found: dict[str, Any] = model.objects.filter(id=row_id).values().get()
    return found


def history(number_id: str) -> list[tuple[UUID | None, UUID | None]]:
    """The moves of a number, oldest first: from which campaign to which."""
    return list(
        CampaignAttachment.objects.filter(phone_number_id=UUID(number_id))
        .order_by("created_at", "id")
        .values_list("previous_campaign_id", "campaign_id")
    )


def test_creates_every_row_with_every_column(ids: Ids) -> None:
    document = small_inventory(ids)
    organization = document["organizations"][0]
    organization["brands"][0]["tcr_brand_id"] = "BABC123"
    organization["campaigns"][0].update(tcr_campaign_id="CABC123", carrier_status="PENDING")
    first_number(document).update(
        label="Front desk",
        inbound_url="https://example.com/in?a=b",
        status_url="https://example.com",
        campaign_id=ids.two,
    )

    with During() as now:
        counts = load(document)

    assert (counts.organizations, counts.brands) == (Counts(1, 0, 0), Counts(1, 0, 0))
    assert (counts.campaigns, counts.phone_numbers) == (Counts(2, 0, 0), Counts(2, 0, 0))
    assert (counts.attached, counts.detached) == (1, 0)
    acme = UUID(ids.acme)
    assert row(Organization, ids.acme) == {"id": acme, "name": "Acme", "slug": "acme", "created_at": now}
    assert row(Brand, ids.brand) == {
        "id": UUID(ids.brand),
        "organization_id": acme,
        "name": "Acme",
        "tcr_brand_id": "BABC123",
        "identity_status": "VERIFIED",
        "created_at": now,
        "updated_at": now,
    }
    assert row(Campaign, ids.one) == {
        "id": UUID(ids.one),
        "organization_id": acme,
        "brand_id": UUID(ids.brand),
        "name": "One",
        "usecase": "MIXED",
        "description": "",
        "tcr_campaign_id": "CABC123",
        "status": "ACTIVE",
        "carrier_status": "PENDING",
        "suspension_reason": "",
        "suspended_until": None,
        "suspended_by": "",
        "suspended_at": None,
        "expiration_date": None,
        "number_pool": False,
        "mno_metadata": {},
        "created_at": now,
        "updated_at": now,
    }
    assert row(Campaign, ids.two)["carrier_status"] == "APPROVED"
    attachment = CampaignAttachment.objects.get()
    assert row(PhoneNumber, ids.first) == {
        "id": UUID(ids.first),
        "organization_id": acme,
        "number": "+15555550100",
        "number_type": "local",
        "state": "ASSIGNED",
        "carrier": "default",
        "label": "Front desk",
        "inbound_url": "https://example.com/in?a=b",
        "status_url": "https://example.com",
        "campaign_id": UUID(ids.two),
        "carrier_line_option_status": "pending",
        "carrier_line_option_propagated_at": None,
        "current_attachment_id": attachment.id,
        "sms_enabled": True,
        "mms_enabled": True,
        "created_at": now,
        "updated_at": now,
    }
    assert row(PhoneNumber, ids.second) == {
        "id": UUID(ids.second),
        "organization_id": acme,
        "number": "+19195550100",
        "number_type": "local",
        "state": "ASSIGNED",
        "carrier": "default",
        "label": None,
        "inbound_url": None,
        "status_url": None,
        "campaign_id": None,
        "carrier_line_option_status": None,
        "carrier_line_option_propagated_at": None,
        "current_attachment_id": None,
        "sms_enabled": True,
        "mms_enabled": True,
        "created_at": now,
        "updated_at": now,
    }
    assert row(CampaignAttachment, str(attachment.id)) == {
        "id": attachment.id,
        "organization_id": acme,
        "phone_number_id": UUID(ids.first),
        "carrier": "default",
        "campaign_id": UUID(ids.two),
        "previous_campaign_id": None,
        "actor_kind": ActorKind.COMMAND,
        "actor_id": "load_inventory",
        "request_id": None,
        "reason": None,
        "batch_id": None,
        "carrier_steps": None,
        "created_at": now,
        "status": "pending",
        "attempts": 0,
        "next_attempt_at": now,
        "order_id": None,
        "resumed_at": None,
        "submitted_at": None,
        "propagated_at": None,
        "failure_code": None,
        "failure_carrier_code": None,
        "failure_message": None,
    }
    assert attachment.id.version == 7
    first, second = PhoneNumber.objects.order_by("created_at")
    assert (str(first.id), second.created_at - first.created_at) == (ids.first, timedelta(microseconds=1))


def test_a_second_run_changes_no_row(ids: Ids) -> None:
    document = small_inventory(ids)
    first_number(document).update(label="Front desk", campaign_id=ids.one)
    document["organizations"][0]["phone_numbers"][1].update(state="AVAILABLE")
    load(document)
    before = all_rows()

    counts = load(document)

    assert all_rows() == before
    assert (counts.organizations, counts.brands) == (Counts(0, 0, 1), Counts(0, 0, 1))
    assert (counts.campaigns, counts.phone_numbers) == (Counts(0, 0, 2), Counts(0, 0, 2))
    assert (counts.attached, counts.detached, counts.changed) == (0, 0, 0)


def test_what_a_document_does_not_name_is_left_alone(ids: Ids, world: World) -> None:
    load(small_inventory(ids))
    before = all_rows()

    load({"organizations": [{"id": ids.acme, "name": "Acme", "slug": "acme"}]})
    load({"organizations": []})

    assert all_rows() == before


def test_updates_what_differs_and_only_that(ids: Ids) -> None:
    with During() as now:
        load(small_inventory(ids))
    second_before = row(PhoneNumber, ids.second)
    document = small_inventory(ids)
    organization = document["organizations"][0]
    organization.update(name="Acme Ltd", slug="acme-ltd")
    organization["brands"].append({"id": ids.brand2, "name": "Acme 2"})
    organization["brands"][0].update(name="Acme 1", identity_status="UNVERIFIED")
    organization["campaigns"][0].update(
        brand_id=ids.brand2, name="Uno", usecase="MARKETING", status="REJECTED", carrier_status="SUSPENDED"
    )
    first_number(document).update(number="22763", number_type="short_code", state="PENDING", label="Front desk")

    with During() as later:
        counts = load(document)

    assert (counts.organizations, counts.brands) == (Counts(0, 1, 0), Counts(1, 1, 0))
    assert (counts.campaigns, counts.phone_numbers) == (Counts(0, 1, 1), Counts(0, 1, 1))
    assert row(Organization, ids.acme) == {
        "id": UUID(ids.acme),
        "name": "Acme Ltd",
        "slug": "acme-ltd",
        "created_at": now,
    }
    brand = row(Brand, ids.brand)
    assert (brand["name"], brand["identity_status"]) == ("Acme 1", "UNVERIFIED")
    assert (brand["created_at"], brand["updated_at"]) == (now, later)
    campaign = row(Campaign, ids.one)
    assert (campaign["brand_id"], campaign["name"], campaign["usecase"]) == (UUID(ids.brand2), "Uno", "MARKETING")
    assert (campaign["status"], campaign["carrier_status"]) == ("REJECTED", "SUSPENDED")
    assert (campaign["created_at"], campaign["updated_at"]) == (now, later)
    number = row(PhoneNumber, ids.first)
    assert (number["number"], number["number_type"], number["state"]) == ("22763", "short_code", "PENDING")
    assert (number["label"], number["created_at"], number["updated_at"]) == ("Front desk", now, later)
    assert row(PhoneNumber, ids.second) == second_before
    assert row(Campaign, ids.two)["updated_at"] == now


@pytest.mark.parametrize(
    ("model", "kind", "key", "value"),
    [
        (Brand, "brands", "name", "Changed"),
        (Brand, "brands", "identity_status", None),
        (Brand, "brands", "tcr_brand_id", "BABC123"),
        (Campaign, "campaigns", "name", "Changed"),
        (Campaign, "campaigns", "usecase", "POLITICAL"),
        (Campaign, "campaigns", "status", "PENDING"),
        (Campaign, "campaigns", "tcr_campaign_id", "CABC123"),
        (Campaign, "campaigns", "carrier_status", "PENDING"),
        (PhoneNumber, "phone_numbers", "number", "+15555550199"),
        (PhoneNumber, "phone_numbers", "state", "PENDING"),
        (PhoneNumber, "phone_numbers", "label", "Changed"),
        (PhoneNumber, "phone_numbers", "inbound_url", "https://example.com"),
        (PhoneNumber, "phone_numbers", "status_url", "https://example.com"),
    ],
)
def test_one_value_that_differs_is_enough(ids: Ids, model: Any, kind: str, key: str, value: str | None) -> None:
    document = small_inventory(ids)
    entry = document["organizations"][0][kind][0]
    load(document)
    before = row(model, entry["id"])

    entry[key] = value
    with During() as later:
        counts = load(document)

    assert row(model, entry["id"]) == before | {key: value, "updated_at": later}
    assert counts.changed == 1


OPTIONAL: list[tuple[Any, str, str, str]] = [
    (Brand, "brands", "identity_status", "VERIFIED"),
    (Brand, "brands", "tcr_brand_id", "BABC123"),
    (Campaign, "campaigns", "tcr_campaign_id", "CABC123"),
    (PhoneNumber, "phone_numbers", "label", "Front desk"),
    (PhoneNumber, "phone_numbers", "inbound_url", "https://example.com/in"),
    (PhoneNumber, "phone_numbers", "status_url", "https://example.com/status"),
]


@pytest.mark.parametrize(("model", "kind", "key", "value"), OPTIONAL)
def test_left_out_keeps_and_null_clears(ids: Ids, model: Any, kind: str, key: str, value: str) -> None:
    document = small_inventory(ids)
    entry = document["organizations"][0][kind][0]
    entry[key] = value
    load(document)
    before = all_rows()

    del entry[key]
    load(document)
    assert all_rows() == before
    assert row(model, entry["id"])[key] == value

    entry[key] = None
    load(document)
    assert row(model, entry["id"])[key] is None

    del entry[key]
    load(document)
    assert row(model, entry["id"])[key] is None


def test_the_carrier_status_is_kept_when_left_out(ids: Ids) -> None:
    document = small_inventory(ids)
    document["organizations"][0]["campaigns"][0]["carrier_status"] = "SUSPENDED"
    load(document)
    load(small_inventory(ids))
    assert row(Campaign, ids.one)["carrier_status"] == "SUSPENDED"


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
    load(_with(document, campaign_id=ids.one))
    PhoneNumber.objects.filter(id=ids.first).update(
        carrier_line_option_status="propagated", carrier_line_option_propagated_at=Now()
    )
    before = row(PhoneNumber, ids.first)

    load(_with(small_inventory(ids), label="New label", state="QUARANTINED"))

    after = row(PhoneNumber, ids.first)
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before | {"label": "New label", "state": "QUARANTINED"}
    assert history(ids.first) == [(None, UUID(ids.one))]


def test_null_takes_a_number_off_its_campaign(ids: Ids) -> None:
    one = UUID(ids.one)
    load(_with(small_inventory(ids), campaign_id=ids.one))

    with During() as now:
        counts = load(_with(small_inventory(ids), campaign_id=None))

    assert (counts.attached, counts.detached) == (0, 1)
    assert history(ids.first) == [(None, one), (one, None)]
    latest = CampaignAttachment.objects.get(campaign__isnull=True)
    assert latest.created_at == latest.next_attempt_at == now
    number = row(PhoneNumber, ids.first)
    assert (number["campaign_id"], number["carrier_line_option_status"]) == (None, "removing")
    assert (number["current_attachment_id"], number["updated_at"]) == (latest.id, now)

    before = all_rows()
    assert load(_with(small_inventory(ids), campaign_id=None)).detached == 0
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
    load(_with(small_inventory(ids), campaign_id=ids.one))
    PhoneNumber.objects.filter(id=ids.first).update(updated_at=TOMORROW)
    with During() as now:
        load(_with(small_inventory(ids), campaign_id=ids.two))

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
    load(_with(small_inventory(ids), campaign_id=ids.one, label="Desk", inbound_url="https://a.example"))

    counts = load(_with(small_inventory(ids), state="AVAILABLE"))

    assert (counts.phone_numbers, counts.detached) == (Counts(0, 1, 1), 1)
    number = row(PhoneNumber, ids.first)
    assert (number["organization_id"], number["campaign_id"], number["state"]) == (None, None, "AVAILABLE")
    assert (number["label"], number["inbound_url"], number["status_url"]) == (None, None, None)
    assert number["carrier_line_option_status"] == "removing"
    latest = CampaignAttachment.objects.get(campaign__isnull=True)
    assert (latest.organization_id, latest.previous_campaign_id) == (UUID(ids.acme), UUID(ids.one))
    assert number["current_attachment_id"] == latest.id


def test_stock_is_created_without_an_organization_and_taken_by_any(ids: Ids) -> None:
    load(_with(small_inventory(ids), state="AVAILABLE", label="Vanity"))
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


def _with(document: dict[str, Any], **keys: Any) -> dict[str, Any]:
    first_number(document).update(keys)
    return document


# What is stored already, and a document that clashes with it.


def _refused(document: dict[str, Any]) -> dict[str, str]:
    before = all_rows()
    with pytest.raises(InventoryRefused) as refused:
        load(document)
    assert all_rows() == before
    assert refused.value.details is not None
    return refused.value.details


def test_nothing_moves_between_organizations(ids: Ids, world: World) -> None:
    stranger = world.stranger
    document = small_inventory(ids)
    organization = document["organizations"][0]
    organization["brands"].append({"id": str(stranger.brand.id), "name": "Mine now"})
    organization["campaigns"].append(dict(organization["campaigns"][0], id=str(stranger.campaign.id)))
    organization["campaigns"].append(dict(organization["campaigns"][0], id=ids.three, brand_id=str(world.brand.id)))
    organization["campaigns"].append(dict(organization["campaigns"][0], id=ids.four, brand_id=ids.unknown))
    first_number(document)["campaign_id"] = str(world.campaign.id)
    organization["phone_numbers"][1]["campaign_id"] = ids.unknown
    organization["phone_numbers"].append(
        dict(first_number(document), id=str(stranger.phone_number.id), number=stranger.phone_number.number)
    )
    del organization["phone_numbers"][2]["campaign_id"]

    assert list(_refused(document).items()) == [
        ("organizations[0].brands[1].id", f'"{stranger.brand.id}" is a brand of another organization'),
        ("organizations[0].campaigns[2].id", f'"{stranger.campaign.id}" is a campaign of another organization'),
        ("organizations[0].campaigns[3].brand_id", f'"{world.brand.id}" is not a brand of this organization'),
        ("organizations[0].campaigns[4].brand_id", f'"{ids.unknown}" is not a brand of this organization'),
        (
            "organizations[0].phone_numbers[0].campaign_id",
            f'"{world.campaign.id}" is not a campaign of this organization',
        ),
        ("organizations[0].phone_numbers[1].campaign_id", f'"{ids.unknown}" is not a campaign of this organization'),
        ("organizations[0].phone_numbers[2].id", f'"{stranger.phone_number.id}" is a number of another organization'),
    ]


def test_a_stranger_number_cannot_be_sent_into_stock(ids: Ids, world: World) -> None:
    number = world.stranger.phone_number
    document = _with(small_inventory(ids), id=str(number.id), number=number.number, state="AVAILABLE")
    assert _refused(document) == {
        "organizations[0].phone_numbers[0].id": f'"{number.id}" is a number of another organization'
    }


def test_brand_and_campaign_of_another_organization_of_the_same_document(ids: Ids) -> None:
    document = small_inventory(ids)
    campaign = dict(document["organizations"][0]["campaigns"][0], id=ids.three)
    number = dict(first_number(document), id=ids.third, number="+15555550133", campaign_id=ids.one)
    document["organizations"].append(
        {"id": ids.globex, "name": "Globex", "slug": "globex", "campaigns": [campaign], "phone_numbers": [number]}
    )
    assert _refused(document) == {
        "organizations[1].campaigns[0].brand_id": f'"{ids.brand}" is not a brand of this organization',
        "organizations[1].phone_numbers[0].campaign_id": f'"{ids.one}" is not a campaign of this organization',
    }


def test_conflicts_come_in_the_order_of_the_document(ids: Ids) -> None:
    document = small_inventory(ids)
    load(document)
    other = small_inventory(Ids())
    other["organizations"].append(
        {
            "id": ids.globex,
            "name": "Globex",
            "slug": "globex",
            "campaigns": [dict(document["organizations"][0]["campaigns"][0], brand_id=ids.unknown)],
            "phone_numbers": [dict(first_number(document), id=ids.third, campaign_id=ids.unknown)],
        }
    )
    other["organizations"][0]["phone_numbers"].pop(0)
    assert list(_refused(other)) == [
        "organizations[0].slug",
        "organizations[0].phone_numbers[0].number",
        "organizations[1].campaigns[0].id",
        "organizations[1].campaigns[0].brand_id",
        "organizations[1].phone_numbers[0].number",
        "organizations[1].phone_numbers[0].campaign_id",
    ]


def test_values_that_another_id_holds(ids: Ids) -> None:
    document = small_inventory(ids)
    organization = document["organizations"][0]
    organization["brands"][0]["tcr_brand_id"] = "BABC123"
    organization["campaigns"][0]["tcr_campaign_id"] = "CABC123"
    load(document)
    other = small_inventory(Ids())
    first_number(other)["number"] = "(555) 555-0100"
    assert _refused(other) == {
        "organizations[0].slug": f'"acme" is the slug of the organization {ids.acme}',
        "organizations[0].phone_numbers[0].number": _held("+15555550100", ids.first),
        "organizations[0].phone_numbers[1].number": _held("+19195550100", ids.second),
    }
    organization["brands"] = [dict(organization["brands"][0], id=ids.brand2)]
    organization["campaigns"] = [dict(organization["campaigns"][0], id=ids.three)]
    organization["phone_numbers"] = []
    assert _refused(document) == {
        "organizations[0].brands[0].tcr_brand_id": f'"BABC123" is that of the brand {ids.brand}',
        "organizations[0].campaigns[0].tcr_campaign_id": f'"CABC123" is that of the campaign {ids.one}',
    }


def _held(number: str, holder: str) -> str:
    return f'"{number}" is the number of the ID {holder}, which has to get another number first'


def test_two_numbers_cannot_swap_in_one_document(ids: Ids) -> None:
    document = small_inventory(ids)
    load(document)
    one, two = document["organizations"][0]["phone_numbers"]
    one["number"], two["number"] = two["number"], one["number"]
    assert _refused(document) == {
        "organizations[0].phone_numbers[0].number": _held("+19195550100", ids.second),
        "organizations[0].phone_numbers[1].number": _held("+15555550100", ids.first),
    }
    # As the refusal says.
    two["number"] = "+19195550199"
    one["number"] = "+15555550100"
    load(document)
    one["number"] = "+19195550100"
    load(document)
    two["number"] = "+15555550100"
    assert load(document).phone_numbers == Counts(0, 1, 1)


@pytest.mark.parametrize(
    ("status", "is_attached"), [("pending", True), ("propagated", True), ("failed", True), ("removing", False)]
)
@pytest.mark.parametrize(
    "change", [{"number": "+19195550199"}, {"number": "22763", "number_type": "short_code"}], ids=["number", "type"]
)
def test_a_number_that_the_carrier_knows_stays_that_number(
    ids: Ids, status: str, is_attached: bool, change: dict[str, str]
) -> None:
    document = _with(small_inventory(ids), campaign_id=ids.one)
    load(document)
    if not is_attached:
        load(_with(document, campaign_id=None))
    PhoneNumber.objects.filter(id=ids.first).update(carrier_line_option_status=status)

    number_type = change.get("number_type", "local")
    assert _refused(_with(document, **change)) == {
        "organizations[0].phone_numbers[0].number": (
            f'"{change["number"]}" ({number_type}) cannot replace "+15555550100" (local), which the carrier has on a '
            "campaign or is being asked about; detach the number, correct it once the carrier has confirmed, and "
            "attach it again"
        )
    }

    # As the refusal says: detached, and the carrier has confirmed.
    PhoneNumber.objects.filter(id=ids.first).update(campaign=None, carrier_line_option_status=None)
    CampaignAttachment.objects.update(status=AttachmentStatus.PROPAGATED, next_attempt_at=None)
    load(_with(document, campaign_id=None))
    load(_with(document, campaign_id=ids.one))
    assert row(PhoneNumber, ids.first)["number"] == change["number"]


@pytest.mark.parametrize("tcr_id", ["CNEW123", None])
def test_a_tcr_id_stays_while_numbers_are_on_the_campaign(ids: Ids, tcr_id: str | None) -> None:
    document = _with(small_inventory(ids), campaign_id=ids.one)
    one, two = document["organizations"][0]["campaigns"]
    load(document)
    # Nothing has gone out under no ID.
    one["tcr_campaign_id"] = two["tcr_campaign_id"] = "COLD123"
    two["tcr_campaign_id"] = "COLD456"
    load(document)

    one["tcr_campaign_id"] = two["tcr_campaign_id"] = tcr_id
    two["tcr_campaign_id"] = "CNEW456"
    assert _refused(document) == {
        "organizations[0].campaigns[0].tcr_campaign_id": (
            f'{orjson.dumps(tcr_id).decode()} cannot replace "COLD123" while numbers are on the campaign; '
            "detach them, correct the ID, and attach them again"
        )
    }


@pytest.mark.parametrize("length", [7, 8, 11, 12])
def test_tcr_ids_have_seven_to_twelve_characters(ids: Ids, length: int) -> None:
    document = small_inventory(ids)
    organization = document["organizations"][0]
    organization["brands"][0]["tcr_brand_id"] = "B" + "X" * (length - 1)
    organization["campaigns"][0]["tcr_campaign_id"] = "C" + "9" * (length - 1)
    load(document)
    assert row(Brand, ids.brand)["tcr_brand_id"] == "B" + "X" * (length - 1)
    assert row(Campaign, ids.one)["tcr_campaign_id"] == "C" + "9" * (length - 1)


def test_the_first_twenty_conflicts_are_shown_and_the_others_counted(ids: Ids) -> None:
    document = small_inventory(ids)
    document["organizations"][0]["phone_numbers"] = [
        {"id": Ids().any, "number": f"+191955501{index:02}", "number_type": "local", "state": "ASSIGNED"}
        for index in range(30)
    ]
    load(document)
    for number in document["organizations"][0]["phone_numbers"]:
        number["id"] = Ids().any
    with pytest.raises(InventoryRefused) as refused:
        load(document)
    assert list(refused.value.details or ()) == [
        f"organizations[0].phone_numbers[{index}].number" for index in range(20)
    ]
    assert refused.value.hidden == 10


def test_one_error_at_the_end_and_nothing_is_loaded(ids: Ids) -> None:
    document = small_inventory(ids)
    load(document)
    document["organizations"][0]["name"] = "Changed"
    document["organizations"][0]["brands"][0]["name"] = "Changed"
    document["organizations"][0]["campaigns"][0]["name"] = "Changed"
    document["organizations"][0]["phone_numbers"][0]["campaign_id"] = ids.one
    document["organizations"][0]["phone_numbers"][1]["campaign_id"] = ids.unknown
    assert _refused(document) == {
        "organizations[0].phone_numbers[1].campaign_id": f'"{ids.unknown}" is not a campaign of this organization'
    }


# The command.


def test_the_summary_goes_to_standard_error(tmp_path: Path, ids: Ids) -> None:
    document = _with(small_inventory(ids), campaign_id=ids.one)
    assert load_file(tmp_path / "i.json", document) == (
        "                  created   updated unchanged\n"
        "organizations           1         0         0\n"
        "brands                  1         0         0\n"
        "campaigns               2         0         0\n"
        "phone numbers           2         0         0\n"
        "1 attached to a campaign, 0 detached\n"
    )
    assert CampaignAttachment.objects.get().actor_id == "load_inventory"
    assert load_file(tmp_path / "i.json", _with(document, campaign_id=None, label="x")) == (
        "                  created   updated unchanged\n"
        "organizations           0         0         1\n"
        "brands                  0         0         1\n"
        "campaigns               0         0         2\n"
        "phone numbers           0         1         1\n"
        "0 attached to a campaign, 1 detached\n"
    )


def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch, ids: Ids) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(orjson.dumps(small_inventory(ids)))))
    call_command("load_inventory", "-", verbosity=0)
    assert PhoneNumber.objects.count() == 2


def many_numbers(ids: Ids, count: int) -> dict[str, Any]:
    """Return a document with so many numbers, half of them on each campaign."""
    document = small_inventory(ids)
    document["organizations"][0]["phone_numbers"] = [
        {
            "id": Ids().any,
            "number": f"+1919{2_000_000 + index}",
            "number_type": "local",
            "state": "ASSIGNED",
            "label": f"Line {index}",
            "inbound_url": f"https://hooks.example.com/{index}",
            "campaign_id": ids.one if index % 2 else ids.two,
        }
        for index in range(count)
    ]
    return document


def test_five_thousand_numbers(ids: Ids) -> None:
    document = many_numbers(ids, 5_000)
    reports: list[tuple[Stage, int, int]] = []

    with CaptureQueriesContext(connection) as captured:
        counts = load_inventory(
            document=orjson.dumps(document),
            actor=Actor.for_command("load_inventory"),
            report=lambda stage, done, total: reports.append((stage, done, total)),
        )

    assert len(captured) < 100, "Not a statement for each number."
    assert (counts.phone_numbers, counts.attached) == (Counts(5_000, 0, 0), 5_000)
    assert PhoneNumber.objects.filter(campaign_id=ids.one).count() == 2_500
    assert reports[0] == (Stage.READING, 0, 0)
    assert (Stage.COPYING, 3_000, 5_000) in reports
    assert reports[-1] == (Stage.WRITING, 0, 0)
    before = all_rows()
    assert load(document).phone_numbers == Counts(0, 0, 5_000)
    assert all_rows() == before


def test_the_statements_do_not_grow_with_the_document(
    ids: Ids, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    two = many_numbers(ids, 2)
    for index, entry in enumerate(two["organizations"][0]["phone_numbers"]):
        entry["number"] = f"+1919555010{index}"
    with CaptureQueriesContext(connection) as few:
        load(two)
    Organization.objects.filter(slug="acme").update(slug="other")
    # Beyond a thousand changes the tables are analyzed.
    with django_assert_num_queries(len(few) + 1):
        load(many_numbers(Ids(), 3_000))


def test_an_empty_document_says_so(tmp_path: Path, ids: Ids) -> None:
    assert load_file(tmp_path / "i.json", {"organizations": []}).splitlines()[-1] == (
        "The document has no organizations, so there was nothing to load."
    )
