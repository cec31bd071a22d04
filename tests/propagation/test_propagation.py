"""From pending to the carrier and back, one step after the other."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from brands.models import IdentityStatus
from campaigns.models import CampaignStatus, CarrierStatus
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment
from propagation.models import CarrierOrder
from propagation.services.dispatch import make_orders_due
from tests.support.factories import PhoneNumberFactory
from tests.support.propagation import HOUR, Worker, attach, detach, entries, hurry, line_option_status, statuses
from tests.support.worlds import World


def test_an_attach_reaches_the_carrier(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    assert line_option_status(world.phone_number) == "propagated"
    assert world.phone_number.carrier_line_option_propagated_at is not None
    [entry] = CampaignAttachment.objects.all()
    assert (entry.status, entry.attempts, entry.next_attempt_at) == ("propagated", 1, None)
    assert entry.propagated_at == world.phone_number.carrier_line_option_propagated_at
    assert entry.submitted_at is not None
    assert simulator.store.numbers() == {world.phone_number.number: world.campaign.tcr_campaign_id}
    assert simulator.store.statistics()["orders"] == 1


def test_a_detach_is_removing_until_the_carrier_confirms(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    detach(world.phone_number)
    assert line_option_status(world.phone_number) == "removing"
    worker.run()
    assert line_option_status(world.phone_number) is None
    assert simulator.store.numbers() == {}
    assert statuses(world.phone_number) == ["propagated", "propagated"]


def test_many_numbers_share_an_order_and_campaigns_do_not(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    for campaign in (world.campaign, world.other_campaign):
        for number in PhoneNumberFactory.create_batch(5, organization=world.organization):
            attach(number, campaign)
    attach(world.stranger.phone_number, world.stranger.campaign)
    worker.run()
    assert simulator.store.statistics()["orders"] == 3
    assert len(simulator.store.numbers()) == 11
    assert set(CampaignAttachment.objects.values_list("status", flat=True)) == {"propagated"}


def test_an_open_order_is_asked_after(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(order_seconds=HOUR)
    attach(world.phone_number, world.campaign)
    worker.run()
    assert line_option_status(world.phone_number) == "pending"
    assert statuses(world.phone_number) == ["submitted"]
    for _ in range(100):
        hurry()
        worker.run()
    assert statuses(world.phone_number) == ["submitted"], "However often it is looked at, the carrier decides."
    simulator.clock.advance(HOUR)
    CarrierOrder.objects.update(next_poll_at=timezone.now() + timedelta(hours=1))
    worker.run()
    assert statuses(world.phone_number) == ["submitted"], "It is not looked at before its time."
    hurry()
    worker.run()
    assert line_option_status(world.phone_number) == "propagated"
    assert simulator.store.statistics()["orders"] == 1


def test_news_makes_an_order_due_at_once(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(order_seconds=HOUR)
    attach(world.phone_number, world.campaign)
    worker.run()
    CarrierOrder.objects.update(next_poll_at=timezone.now() + timedelta(hours=1))
    simulator.clock.advance(HOUR)
    order = CarrierOrder.objects.get()
    assert make_orders_due(order_ids=["no id", "0198b7a4-0000-7000-8000-000000000000"], numbers=["+19990000000"]) == 0
    assert make_orders_due(order_ids=[str(order.id)]) == 1
    assert make_orders_due(numbers=[world.phone_number.number]) == 0, "It is due already."
    worker.run()
    assert line_option_status(world.phone_number) == "propagated"
    assert make_orders_due(order_ids=[str(order.id)], numbers=[world.phone_number.number]) == 0, "It has ended."


@pytest.mark.parametrize("status", [CarrierStatus.PENDING, CarrierStatus.REJECTED, CarrierStatus.SUSPENDED])
def test_a_campaign_waits_for_the_carriers_approval(
    world: World, worker: Worker, simulator: SimulatorServer, status: CarrierStatus
) -> None:
    numbers = [world.phone_number, *PhoneNumberFactory.create_batch(3, organization=world.organization)]
    world.campaign.carrier_status = status
    world.campaign.save()
    for number in numbers:
        attach(number, world.campaign)
    worker.run()
    worker.run()
    expected = ("pending", None) if status == CarrierStatus.PENDING else ("failed", f"CAMPAIGN_{status.value}")
    for number in numbers:
        assert (line_option_status(number), entries(number)[0]["failure_code"]) == expected
        assert entries(number)[0]["next_attempt_at"] is None
    assert simulator.store.statistics() == {}

    world.campaign.carrier_status = CarrierStatus.APPROVED
    world.campaign.save()
    assert worker.claim().woken == 4
    assert {line_option_status(number) for number in numbers} == {"pending"}
    worker.work()
    assert {line_option_status(number) for number in numbers} == {"propagated"}
    assert {entries(number)[0]["failure_code"] for number in numbers} == {None}


def test_a_rejection_fails_the_waiting_numbers(world: World, worker: Worker) -> None:
    world.campaign.carrier_status = CarrierStatus.PENDING
    world.campaign.save()
    attach(world.phone_number, world.campaign)
    world.campaign.carrier_status = CarrierStatus.REJECTED
    world.campaign.save()
    worker.run()
    assert line_option_status(world.phone_number) == "failed"
    assert entries(world.phone_number)[0]["failure_code"] == "CAMPAIGN_REJECTED"
    assert worker.claim().woken == 0


def test_the_rules_are_checked_again(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    second = PhoneNumberFactory.create(organization=world.organization)
    attach(world.phone_number, world.campaign)
    attach(second, world.other_campaign)
    world.campaign.status = CampaignStatus.EXPIRED
    world.campaign.save()
    worker.run()
    assert line_option_status(world.phone_number) == "failed"
    assert entries(world.phone_number)[0]["failure_code"] == "CAMPAIGN_NOT_ACTIVE"
    assert line_option_status(second) == "propagated"
    attach(second, world.other_campaign)
    world.brand.identity_status = IdentityStatus.UNVERIFIED
    world.brand.save()
    third = PhoneNumberFactory.create(organization=world.organization)
    world.brand.identity_status = IdentityStatus.VERIFIED
    world.brand.save()
    attach(third, world.other_campaign)
    world.brand.identity_status = IdentityStatus.UNVERIFIED
    world.brand.save()
    worker.run()
    assert entries(third)[0]["failure_code"] == "BRAND_NOT_VERIFIED"
    assert simulator.store.statistics()["orders"] == 1


def test_a_failure_that_passes_is_tried_again_with_backoff(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    simulator.faults = Faults(errors=1)
    attach(world.phone_number, world.campaign)
    worker.run()
    [entry] = entries(world.phone_number)
    assert (entry["status"], entry["failure_code"], entry["failure_carrier_code"]) == (
        "submitted", "CARRIER_UNAVAILABLE", "503",
    )  # fmt: skip
    simulator.faults = Faults()
    hurry()
    worker.run()
    [entry] = entries(world.phone_number)
    assert (entry["status"], entry["attempts"]) == ("pending", 1), "The carrier has no such order."
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"
    assert entries(world.phone_number)[0]["attempts"] == 2


def test_attempts_have_a_ceiling(world: World, unreachable: Worker, settings: Settings) -> None:
    settings.PROPAGATION_MAX_ATTEMPTS = 3
    attach(world.phone_number, world.campaign)
    seen = []
    for _ in range(3):
        unreachable.run()
        [entry] = entries(world.phone_number)
        seen.append((entry["status"], entry["attempts"], entry["failure_code"]))
        hurry()
    assert seen == [
        ("pending", 1, "CARRIER_UNAVAILABLE"),
        ("pending", 2, "CARRIER_UNAVAILABLE"),
        ("failed", 3, "CARRIER_UNAVAILABLE"),
    ]
    assert line_option_status(world.phone_number) == "failed"


def test_a_rate_limit_is_no_failed_attempt(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(requests_per_second=0.5)
    attach(world.phone_number, world.campaign)
    worker.run()
    [entry] = entries(world.phone_number)
    assert (entry["status"], entry["attempts"], entry["failure_carrier_code"]) == ("submitted", 1, "429")
    order = CarrierOrder.objects.get()
    assert order.sent_at is None
    simulator.faults = Faults()
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"
    assert entries(world.phone_number)[0]["attempts"] == 1


def test_open_orders_have_a_limit(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(order_seconds=HOUR)
    attach(world.phone_number, world.campaign)
    attach(PhoneNumberFactory.create(organization=world.organization), world.other_campaign)
    worker.open_orders = 1
    worker.run()
    worker.run()
    assert simulator.store.statistics()["orders"] == 1
    worker.settle()
    assert simulator.store.statistics()["orders"] == 2
