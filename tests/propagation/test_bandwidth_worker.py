"""A worker and Bandwidth, both versions: the whole way, lost answers and partial failures among it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from carriers.base import OrderReport, OrderRequest
from carriers.choose import build_carrier
from propagation.models import CarrierOrder
from propagation.services.housekeeping import expire_orders
from tests.support.factories import PhoneNumberFactory
from tests.support.fake_bandwidth import FakeBandwidth, error, refusal
from tests.support.propagation import Meanwhile, Worker, attach, detach, entries, hurry, line_option_status, statuses
from tests.support.serving import Reply, foreign
from tests.support.worlds import World


@pytest.fixture(params=["1", "2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeBandwidth]:
    fake = FakeBandwidth(request.param)
    yield fake
    fake.stop()


@pytest.fixture
def worker(fake: FakeBandwidth, settings: Settings) -> Iterator[Worker]:
    """One that talks to Bandwidth."""
    settings.PROPAGATION_SETTLE_SECONDS = 0
    carrier = build_carrier(fake.url, pace=lambda: None)
    yield Worker(carrier)
    carrier.close()


def _listed(fake: FakeBandwidth) -> dict[str, str]:
    return {number if fake.version == "2" else f"+1{number}": campaign for number, campaign in fake.campaigns.items()}


def test_attach_move_detach(world: World, worker: Worker, fake: FakeBandwidth) -> None:
    number = world.phone_number
    for campaign in (world.campaign, world.other_campaign):
        attach(number, campaign)
        worker.run()
        assert line_option_status(number) == "propagated"
        assert _listed(fake) == {number.number: campaign.tcr_campaign_id}
    detach(number)
    worker.run()
    assert line_option_status(number) is None
    assert _listed(fake) == {}
    order = CarrierOrder.objects.filter(action="attach").first()
    assert order is not None
    assert fake.orders[order.carrier_order_id or ""].customer_order_id == str(order.id)


@pytest.mark.parametrize("reply", [Reply(429), Reply(429, headers={"Retry-After": "1"}), foreign(403)])
def test_an_order_that_may_exist_is_looked_up_before_it_is_placed_again(
    world: World, worker: Worker, fake: FakeBandwidth, reply: Reply
) -> None:
    carrier = worker.carrier

    class KnowsTheOrder(Meanwhile):
        def submit(self, order: OrderRequest) -> OrderReport:
            carrier.submit(order)
            fake.next_replies = [refusal(409, "409", "CustomerOrderId exists"), reply]
            return super().submit(order)

    fake.ends_with = "RECEIVED"
    attach(world.phone_number, world.campaign)
    worker.carrier = KnowsTheOrder(carrier, lambda: None)
    worker.run()
    assert statuses(world.phone_number) == ["submitted"]
    [order] = fake.orders.values()
    fake.end(order, "COMPLETE")
    worker.carrier = carrier
    hurry()
    worker.run()
    assert line_option_status(world.phone_number) == "propagated"
    assert len(fake.orders) == 1


def test_an_order_that_takes_its_time(world: World, worker: Worker, fake: FakeBandwidth) -> None:
    fake.ends_with = "RECEIVED"
    attach(world.phone_number, world.campaign)
    worker.run()
    attach(world.phone_number, world.other_campaign)
    hurry()
    worker.run()
    assert statuses(world.phone_number) == ["submitted", "pending"]
    fake.end(fake.orders["o-1"], "COMPLETE")
    fake.ends_with = "COMPLETE"
    worker.settle()
    assert statuses(world.phone_number) == ["superseded", "propagated"]
    assert _listed(fake) == {world.phone_number.number: world.other_campaign.tcr_campaign_id}
    assert len(fake.orders) == 2


def test_a_lost_answer_is_looked_up_and_not_sent_again(world: World, worker: Worker, fake: FakeBandwidth) -> None:
    attach(world.phone_number, world.campaign)
    fake.next_replies = [None] * (fake.version == "2") + [Reply(0, cut=True)]
    worker.run()
    assert statuses(world.phone_number) == ["submitted"]
    assert entries(world.phone_number)[0]["failure_code"] == "CARRIER_UNAVAILABLE"
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"
    assert len(fake.orders) == 1


def test_some_numbers_of_an_order_fail(world: World, worker: Worker, fake: FakeBandwidth) -> None:
    good, later, never = PhoneNumberFactory.create_batch(3, organization=world.organization)
    for number in (good, later, never):
        attach(number, world.campaign)
    fake.ends_with = "PARTIAL"
    fake.errors = [
        error("12184", "The registry is away", later.number),
        error("12128", "Not in the list", never.number[2:], plural=True),
    ]
    worker.run()
    assert [line_option_status(number) for number in (good, later, never)] == ["propagated", "pending", "failed"]
    [waits], [failed] = entries(later), entries(never)
    assert (waits["failure_code"], waits["failure_carrier_code"]) == ("CARRIER_UNAVAILABLE", "12184")
    assert waits["next_attempt_at"] is not None
    assert (failed["failure_code"], failed["failure_carrier_code"]) == ("REJECTED", "12128")
    fake.ends_with, fake.errors = "COMPLETE", []
    worker.settle()
    assert line_option_status(later) == "propagated"
    assert entries(later)[0]["failure_code"] is None


def test_a_campaign_that_is_not_active_there_yet(world: World, worker: Worker, fake: FakeBandwidth) -> None:
    fake.ends_with, fake.errors = "FAILED", [error("12192", "Campaign not active")]
    attach(world.phone_number, world.campaign)
    for attempt in (1, 2):
        worker.run()
        [entry] = entries(world.phone_number)
        assert (entry["status"], entry["attempts"], entry["failure_code"]) == ("pending", attempt, "CAMPAIGN_NOT_READY")
        hurry()
    fake.ends_with, fake.errors = "COMPLETE", []
    worker.run()
    assert line_option_status(world.phone_number) == "propagated"


def test_wrong_credentials_need_the_operator(world: World, worker: Worker, fake: FakeBandwidth) -> None:
    attach(world.phone_number, world.campaign)
    fake.next_replies = [foreign(401, headers={"WWW-Authenticate": "Basic"})] * 3
    worker.run()
    assert line_option_status(world.phone_number) == "failed"
    assert entries(world.phone_number)[0]["failure_code"] == "NOT_CONFIGURED"


def test_a_page_of_html_is_no_answer(world: World, worker: Worker, fake: FakeBandwidth) -> None:
    attach(world.phone_number, world.campaign)
    fake.next_replies = [None] * (fake.version == "2") + [foreign(200, b"<html>We'll be right back</html>")]
    worker.run()
    assert statuses(world.phone_number) == ["submitted"]
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"
    assert len(fake.orders) == 1


@pytest.mark.parametrize("fake", ["2"], indirect=True)
def test_each_number_of_an_order_ends_when_the_list_says_so(world: World, worker: Worker, fake: FakeBandwidth) -> None:
    done, failed, late, moved = PhoneNumberFactory.create_batch(4, organization=world.organization)
    for number in (done, failed, late, moved):
        attach(number, world.campaign)
    fake.registrations = {failed.number: "FAILURE", late.number: "PROCESSING", moved.number: "PROCESSING"}
    worker.run()
    assert [line_option_status(number) for number in (done, failed, late)] == ["propagated", "failed", "pending"]
    assert entries(failed)[0]["failure_code"] == "REJECTED"
    order = CarrierOrder.objects.get()
    assert (order.succeeded, order.failed, order.ended_at) == (1, 1, None)
    # A number that moves on meanwhile does not wait for the registration of the others.
    attach(moved, world.other_campaign)
    hurry()
    worker.run()
    assert statuses(moved) == ["superseded", "pending"]
    assert statuses(late) == ["submitted"]
    fake.registrations = {}
    worker.settle()
    assert line_option_status(late) == line_option_status(moved) == "propagated"
    assert fake.campaigns[moved.number] == world.other_campaign.tcr_campaign_id
    order.refresh_from_db()
    assert (order.succeeded, order.failed, order.ended_at is None) == (3, 1, False)


@pytest.mark.parametrize("fake", ["2"], indirect=True)
def test_a_registration_that_never_ends_expires_with_its_order(
    world: World, worker: Worker, fake: FakeBandwidth
) -> None:
    attach(world.phone_number, world.campaign)
    fake.registrations = {world.phone_number.number: "PROCESSING"}
    worker.run()
    CarrierOrder.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert expire_orders() == 1
    assert entries(world.phone_number)[0]["failure_code"] == "ORDER_EXPIRED"
