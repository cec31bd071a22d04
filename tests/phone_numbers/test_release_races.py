"""Releases at once. The race is shown to be one: without the lock it is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from accounts.actors import Actor
from agentmessage.errors import NumberNotAssigned
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services import release
from phone_numbers.services.assignment import move_to_campaign
from phone_numbers.services.attach import attach_campaign
from tests.support.waiting import DEADLINE
from tests.support.worlds import World

ACTOR = Actor.for_command("test")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> World:
    """A world that other connections see, its number attached."""
    world = World()
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=world.phone_number.id,
        campaign_id=world.campaign.id,
        actor=ACTOR,
    )
    return world


def _release_at_once(world: World, threads: int) -> list[object]:
    def run() -> object:
        try:
            return release.release_phone_number(
                organization_id=world.organization.id, phone_number_id=world.phone_number.id, actor=ACTOR
            )
        except NumberNotAssigned as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return [future.result(DEADLINE) for future in [pool.submit(run) for _ in range(threads)]]


def test_of_many_releases_one_wins(world: World) -> None:
    results = _release_at_once(world, 8)
    assert sorted(type(result).__name__ for result in results) == ["NumberNotAssigned"] * 7 + ["PhoneNumber"]
    assert CampaignAttachment.objects.count() == 2


def test_without_the_lock_both_win_and_history_says_so_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(2, timeout=DEADLINE)

    def read(*, organization_id: UUID, phone_number_id: UUID | None) -> PhoneNumber | None:
        assert phone_number_id is not None
        return PhoneNumber.objects.filter(organization_id=organization_id, id=phone_number_id).first()

    def meet_and_move(*args: Any, **kwargs: Any) -> None:
        meeting.wait()
        move_to_campaign(*args, **kwargs)

    monkeypatch.setattr(release, "lock_phone_number", read)
    monkeypatch.setattr(release, "move_to_campaign", meet_and_move)
    results = _release_at_once(world, 2)
    assert [type(result) for result in results] == [PhoneNumber, PhoneNumber]
    assert CampaignAttachment.objects.count() == 3
