"""One writer for an order: a worker that has lost its lease, that meets an error, or that runs out of time."""

import re
import threading
from collections.abc import Callable, MutableMapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from carriers.base import Carrier, CarrierUnavailable, Deadline, Failure, FailureKind, OrderReport, OrderRequest
from carriers.simulated.adapter import SimulatedCarrier
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment
from propagation.models import CarrierOrder
from propagation.services.claim import claim_due
from propagation.services.dispatch import make_orders_due
from propagation.services.send import process_order, process_orders_until
from tests.support.factories import PhoneNumberFactory
from tests.support.propagation import Meanwhile, Worker, attach, entries, hurry, line_option_status, statuses
from tests.support.worlds import World

LogLines = list[MutableMapping[str, Any]]


class Answering(Meanwhile):
    """A carrier that answers one order in its own way, and the others as the carrier does."""

    def __init__(self, carrier: Carrier, answer: Callable[[OrderRequest], OrderReport | None]) -> None:
        super().__init__(carrier, lambda: None)
        self._answer = answer

    def until(self, deadline: Deadline) -> "Answering":
        return type(self)(self._carrier.until(deadline), self._answer)

    def submit(self, order: OrderRequest) -> OrderReport:
        return self._answer(order) or super().submit(order)


def _takes_over(worker: Worker) -> Callable[[], None]:
    """Let another worker find the lease expired and go on."""

    def take_over() -> None:
        hurry()
        Worker(worker.carrier).run()

    return take_over


