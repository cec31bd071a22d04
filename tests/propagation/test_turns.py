"""Whose turn it is: tenants share an account, and an order that waits for its turn is not sent."""

from collections import Counter
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from agentmessage.db.session import database_now
from campaigns.models import Campaign
from carriers.base import Carrier
from carriers.choose import build_carrier
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.assignment import Move, move_many
from propagation.models import CarrierOrder, CarrierRateLimit
from propagation.services.calling import RateLimiter
from propagation.services.claim import claim_due
from tests.support.factories import PhoneNumberFactory
from tests.support.propagation import ACTOR, HOUR, Worker, attach, hurry, statuses
from tests.support.worlds import Tenant, World


@pytest.fixture
def singles() -> Carrier:
    """A carrier of one number an order, which is not called."""
    return build_carrier("telnyx://:key@", pace=lambda: None)


def _attach_many(tenant: Tenant, count: int, campaign: Campaign | None = None) -> None:
    numbers = PhoneNumber.objects.bulk_create(
        PhoneNumber(
            organization=tenant.organization,
            number=f"+1808{PhoneNumber.objects.count() % 1000:03d}{n:05d}",
            state=NumberState.ASSIGNED,
        )
        for n in range(count)
    )
    now = database_now()
    moves = [
        Move(
            number_type="local",
            organization_id=tenant.organization.id,
            phone_number_id=number.id,
            carrier=number.carrier,
            previous_campaign_id=None,
            campaign=campaign or tenant.campaign,
            at=number.updated_at,
            due_at=now,
        )
        for number in numbers
    ]
    move_many(moves, actor=ACTOR)


def _orders(**conditions: Any) -> Counter[Any]:
    return Counter(CarrierOrder.objects.filter(**conditions).values_list("organization_id", flat=True))


def test_a_single_attach_is_in_the_first_round_whatever_another_tenant_has_queued(
    world: World, singles: Carrier
) -> None:
    _attach_many(world, 5_000)
    attach(world.stranger.phone_number, world.stranger.campaign)
    worker = Worker(singles)
    worker.rate_limiter = RateLimiter("default", 10)
    worker.claim()
    assert statuses(world.stranger.phone_number) == ["submitted"]
    first = [order_id for order_ids, _lease in worker.jobs for order_id in order_ids][:2]
    owners = set(CarrierOrder.objects.filter(id__in=first).values_list("organization_id", flat=True))
    assert owners == {world.organization.id, world.stranger.organization.id}


def test_what_waits_in_the_queue_is_sent_within_seconds(world: World, singles: Carrier) -> None:
    """So that an attach that comes after it does not wait for long."""
    _attach_many(world, 200)
    worker = Worker(singles)
    worker.rate_limiter = RateLimiter("default", 10)
    worker.claim()
    assert _orders() == {world.organization.id: 30}
    assert len(worker.jobs) == 6, "Several threads share them."


def test_due_polls_leave_room_for_new_orders(world: World, singles: Carrier) -> None:
    _attach_many(world, 100)
    Worker(singles).claim()
    CarrierOrder.objects.update(sent_at=F("created_at"))
    hurry()
    attach(world.stranger.phone_number, world.stranger.campaign)
    worker = Worker(singles)
    worker.rate_limiter = RateLimiter("default", 10)
    assert worker.claim().orders == 15 + 1 + 10, "Of six jobs, three are for polls first, and what is left then."
    assert statuses(world.stranger.phone_number) == ["submitted"]


def test_no_tenant_takes_more_than_half_while_another_waits(world: World, singles: Carrier) -> None:
    _attach_many(world, 50)
    _attach_many(world.stranger, 4)
    claim_due(singles, open_orders=10)
    assert _orders() == {world.organization.id: 5, world.stranger.organization.id: 4}
    claim_due(singles, open_orders=10)
    assert _orders() == {world.organization.id: 6, world.stranger.organization.id: 4}, (
        "Now no other organization waits."
    )


def test_what_becomes_free_goes_to_the_tenant_that_has_fewer(world: World, singles: Carrier) -> None:
    _attach_many(world, 50)
    claim_due(singles, open_orders=10)
    assert _orders() == {world.organization.id: 10}
    _attach_many(world.stranger, 9)
    ended = list(CarrierOrder.objects.values_list("id", flat=True)[:3])
    CampaignAttachment.objects.filter(order_id__in=ended).update(status="propagated")
    CarrierOrder.objects.filter(id__in=ended).update(ended_at=F("created_at"), next_poll_at=None)
    claim_due(singles, open_orders=10)
    assert _orders(ended_at=None) == {world.organization.id: 7, world.stranger.organization.id: 3}


def test_an_order_that_waits_for_its_turn_is_not_shown_as_sent(
    world: World, worker: Worker, simulator: SimulatorServer, log_lines: list[MutableMapping[str, Any]]
) -> None:
    attach(world.phone_number, world.campaign)
    worker.claim()
    RateLimiter("default", 0).pause(HOUR)
    worker.work()
    order = CarrierOrder.objects.get()
    assert (order.sent_at, simulator.store.statistics()) == (None, {})
    assert order.next_poll_at is not None
    assert order.next_poll_at - order.created_at > timedelta(minutes=50), "Not before the carrier's pause is over."
    entry = CampaignAttachment.objects.get()
    assert (entry.submitted_at, entry.failure_code) == (None, None)
    assert not [line for line in log_lines if line["event"] == "order.sent"]
    hurry()
    worker.run()
    assert statuses(world.phone_number) == ["propagated"]
    assert len([line for line in log_lines if line["event"] == "order.sent"]) == 1


def test_a_429_pauses_the_account_and_takes_back_that_the_order_was_sent(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    simulator.faults = Faults(requests_per_second=0.5)
    attach(world.phone_number, world.campaign)
    worker.run()
    assert CarrierOrder.objects.get().sent_at is None
    assert CampaignAttachment.objects.get().submitted_at is None
    CarrierRateLimit.objects.update(paused_until=database_now() + timedelta(hours=1))
    attach(PhoneNumberFactory.create(organization=world.organization), world.campaign)
    assert worker.claim().orders == 0, "Nothing is queued while the account is paused."


@pytest.mark.parametrize("hours", [0, 4])
def test_the_first_poll_comes_two_seconds_after_sending(
    world: World, worker: Worker, simulator: SimulatorServer, hours: int
) -> None:
    """However long the order waited for its turn."""
    simulator.faults = Faults(order_seconds=HOUR)
    attach(world.phone_number, world.campaign)
    worker.claim()
    CarrierOrder.objects.update(created_at=F("created_at") - timedelta(hours=hours))
    before = database_now()
    worker.work()
    order, after = CarrierOrder.objects.get(), database_now()
    assert order.next_poll_at is not None
    assert before + timedelta(seconds=2) <= order.next_poll_at <= after + timedelta(seconds=2)
