"""What an attach that succeeds answers, writes, and costs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import CarrierStatus
from phone_numbers.models import CampaignAttachment, LineOptionStatus, PhoneNumber
from tests.support.api import ULID, ApiClient
from tests.support.factories import make_key
from tests.support.worlds import World


def _row(world: World) -> dict[str, Any]:
    return dict(PhoneNumber.objects.filter(id=world.phone_number.id).values().get())


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def test_the_answer_has_the_thirteen_keys_of_the_contract(world: World, api: ApiClient) -> None:
    PhoneNumber.objects.filter(id=world.phone_number.id).update(
        label="Front desk", inbound_url="https://example.com/in", status_url="https://example.com/status"
    )
    response = api.attach(world.phone_number.id, world.campaign.id)
    row = _row(world)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert ULID.fullmatch(response["X-Request-Id"])
    assert response.json() == {
        "success": True,
        "data": {
            "id": str(world.phone_number.id),
            "number": world.phone_number.number,
            "number_type": "local",
            "inbound_url": "https://example.com/in",
            "status_url": "https://example.com/status",
            "label": "Front desk",
            "campaign_id": str(world.campaign.id),
            "carrier_line_option_status": "pending",
            "carrier_line_option_propagated_at": None,
            "sms_enabled": True,
            "mms_enabled": True,
            "created_at": _rfc3339(row["created_at"]),
            "updated_at": _rfc3339(row["updated_at"]),
        },
    }


def test_the_first_attach_writes_the_row_and_one_entry_of_history(world: World, api: ApiClient) -> None:
    before = _row(world)
    response = api.attach(world.phone_number.id, world.campaign.id)
    entry = CampaignAttachment.objects.get()
    after = _row(world)
    assert after == before | {
        "campaign_id": world.campaign.id,
        "carrier_line_option_status": "pending",
        "carrier_line_option_propagated_at": None,
        "current_attachment_id": entry.id,
        "updated_at": entry.created_at,
    }
    assert before["updated_at"] < after["updated_at"] <= timezone.now()
    assert (entry.organization_id, entry.phone_number_id) == (world.organization.id, world.phone_number.id)
    assert (entry.previous_campaign_id, entry.campaign_id) == (None, world.campaign.id)
    assert entry.actor_kind == "api_key"
    assert entry.actor_id == str(world.organization.api_keys.get().id)
    assert entry.request_id == response["X-Request-Id"]
    assert (entry.status, entry.attempts, entry.next_attempt_at) == ("pending", 0, entry.created_at)


def test_another_campaign_replaces_the_current_one(world: World, api: ApiClient) -> None:
    api.attach(world.phone_number.id, world.campaign.id)
    propagated_at = timezone.now()
    PhoneNumber.objects.filter(id=world.phone_number.id).update(
        carrier_line_option_status=LineOptionStatus.PROPAGATED, carrier_line_option_propagated_at=propagated_at
    )
    response = api.attach(world.phone_number.id, world.other_campaign.id)
    data = response.json()["data"]
    assert data["campaign_id"] == str(world.other_campaign.id)
    assert (data["carrier_line_option_status"], data["carrier_line_option_propagated_at"]) == ("pending", None)
    newest, oldest = CampaignAttachment.objects.all()
    assert (oldest.previous_campaign_id, oldest.campaign_id) == (None, world.campaign.id)
    assert (newest.previous_campaign_id, newest.campaign_id) == (world.campaign.id, world.other_campaign.id)
    assert oldest.created_at < newest.created_at


def test_attaching_the_campaign_that_is_there_changes_nothing(world: World, api: ApiClient) -> None:
    api.attach(world.phone_number.id, world.campaign.id)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(
        carrier_line_option_status=LineOptionStatus.PROPAGATED, carrier_line_option_propagated_at=timezone.now()
    )
    before, history = _row(world), list(CampaignAttachment.objects.values())
    response = api.attach(world.phone_number.id, world.campaign.id)
    assert response.status_code == 200
    assert response.json()["data"]["carrier_line_option_status"] == "propagated"
    assert _row(world) == before
    assert list(CampaignAttachment.objects.values()) == history


def test_the_stranger_is_left_alone(world: World, api: ApiClient) -> None:
    before = PhoneNumber.objects.filter(id=world.stranger.phone_number.id).values().get()
    api.attach(world.phone_number.id, world.campaign.id)
    assert PhoneNumber.objects.filter(id=world.stranger.phone_number.id).values().get() == before
    _key, plain = make_key(world.stranger.organization)
    assert ApiClient(plain).attach(world.phone_number.id, world.stranger.campaign.id).status_code == 404
    assert ApiClient(plain).attach(world.stranger.phone_number.id, world.campaign.id).status_code == 404
    assert ApiClient(plain).attach(world.stranger.phone_number.id, world.stranger.campaign.id).status_code == 200


@pytest.mark.parametrize(
    ("status", "is_due"),
    [
        (CarrierStatus.PENDING, False),
        # Due, so that a worker finds out and says why it does not go on.
        (CarrierStatus.REJECTED, True),
        (CarrierStatus.SUSPENDED, True),
    ],
)
def test_a_campaign_that_the_carrier_has_not_approved_takes_numbers(
    status: CarrierStatus, is_due: bool, world: World, api: ApiClient
) -> None:
    world.campaign.carrier_status = status
    world.campaign.save()
    response = api.attach(world.phone_number.id, world.campaign.id)
    assert response.json()["data"]["carrier_line_option_status"] == "pending"
    assert (CampaignAttachment.objects.get().next_attempt_at is not None) is is_due


def test_history_is_in_order_even_if_another_machines_clock_ran_ahead(world: World, api: ApiClient) -> None:
    ahead = timezone.now() + timedelta(minutes=5)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(updated_at=ahead)
    api.attach(world.phone_number.id, world.campaign.id)
    assert CampaignAttachment.objects.get().created_at == ahead + timedelta(microseconds=1)


@pytest.mark.django_db(transaction=True)
def test_the_number_of_statements(transactional_db: None) -> None:
    """BEGIN and COMMIT counted: five for a no-op, six for a change. Each one is a round trip."""
    world = World()
    _key, plain = make_key(world.organization)
    api = ApiClient(plain)
    api.attach(world.phone_number.id, world.campaign.id)
    with CaptureQueriesContext(connection) as change:
        api.attach(world.phone_number.id, world.other_campaign.id)
    with CaptureQueriesContext(connection) as no_op:
        api.attach(world.phone_number.id, world.other_campaign.id)
    reading = ["SELECT", "BEGIN", "SELECT", "SELECT"]
    assert [query["sql"].split()[0] for query in change] == [*reading, "WITH", "COMMIT"]
    assert [query["sql"].split()[0] for query in no_op] == [*reading, "COMMIT"]
    lock = change.captured_queries[3]["sql"]
    assert lock.endswith('FOR NO KEY UPDATE OF "numbers_phonenumber" SKIP LOCKED')
    assert "FOR" not in change.captured_queries[2]["sql"].partition("WHERE")[2]