def test_an_order_is_taken_under_the_lease_in_force_only(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    attach(world.phone_number, world.campaign)
    worker.claim()
    [([order_id], lease)] = worker.jobs
    process_order(
        order_id=order_id,
        lease=lease - timedelta(microseconds=1),
        carrier=worker.carrier,
        rate_limiter=worker.rate_limiter,
    )
    assert simulator.store.statistics() == {}
    assert CarrierOrder.objects.get().sent_at is None
    worker.work()
    assert simulator.store.statistics()["orders"] == 1


def test_a_worker_that_was_suspended_before_it_sends_does_not_send(
    world: World, worker: Worker, simulator: SimulatorServer, log_lines: LogLines
) -> None:
    attach(world.phone_number, world.campaign)
    worker.claim()
    simulator.faults = Faults(order_seconds=60)
    happens = [_takes_over(worker)]

    def suspended(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if happens and 'SET "next_poll_at"' in sql:
            happens.pop()()
        return result

    with connection.execute_wrapper(suspended):
        worker.work()
    assert simulator.store.statistics()["orders"] == 1
    assert statuses(world.phone_number) == ["submitted"]
    assert CarrierOrder.objects.get().sent_at is not None
    assert [line["event"] for line in log_lines].count("order.lease_lost") == 1


@pytest.mark.parametrize(
    "answer",
    [
        OrderReport(carrier_order_id="stale", is_open=True),
        OrderReport(failure=Failure(FailureKind.REJECTED, "stale")),
        CarrierUnavailable("stale", was_sent=False),
        CarrierUnavailable("stale", was_sent=True),
        CarrierUnavailable("stale", was_sent=False, retry_after=1.0),
    ],
    ids=["open", "refused", "not reached", "lost", "asked to wait"],
)
def test_what_a_worker_hears_after_its_lease_is_not_written(
    world: World,
    worker: Worker,
    carrier: Carrier,
    simulator: SimulatorServer,
    log_lines: LogLines,
    answer: OrderReport | CarrierUnavailable,
) -> None:
    def stale(order: OrderRequest) -> OrderReport:
        carrier.submit(order)
        _takes_over(Worker(carrier))()
        if isinstance(answer, CarrierUnavailable):
            raise answer
        return answer

    attach(world.phone_number, world.campaign)
    worker.carrier = Answering(carrier, stale)
    worker.run()
    order = CarrierOrder.objects.get()
    assert (order.succeeded, order.failed) == (1, 0), "It is closed once, with the answer of the worker in charge."
    assert order.carrier_order_id != "stale"
    assert line_option_status(world.phone_number) == "propagated"
    assert entries(world.phone_number)[0]["failure_code"] is None
    assert [line["outcome"] for line in log_lines if line["event"] == "propagation.recorded"] == ["propagated"]
    assert simulator.store.statistics() == {"orders": 1, "numbers": 1}


def test_news_during_a_poll_is_not_postponed(
    world: World, worker: Worker, carrier: Carrier, simulator: SimulatorServer
) -> None:
    simulator.faults = Faults(order_seconds=60)
    attach(world.phone_number, world.campaign)
    worker.run()
    order_id = CarrierOrder.objects.get().id
    hurry()

    def announce() -> None:
        assert make_orders_due(order_ids=[str(order_id)]) == 1

    worker.carrier = Meanwhile(carrier, announce)
    worker.run()
    assert worker.claim().orders == 1, "It is due at once."


def test_news_during_a_submit_does_not_end_the_lease(
    world: World, worker: Worker, carrier: Carrier, simulator: SimulatorServer, log_lines: LogLines
) -> None:
    simulator.faults = Faults(order_seconds=60)
    attach(world.phone_number, world.campaign)
    taken_meanwhile: list[int] = []

    def announce() -> None:
        assert make_orders_due(numbers=[world.phone_number.number]) == 1
        taken_meanwhile.append(Worker(carrier).claim().orders)

    worker.carrier = Meanwhile(carrier, announce)
    worker.run()
    assert taken_meanwhile == [0], "The worker that submits the order still holds it."
    assert CarrierOrder.objects.get().carrier_order_id is not None
    assert "order.lease_lost" not in [line["event"] for line in log_lines]
    assert worker.claim().orders == 1, "It is due once it has been submitted."
    worker.work()
    assert worker.claim().orders == 0, "News is followed once."


def test_no_such_order_is_believed_after_the_settle_time_only(
    world: World, worker: Worker, simulator: SimulatorServer, settings: Settings
) -> None:
    settings.PROPAGATION_SETTLE_SECONDS = 3600
    simulator.faults = Faults(errors=1)
    attach(world.phone_number, world.campaign)
    worker.run()
    simulator.faults = Faults()
    for _ in range(3):
        hurry()
        worker.run()
    assert statuses(world.phone_number) == ["submitted"]
    CarrierOrder.objects.update(sent_at=timezone.now() - timedelta(hours=2))
    hurry()
    worker.run()
    assert statuses(world.phone_number) == ["pending"]


def test_claims_count_open_orders_one_after_the_other(world: World, worker: Worker, carrier: Carrier) -> None:
    for number in PhoneNumberFactory.create_batch(2, organization=world.organization):
        attach(number, world.campaign)
    carrier.batch_size = 1
    counted, go_on = threading.Event(), threading.Event()

    def held(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if "SKIP LOCKED" in sql:
            counted.set()
            assert go_on.wait(60)
        return execute(sql, params, many, context)

    def first() -> None:
        with connection.execute_wrapper(held):
            claim_due(carrier, open_orders=1, limit=1)
        connections.close_all()

    def second() -> None:
        claim_due(carrier, open_orders=1, limit=1)
        connections.close_all()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert counted.wait(60)
    threads[1].start()
    while threads[1].is_alive() and not _is_waiting_for_an_advisory_lock():
        threads[1].join(0.01)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert CarrierOrder.objects.filter(ended_at__isnull=True).count() == 1


def _is_waiting_for_an_advisory_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(cursor.fetchone()[0])


def test_one_order_that_raises_stops_no_other(
    world: World, worker: Worker, carrier: Carrier, log_lines: LogLines
) -> None:
    numbers = PhoneNumberFactory.create_batch(5, organization=world.organization)
    for number in numbers:
        attach(number, world.campaign)
    carrier.batch_size = 1

    def poisoned(order: OrderRequest) -> None:
        if order.numbers == (numbers[0].number,):
            raise KeyError("campaign")

    worker.carrier = Answering(carrier, poisoned)
    worker.claim()
    [(order_ids, lease)] = worker.jobs
    process_orders_until(
        order_ids, lease=lease, carrier=worker.carrier, rate_limiter=worker.rate_limiter, deadline=Deadline.after(600)
    )
    assert [line_option_status(number) for number in numbers] == ["pending"] + ["propagated"] * 4
    order = CarrierOrder.objects.get(ended_at__isnull=True)
    assert order.next_poll_at is not None
    assert order.next_poll_at != lease
    [line] = [line for line in log_lines if line["event"] == "order.not_processed"]
    assert line["exc_info"]


def test_the_calls_of_an_order_end_before_its_lease(
    world: World, worker: Worker, httpserver: HTTPServer, settings: Settings
) -> None:
    settings.PROPAGATION_LEASE_SECONDS = 1.0
    over = threading.Event()

    def hang(_request: Request) -> Response:
        over.wait(60)
        return Response("late")

    httpserver.expect_request("/orders").respond_with_handler(hang)
    hanging = SimulatedCarrier.from_url(urlsplit(f"simulated://127.0.0.1:{httpserver.port}"), pace=lambda: None)
    attach(world.phone_number, world.campaign)
    worker.carrier = hanging
    worker.run()
    over.set()
    hanging.close()
    message = CampaignAttachment.objects.get().failure_message
    assert message is not None
    assert re.match(r"No answer within 0\.\d|The time for this order's calls is over", message), message
    assert statuses(world.phone_number) == ["submitted"], "It may have arrived, so it is looked up first."


def test_a_job_whose_time_is_up_returns_its_orders(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    attach(world.phone_number, world.campaign)
    worker.claim()
    [(order_ids, lease)] = worker.jobs
    worker.jobs.clear()
    process_orders_until(
        order_ids, lease=lease, carrier=worker.carrier, rate_limiter=worker.rate_limiter, deadline=Deadline.after(0)
    )
    assert simulator.store.statistics() == {}
    worker.run()
    assert line_option_status(world.phone_number) == "propagated"


def test_what_a_carrier_says_is_bounded_before_it_is_stored(world: World, worker: Worker, carrier: Carrier) -> None:
    failure = Failure(FailureKind.REJECTED, "no\x00pe \ud800" + "x" * 10_000, "c\x00" * 100)
    worker.carrier = Answering(carrier, lambda _order: OrderReport(carrier_order_id="x" * 65, failure=failure))
    attach(world.phone_number, world.campaign)
    worker.run()
    attachment = CampaignAttachment.objects.get()
    assert attachment.status == "failed"
    assert attachment.failure_message is not None
    assert attachment.failure_message.startswith("no pe x")
    assert len(attachment.failure_message) == 500
    assert attachment.failure_carrier_code is not None
    assert len(attachment.failure_carrier_code) <= 40
    assert CarrierOrder.objects.get().carrier_order_id is None
