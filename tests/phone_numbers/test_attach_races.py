"""Attaches at once. Each race is shown to be a race: without the lock it is lost."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from accounts.actors import Actor
from campaigns.models import Campaign
from phone_numbers.errors import NumberNotAssigned
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services import assignment, attach
from tests.factories import CampaignFactory
from tests.worlds import World

ACTOR = Actor.for_command("test")
THREADS = 16
SECONDS = 30

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
        return [future.result(SECONDS) for future in [pool.submit(run, call) for call in calls]]


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
def meet_before_writing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Holds the threads between reading and writing until `parties` of them are there, or for as long as none comes."""
    original = assignment.move_to_campaign

    def arrange(parties: int) -> None:
        barrier = threading.Barrier(parties)

        def meet(*args: Any, **kwargs: Any) -> None:
            # With the lock nobody can come: the others wait for this one's commit.
            with suppress(threading.BrokenBarrierError):
                barrier.wait(timeout=0.5)
            original(*args, **kwargs)

        monkeypatch.setattr(attach, "move_to_campaign", meet)

    return arrange  # type: ignore[return-value]  # A fixture that only arranges.


def _move_sixteen_at_once(world: World) -> list[object]:
    campaigns = [CampaignFactory.create(organization=world.organization, brand=world.brand) for _ in range(THREADS)]
    return _at_once([_attach(world, campaign) for campaign in campaigns])


def test_sixteen_moves_at_once_read_as_one_line(world: World, meet_before_writing: Callable[[int], None]) -> None:
    meet_before_writing(2)
    results = _move_sixteen_at_once(world)
    assert [result for result in results if not isinstance(result, PhoneNumber)] == []
    assert CampaignAttachment.objects.count() == THREADS
    assert _reads_as_one_line_of_moves(world)


def test_without_the_lock_sixteen_moves_do_not(
    world: World, without_lock: None, meet_before_writing: Callable[[int], None]
) -> None:
    meet_before_writing(2)
    results = _move_sixteen_at_once(world)
    assert [result for result in results if not isinstance(result, PhoneNumber)] == []
    assert not _reads_as_one_line_of_moves(world)


def test_sixteen_attaches_of_one_campaign_make_one_entry(
    world: World, meet_before_writing: Callable[[int], None]
) -> None:
    meet_before_writing(2)
    results = _at_once([_attach(world, world.campaign)] * THREADS)
    assert [result for result in results if not isinstance(result, PhoneNumber)] == []
    assert CampaignAttachment.objects.count() == 1


def test_without_the_lock_one_campaign_makes_more_entries(
    world: World, without_lock: None, meet_before_writing: Callable[[int], None]
) -> None:
    meet_before_writing(2)
    _at_once([_attach(world, world.campaign)] * THREADS)
    assert CampaignAttachment.objects.count() > 1


class Release:
    """Somebody releases the number, and commits when told to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.written = threading.Event()
        self.commit = threading.Event()

    def __call__(self) -> None:
        with transaction.atomic():
            PhoneNumber.objects.filter(id=self.world.phone_number.id).update(state=NumberState.QUARANTINED)
            self.written.set()
            assert self.commit.wait(SECONDS)


def _attach_during(release: Release, world: World) -> object:
    """An attach that starts when the release is written but not committed, and sees it commit while it waits."""

    def attach_then() -> PhoneNumber:
        assert release.written.wait(SECONDS)
        # The attach waits for the row's lock. Without one it would be over by now.
        threading.Timer(0.5, release.commit.set).start()
        return _attach(world, world.campaign)()

    _released, result = _at_once([release, attach_then])
    return result


def test_an_attach_waits_for_a_release_and_is_refused(world: World) -> None:
    assert isinstance(_attach_during(Release(world), world), NumberNotAssigned)
    assert PhoneNumber.objects.get(id=world.phone_number.id).campaign_id is None
    assert not CampaignAttachment.objects.exists()


def test_without_the_lock_a_released_number_gets_a_campaign(world: World, without_lock: None) -> None:
    assert isinstance(_attach_during(Release(world), world), PhoneNumber)
    released = PhoneNumber.objects.get(id=world.phone_number.id)
    assert (released.state, released.campaign_id) == (NumberState.QUARANTINED, world.campaign.id)


def test_a_reader_never_sees_a_number_without_a_campaign_during_a_move(world: World) -> None:
    _attach(world, world.campaign)()
    done = threading.Event()

    def move() -> None:
        try:
            for campaign in [world.other_campaign, world.campaign] * 20:
                _attach(world, campaign)()
        finally:
            done.set()

    def read() -> set[UUID | None]:
        seen: set[UUID | None] = set()
        while not done.is_set():
            seen.add(PhoneNumber.objects.values_list("campaign_id", flat=True).get(id=world.phone_number.id))
        return seen

    _moved, seen = _at_once([move, read])
    assert seen == {world.campaign.id, world.other_campaign.id}
