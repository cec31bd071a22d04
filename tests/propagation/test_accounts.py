"""Several accounts at carriers: each number has one, and each account its own orders, limits and failures."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from accounts.actors import Actor
from carriers.choose import build_carrier
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.retry import retry_propagation
from propagation import tasks
from propagation.models import CarrierOrder
from propagation.services.housekeeping import fail_removed_accounts
from propagation.services.reconcile import reconcile
from propagation.services.sync import sync_campaigns
from tests.support.factories import PhoneNumberFactory
from tests.support.fake_bandwidth import FakeBandwidth
from tests.support.fake_telnyx import FakeTelnyx
from tests.support.propagation import HOUR, Worker, attach, detach, entries, line_option_status, statuses
from tests.support.worlds import World

ACTOR = Actor.for_command("test")


@pytest.fixture
def bandwidth() -> Iterator[FakeBandwidth]:
    fake = FakeBandwidth("1")
    yield fake
    fake.stop()


@pytest.fixture
def telnyx() -> Iterator[FakeTelnyx]:
    fake = FakeTelnyx()
    yield fake
    fake.stop()


@pytest.fixture
def main(bandwidth: FakeBandwidth, telnyx: FakeTelnyx, settings: Settings) -> Iterator[Worker]:
    """A worker of the account at Bandwidth, beside which there is one at Telnyx."""
    settings.CARRIERS = {"main": bandwidth.url, "other": telnyx.url}
    carrier = build_carrier(bandwidth.url, account="main", pace=lambda: None)
    yield Worker(carrier)
    carrier.close()


@pytest.fixture
def other(main: Worker, telnyx: FakeTelnyx) -> Iterator[Worker]:
    """A worker of the account at Telnyx."""
    carrier = build_carrier(telnyx.url, account="other", pace=lambda: None)
    yield Worker(carrier)
    carrier.close()


def _number(world: World, account: str) -> PhoneNumber:
    return PhoneNumberFactory.create(organization=world.organization, carrier=account)


def test_two_accounts_side_by_side(
    world: World, main: Worker, other: Worker, bandwidth: FakeBandwidth, telnyx: FakeTelnyx
) -> None:
    at_main, at_other = _number(world, "main"), _number(world, "other")
    telnyx.add_campaign(world.campaign.tcr_campaign_id or "", is_shared=True)
    for number in (at_main, at_other):
        attach(number, world.campaign)
    for worker in (main, other):
        worker.run()
    assert line_option_status(at_main) == line_option_status(at_other) == "propagated"
    assert set(bandwidth.campaigns) == {at_main.number.removeprefix("+1")}
    assert set(telnyx.records) == {at_other.number}
    assert set(CarrierOrder.objects.values_list("carrier", flat=True)) == {"main", "other"}
    for number in (at_main, at_other):
        detach(number)
    for worker in (other, main):
        worker.run()
    assert (bandwidth.campaigns, telnyx.records) == ({}, {})


def test_the_limit_of_open_orders_is_the_accounts_own(
    world: World, main: Worker, other: Worker, bandwidth: FakeBandwidth
) -> None:
    bandwidth.ends_with = "RECEIVED"
    numbers = [_number(world, account) for account in ("main", "other")]
    for number in numbers:
        attach(number, world.campaign)
    for worker in (main, other):
        worker.open_orders = 1
        worker.claim()
    assert [statuses(number) for number in numbers] == [["submitted"], ["submitted"]]


def test_sync_and_reconciliation_ask_an_account_about_its_own(
    world: World, main: Worker, other: Worker, telnyx: FakeTelnyx
) -> None:
    at_main, at_other = _number(world, "main"), _number(world, "other")
    for worker, number, campaign in ((main, at_main, world.campaign), (other, at_other, world.other_campaign)):
        telnyx.add_campaign(campaign.tcr_campaign_id or "", is_shared=True)
        attach(number, campaign)
        worker.settle()
    # Were Telnyx asked about the number of the other account, it would say that it has no campaign.
    report = reconcile(carrier=other.carrier, actor=ACTOR)
    assert report is not None
    assert (report.extent.compared, report.extent.drifted) == (1, 0)
    synced = sync_campaigns(carrier=other.carrier)
    assert synced is not None
    assert (synced.extent.compared, synced.unknown, synced.unreadable) == (1, 0, 0)


def test_a_removed_account_leaves_nothing_open(
    world: World, worker: Worker, simulator: SimulatorServer, settings: Settings
) -> None:
    simulator.faults = Faults(order_seconds=HOUR)
    sent, due, superseded = PhoneNumberFactory.create_batch(3, organization=world.organization)
    attach(sent, world.campaign)
    worker.run()
    attach(due, world.campaign)
    attach(superseded, world.campaign)
    attach(superseded, world.other_campaign)
    assert fail_removed_accounts() == 0
    accounts, settings.CARRIERS = settings.CARRIERS, {"main": "simulated://"}
    tasks.tidy_up(timestamp=0)
    assert [statuses(number) for number in (sent, due, superseded)] == [
        ["failed"],
        ["failed"],
        ["superseded", "failed"],
    ]
    assert {entry["failure_code"] for number in (sent, due) for entry in entries(number)} == {"NOT_CONFIGURED"}
    assert not CarrierOrder.objects.filter(ended_at__isnull=True).exists()
    assert fail_removed_accounts() == 0
    settings.CARRIERS = accounts
    for number in (sent, due):
        retry_propagation(organization_id=world.organization.id, phone_number_id=number.id)
    worker.settle()
    assert line_option_status(sent) == line_option_status(due) == "propagated"


def test_an_account_that_cannot_be_used_does_not_stop_the_others(
    world: World, chosen: SimulatorServer, settings: Settings
) -> None:
    settings.CARRIERS = {"broken": "bandwidth://u:s@x/nothing", **settings.CARRIERS}
    attach(world.phone_number, world.campaign)
    tasks.propagate(timestamp=0)
    assert statuses(world.phone_number) == ["submitted"]


def test_a_number_moves_to_another_account_only_without_a_campaign(world: World, worker: Worker) -> None:
    number = PhoneNumber.objects.filter(id=world.phone_number.id)

    def move() -> None:
        with transaction.atomic():
            number.update(carrier="other")

    refused = "the account default has .* on a campaign, or is being asked about it"
    attach(world.phone_number, world.campaign)
    with pytest.raises(IntegrityError, match=refused):
        move()
    worker.settle()
    with pytest.raises(IntegrityError, match=refused):
        move()
    detach(world.phone_number)
    with pytest.raises(IntegrityError, match=refused):
        move()
    worker.settle()
    move()
    attach(PhoneNumber.objects.get(id=world.phone_number.id), world.campaign)
    assert CampaignAttachment.objects.latest("id").carrier == "other"
    worker.run()
    assert statuses(world.phone_number)[-1] == "pending", "Another account's."


def test_the_account_of_a_new_number(settings: Settings) -> None:
    settings.CARRIERS = {"main": "simulated://"}
    assert PhoneNumber().carrier == "main"
    settings.CARRIERS = {"main": "simulated://", "default": "simulated://"}
    assert PhoneNumber().carrier == "default"
