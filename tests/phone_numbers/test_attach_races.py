"""Attaches at once. Each race is shown to be a race: without the lock it is lost."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from accounts.actors import Actor
from agentmessage.errors import NumberNotAssigned
from campaigns.models import Campaign
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services import assignment, attach
from tests.support.factories import CampaignFactory
from tests.support.waiting import DEADLINE, connections_waiting_for_locks, wait_until
from tests.support.worlds import World

ACTOR = Actor.for_command("test")
THREADS = 16

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> World:
    """A world that other connections see."""
    return World()


@pytest.fixture
def without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: the same query, without FOR NO KEY UPDATE."""

    def read_phone_number(*, organization_id: UUID, phone_number_id: UUID | None) -> PhoneNumber | None:
        assert phone_number_id is not None
        return PhoneNumber.objects.filter(organization_id=organization_id, id=phone_number_id).first()

    monkeypatch.setattr(attach, "lock_phone_number", read_phone_number)


def _at_once(calls: list[Callable[[], object]]) -> list[object]:
    """Runs each call in a thread and on a connection of its own, and gives back what each returned or raised."""

    def run(call: Callable[[], object]) -> object:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  (The caller asserts what it is.)
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(DEADLINE) for future in [pool.submit(run, call) for call in calls]]


def _attach(world: World, campaign: Campaign) -> Callable[[], PhoneNumber]:
    return lambda: attach.attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=world.phone_number.id,
        campaign_id=campaign.id,
        actor=ACTOR,
    )


def _reads_as_one_line_of_moves(world: World) -> bool:
    """Whether each entry of history starts where the one before it ended, and the row is where the last one ended."""
    at: UUID | None = None
    for entry in CampaignAttachment.objects.filter(phone_number=world.phone_number).order_by("created_at", "id"):
        if entry.previous_campaign_id != at:
            return False
        at = entry.campaign_id
    return PhoneNumber.objects.get(id=world.phone_number.id).campaign_id == at


@pytest.fixture
def meet_before_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the first thread between reading and writing until a second one is there, or waits for the first one's lock.

    The second one waits if it locks the number. Without the lock it has read the same as the first one.
    """
    original = assignment.move_to_campaign
    arrived: list[int] = []

    def meet(*args: Any, **kwargs: Any) -> None:
        arrived.append(threading.get_ident())
        wait_until(lambda: len(arrived) > 1 or connections_waiting_for_locks(), "a second thread is there, or waits")
        original(*args, **kwargs)

    monkeypatch.setattr(attach, "move_to_campaign", meet)


def _move_sixteen_at_once(world: World) -> list[object]:
    campaigns = [CampaignFactory.create(brand=world.brand) for _ in range(THREADS)]
    return _at_once([_attach(world, campaign) for campaign in campaigns])


def test_sixteen_moves_at_once_read_as_one_line(world: World, meet_before_writing: None) -> None:
    results = _move_sixteen_at_once(world)
    assert [result for result in results if not isinstance(result, PhoneNumber)] == []
    assert CampaignAttachment.objects.count() == THREADS
    assert _reads_as_one_line_of_moves(world)


def test_without_the_lock_sixteen_moves_do_not(world: World, without_lock: None, meet_before_writing: None) -> None:
    results = _move_sixteen_at_once(world)
    assert [result for result in results if not isinstance(result, PhoneNumber)] == []
    assert not _reads_as_one_line_of_moves(world)


def test_sixteen_attaches_of_one_campaign_make_one_entry(world: World, meet_before_writing: None) -> None:
    results = _at_once([_attach(world, world.campaign)] * THREADS)
    assert [result for result in results if not isinstance(result, PhoneNumber)] == []
    assert CampaignAttachment.objects.count() == 1


def test_without_the_lock_one_campaign_makes_more_entries(
    world: World, without_lock: None, meet_before_writing: None
) -> None:
    _at_once([_attach(world, world.campaign)] * THREADS)
    assert CampaignAttachment.objects.count() > 1


def _attach_during_a_release(world: World) -> object:
    """Attach while a release is written but not committed. It commits when the attach waits for the number's row.

    With the lock the attach waits before it reads the number, without the lock it waits to write it.
    """
    written = threading.Event()

    def release() -> None:
        with transaction.atomic():
            PhoneNumber.objects.filter(id=world.phone_number.id).update(state=NumberState.QUARANTINED)
            written.set()
            wait_until(connections_waiting_for_locks, "the attach waits for the number")

    def attach_then() -> PhoneNumber:
        assert written.wait(DEADLINE)
        return _attach(world, world.campaign)()

    _released, result = _at_once([release, attach_then])
    return result


def test_an_attach_waits_for_a_release_and_is_refused(world: World) -> None:
    assert isinstance(_attach_during_a_release(world), NumberNotAssigned)
    assert PhoneNumber.objects.get(id=world.phone_number.id).campaign_id is None
    assert not CampaignAttachment.objects.exists()


def test_without_the_lock_a_released_number_gets_a_campaign(world: World, without_lock: None) -> None:
    assert isinstance(_attach_during_a_release(world), PhoneNumber)
    released = PhoneNumber.objects.get(id=world.phone_number.id)
    assert (released.state, released.campaign_id) == (NumberState.QUARANTINED, world.campaign.id)


def test_a_reader_never_sees_a_number_without_a_campaign_during_a_move(world: World) -> None:
    _attach(world, world.campaign)()
    campaigns = {world.campaign.id, world.other_campaign.id}
    done = threading.Event()

    def move() -> None:
        for campaign in itertools.cycle([world.other_campaign, world.campaign]):
            _attach(world, campaign)()
            if done.is_set():
                return

    def read() -> set[UUID | None]:
        seen: list[UUID | None] = []

        def both_seen() -> bool:
            seen.append(PhoneNumber.objects.values_list("campaign_id", flat=True).get(id=world.phone_number.id))
            return len(seen) > 40 and campaigns <= set(seen)

        try:
            wait_until(both_seen, "both campaigns have been seen")
        finally:
            done.set()
        return set(seen)

    _moved, seen = _at_once([move, read])
    assert seen == campaigns
