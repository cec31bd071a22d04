"""Moves and detaches while an older order is open: the newest one wins, here and at the carrier."""

import pytest

from campaigns.models import Campaign
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.release import release_phone_number
from propagation.models import CarrierOrder
from tests.support.propagation import ACTOR, HOUR, Worker, attach, detach, entries, hurry, line_option_status, statuses
from tests.support.worlds import World

OPEN = Faults(order_seconds=HOUR)


def test_a_move_while_the_old_order_is_in_flight(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = OPEN
    attach(world.phone_number, world.campaign)
    worker.run()
    attach(world.phone_number, world.other_campaign)
    worker.run()
    assert statuses(world.phone_number) == ["submitted", "pending"], "One order at a time for a number."
    assert simulator.store.statistics()["orders"] == 1
    worker.settle()
    assert statuses(world.phone_number) == ["superseded", "propagated"]
    assert line_option_status(world.phone_number) == "propagated"
    assert simulator.store.numbers() == {world.phone_number.number: world.other_campaign.tcr_campaign_id}
    assert simulator.store.statistics()["orders"] == 2


def test_the_end_of_an_order_makes_the_next_one_due_at_once(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    simulator.faults = OPEN
    attach(world.phone_number, world.campaign)
    worker.run()
    attach(world.phone_number, world.other_campaign)
    worker.run()
    simulator.faults = Faults()
    simulator.clock.advance(HOUR)
    hurry_orders()
    worker.run()
    assert statuses(world.phone_number) == ["superseded", "pending"]
    worker.run()
    assert statuses(world.phone_number) == ["superseded", "propagated"]


def test_a_detach_while_the_attach_is_in_flight(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = OPEN
    attach(world.phone_number, world.campaign)
    worker.run()
    detach(world.phone_number)
    worker.settle()
    assert statuses(world.phone_number) == ["superseded", "propagated"]
    assert line_option_status(world.phone_number) is None
    assert simulator.store.numbers() == {}


def test_an_attach_while_the_detach_is_in_flight(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    simulator.faults = OPEN
    detach(world.phone_number)
    worker.run()
    attach(world.phone_number, world.campaign)
    worker.settle()
    assert statuses(world.phone_number) == ["propagated", "superseded", "propagated"]
    assert line_option_status(world.phone_number) == "propagated"
    assert simulator.store.numbers() == {world.phone_number.number: world.campaign.tcr_campaign_id}


@pytest.mark.parametrize("failures", [0, 1])
def test_a_late_end_of_a_superseded_attach_changes_nothing(
    world: World, worker: Worker, simulator: SimulatorServer, failures: float
) -> None:
    simulator.faults = Faults(order_seconds=HOUR, failures=failures)
    attach(world.phone_number, world.campaign)
    worker.run()
    attach(world.phone_number, world.other_campaign)
    before = PhoneNumber.objects.filter(id=world.phone_number.id).values().get()
    simulator.clock.advance(HOUR)
    order = CarrierOrder.objects.get()
    assert order.next_poll_at is not None
    worker.jobs.append(([order.id], order.next_poll_at))
    worker.work()
    assert statuses(world.phone_number) == ["superseded", "pending"]
    assert PhoneNumber.objects.filter(id=world.phone_number.id).values().get() == before


def test_an_attachment_superseded_before_the_claim_is_never_sent(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    attach(world.phone_number, world.campaign)
    attach(world.phone_number, world.other_campaign)
    worker.run()
    assert statuses(world.phone_number) == ["superseded", "propagated"]
    assert simulator.store.statistics()["orders"] == 1


def test_an_attachment_superseded_after_the_claim_is_never_sent(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    attach(world.phone_number, world.campaign)
    worker.claim()
    attach(world.phone_number, world.other_campaign)
    worker.work()
    assert statuses(world.phone_number) == ["superseded", "pending"]
    assert simulator.store.statistics() == {}
    worker.run()
    assert statuses(world.phone_number) == ["superseded", "propagated"]


def test_there_and_back_while_in_flight(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = OPEN
    path: list[Campaign] = [world.campaign, world.other_campaign, world.campaign]
    attach(world.phone_number, path[0])
    worker.run()
    attach(world.phone_number, path[1])
    attach(world.phone_number, path[2])
    worker.settle()
    assert statuses(world.phone_number) == ["superseded", "superseded", "propagated"]
    assert simulator.store.numbers() == {world.phone_number.number: world.campaign.tcr_campaign_id}


def test_a_released_number_that_another_organization_takes(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    release_phone_number(organization_id=world.organization.id, phone_number_id=world.phone_number.id, actor=ACTOR)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(
        organization=world.stranger.organization, state=NumberState.ASSIGNED
    )
    worker.run()
    assert line_option_status(world.phone_number) is None
    assert simulator.store.numbers() == {}
    world.phone_number.refresh_from_db()
    attach(world.phone_number, world.stranger.campaign)
    worker.run()
    assert line_option_status(world.phone_number) == "propagated"


def test_two_workers_at_once(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    attach(world.phone_number, world.campaign)
    second = Worker(worker.carrier)
    worker.claim()
    assert second.claim().claimed == 0
    # The same job twice, as a queue may deliver it.
    second.jobs = list(worker.jobs)
    second.work()
    worker.work()
    assert line_option_status(world.phone_number) == "propagated"
    assert simulator.store.statistics() == {"orders": 1, "numbers": 1}
    assert entries(world.phone_number)[0]["attempts"] == 1


def test_two_workers_hear_of_the_same_end(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = OPEN
    attach(world.phone_number, world.campaign)
    worker.run()
    simulator.clock.advance(HOUR)
    hurry()
    worker.claim()
    hurry()
    second = Worker(worker.carrier)
    second.claim()
    worker.work()
    second.work()
    worker.settle()
    assert statuses(world.phone_number) == ["propagated"]
    assert simulator.store.statistics()["orders"] == 1
    assert CampaignAttachment.objects.count() == 1


def hurry_orders() -> None:
    """Open orders alone are due."""
    CarrierOrder.objects.filter(ended_at__isnull=True).update(next_poll_at="2026-01-01T00:00Z")
