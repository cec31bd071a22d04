"""What a load makes of the database."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from accounts.actors import ActorKind
from accounts.models import Organization
from brands.models import Brand
from campaigns.models import Campaign
from inventory.merge import Counts
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.inventories import (
    During,
    Ids,
    all_rows,
    first_number,
    load,
    row,
    small_inventory,
)
from tests.support.worlds import World

pytestmark = pytest.mark.django_db


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
