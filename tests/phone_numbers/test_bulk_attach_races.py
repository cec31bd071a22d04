"""Bulk attaches beside other transactions: a locked number is busy; overlapping runs neither deadlock nor lose rows."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from accounts.actors import Actor
from phone_numbers.models import PhoneNumber
from phone_numbers.services.attach import attach_campaign
from phone_numbers.services.bulk_attach import Outcome, Row, bulk_attach
from phone_numbers.services.locking import lock_phone_number
from tests.support.factories import PhoneNumberFactory
from tests.support.waiting import DEADLINE
from tests.support.worlds import World

ACTOR = Actor.for_command("test")


class Holder:
    """Another transaction, which holds one number until the test ends it."""

    def __init__(self, number: PhoneNumber) -> None:
        self.number = number
        self.locked = threading.Event()
        self.release = threading.Event()

    def __call__(self) -> None:
        try:
            with transaction.atomic():
                assert self.number.organization_id is not None
                lock_phone_number(organization_id=self.number.organization_id, phone_number_id=self.number.id)
                self.locked.set()
                assert self.release.wait(DEADLINE)
        finally:
            connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_locked_number_is_busy_and_the_rest_goes_on(transactional_db: None) -> None:
    world = World()
    free = PhoneNumberFactory.create(organization=world.organization)
    rows = [
        Row(world.phone_number.id, world.campaign.id),
        Row(free.id, world.campaign.id),
        Row(uuid4(), world.campaign.id),
        Row(world.phone_number.number, world.other_campaign.id),
    ]
    holder = Holder(world.phone_number)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(holder)
        assert holder.locked.wait(DEADLINE)
        results = bulk_attach(organization_id=world.organization.id, rows=rows, actor=ACTOR, lock_seconds=0.2)
        holder.release.set()
        held.result(DEADLINE)
    assert [result.outcome for result in results] == [Outcome.BUSY, Outcome.ATTACHED, Outcome.FAILED, Outcome.BUSY]
    again = bulk_attach(organization_id=world.organization.id, rows=rows[:2], actor=ACTOR, lock_seconds=0.2)
    assert [result.outcome for result in again] == [Outcome.ATTACHED, Outcome.UNCHANGED]


def _race(world: World, numbers: list[PhoneNumber]) -> list[object]:
    """Bulk runs over the same numbers in opposite orders, and single attaches among them."""
    campaigns = [world.campaign.id, world.other_campaign.id]

    def run(calls: Callable[[], None]) -> object:
        try:
            calls()
        except Exception as error:  # noqa: BLE001  (The caller asserts that there is none.)
            return error
        finally:
            connection.close()
        return None

    def bulk(order: list[PhoneNumber], shift: int) -> Callable[[], None]:
        def calls() -> None:
            for turn in range(8):
                rows = [Row(number.id, campaigns[(turn + shift) % 2]) for number in order]
                results = bulk_attach(
                    organization_id=world.organization.id, rows=rows, actor=ACTOR, lock_seconds=DEADLINE
                )
                assert {result.outcome for result in results} <= {Outcome.ATTACHED, Outcome.UNCHANGED}

        return calls

    def single() -> None:
        for turn in range(40):
            attach_campaign(
                organization_id=world.organization.id,
                phone_number_id=numbers[turn % len(numbers)].id,
                campaign_id=campaigns[turn % 2],
                actor=ACTOR,
            )

    with ThreadPoolExecutor(4) as pool:
        order = sorted(numbers, key=lambda number: number.id)
        jobs = [bulk(order, 0), bulk(order[::-1], 1), bulk(order[10:] + order[:10], 0), single]
        return [future.result(DEADLINE) for future in [pool.submit(run, job) for job in jobs]]


def _assert_one_line(numbers: list[PhoneNumber]) -> None:
    for number in PhoneNumber.objects.filter(id__in=[number.id for number in numbers]):
        at: UUID | None = None
        for entry in number.attachments.order_by("created_at", "id"):
            assert entry.previous_campaign_id == at
            at = entry.campaign_id
        assert number.campaign_id == at
        assert number.current_attachment_id == number.attachments.latest("created_at").id


@pytest.mark.django_db(transaction=True)
def test_overlapping_runs_neither_deadlock_nor_lose_a_row(transactional_db: None) -> None:
    world = World()
    numbers = PhoneNumberFactory.create_batch(30, organization=world.organization)
    assert _race(world, numbers) == [None] * 4
    _assert_one_line(numbers)


@pytest.mark.django_db(transaction=True)
def test_without_the_order_of_locks_two_runs_deadlock(transactional_db: None) -> None:
    """The negative control: rows locked one by one, in the order sent, as a loop in one transaction would."""
    world = World()
    first, second = PhoneNumberFactory.create_batch(2, organization=world.organization)
    both_hold_one = threading.Barrier(2)

    def run(order: list[PhoneNumber]) -> str | None:
        try:
            with transaction.atomic():
                for number in order:
                    lock_phone_number(organization_id=world.organization.id, phone_number_id=number.id)
                    if number is order[0]:
                        both_hold_one.wait(DEADLINE)
        except Exception as error:  # noqa: BLE001  (Asserted below.)
            return str(error)
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(2) as pool:
        ends = [
            future.result(DEADLINE) for future in [pool.submit(run, [first, second]), pool.submit(run, [second, first])]
        ]
    assert [end for end in ends if end is not None and "deadlock detected" in end]
