"""A release: the number leaves its organization's use, and the campaign with it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actors import Actor
from agentmessage.errors import NotFound, NumberNotAssigned
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.attach import attach_campaign
from phone_numbers.services.release import release_phone_number
from tests.support.worlds import World

ACTOR = Actor.for_command("test")


def _row(world: World) -> Any:
    return PhoneNumber.objects.filter(id=world.phone_number.id).values().get()


def _release(world: World) -> PhoneNumber:
    return release_phone_number(
        organization_id=world.organization.id, phone_number_id=world.phone_number.id, actor=ACTOR
    )


def _attach(world: World) -> None:
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=world.phone_number.id,
        campaign_id=world.campaign.id,
        actor=ACTOR,
    )


def test_a_number_without_a_campaign_is_quarantined(world: World) -> None:
    before = _row(world)
    released = _release(world)
    after = _row(world)
    assert after == before | {"state": "QUARANTINED", "updated_at": released.updated_at}
    assert before["updated_at"] < after["updated_at"] <= timezone.now()
    assert not CampaignAttachment.objects.exists()


def test_a_campaign_is_taken_off_and_written_down(world: World) -> None:
    _attach(world)
    before = _row(world)
    _release(world)
    entry = CampaignAttachment.objects.order_by("-created_at")[0]
    assert _row(world) == before | {
        "state": "QUARANTINED",
        "campaign_id": None,
        "carrier_line_option_status": "removing",
        "carrier_line_option_propagated_at": None,
        "current_attachment_id": entry.id,
        "updated_at": entry.created_at,
    }
    assert (entry.previous_campaign_id, entry.campaign_id) == (world.campaign.id, None)
    assert (entry.actor_kind, entry.actor_id) == ("command", "test")
    assert entry.next_attempt_at == entry.created_at
    assert CampaignAttachment.objects.count() == 2


@pytest.mark.parametrize("state", [NumberState.PENDING, NumberState.QUARANTINED])
def test_a_number_that_is_not_assigned_is_refused(state: NumberState, world: World) -> None:
    PhoneNumber.objects.filter(id=world.phone_number.id).update(state=state)
    before = _row(world)
    with pytest.raises(NumberNotAssigned):
        _release(world)
    assert _row(world) == before


def test_a_number_of_another_organization_is_not_found(world: World) -> None:
    before = list(PhoneNumber.objects.values())
    for phone_number_id in (world.stranger.phone_number.id, uuid4(), None):
        with pytest.raises(NotFound):
            release_phone_number(organization_id=world.organization.id, phone_number_id=phone_number_id, actor=ACTOR)
    assert list(PhoneNumber.objects.values()) == before


def test_updated_at_moves_on_even_if_another_machines_clock_ran_ahead(world: World) -> None:
    ahead = timezone.now() + timedelta(minutes=5)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(updated_at=ahead)
    _release(world)
    assert _row(world)["updated_at"] == ahead + timedelta(microseconds=1)


def test_the_row_is_locked_before_it_is_written(world: World) -> None:
    _attach(world)
    with CaptureQueriesContext(connection) as queries:
        _release(world)
    statements = [query["sql"] for query in queries]
    (lock,) = [n for n, sql in enumerate(statements) if "FOR NO KEY UPDATE" in sql]
    writes = [n for n, sql in enumerate(statements) if sql.split()[0] in ("WITH", "UPDATE")]
    assert len(writes) == 2
    assert lock < min(writes)
