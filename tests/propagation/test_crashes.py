"""kill -9 of a worker between every two steps: each statement, and each call to the carrier before and after it.

To the database and the carrier a killed worker is one whose connection ends and that says no more. That is what happens
here, at every place in turn: the connection is closed, uncommitted work is lost, and a new worker goes on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest
from django.db import connection

from carriers.base import Carrier, Deadline, OrderReport, OrderRequest
from carriers.simulated.adapter import SimulatedCarrier
from carriers.simulated.faults import Clock, Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment
from tests.support.factories import PhoneNumberFactory
from tests.support.propagation import HOUR, Worker, attach, detach, hurry, line_option_status, statuses
from tests.support.worlds import World


class Killed(BaseException):
    """The end of the process: no handler of errors sees it."""


class Killer:
    """Kills at the n-th step."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0

    def step(self) -> None:
        """One more step is about to be taken."""
        self.steps += 1
        if self.steps == self.at:
            raise Killed

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Django's hook around each statement."""
        self.step()
        return execute(sql, params, many, context)


class MortalCarrier:
    """The carrier of a worker that may be killed right before a call, or right after the carrier has acted."""

    def __init__(self, carrier: SimulatedCarrier, killer: Killer) -> None:
        self.name, self.batch_size = carrier.name, carrier.batch_size
        self._carrier, self._killer = carrier, killer

    def until(self, deadline: Deadline) -> Self:
        """As the carrier does."""
        return type(self)(self._carrier.until(deadline), self._killer)

    def submit(self, order: OrderRequest) -> OrderReport:
        """As the carrier does."""
        self._killer.step()
        report = self._carrier.submit(order)
        self._killer.step()
        return report

    def find(self, order: OrderRequest) -> OrderReport | None:
        """As the carrier does."""
        self._killer.step()
        report = self._carrier.find(order)
        self._killer.step()
        return report

    def __getattr__(self, name: str) -> Any:
        """Everything else is the carrier's."""
        return getattr(self._carrier, name)


@contextmanager
def _dying(killer: Killer) -> Iterator[None]:
    try:
        with connection.execute_wrapper(killer):
            yield
    except Killed:
        # What a killed process leaves behind: a closed connection, and nothing committed that was not.
        connection.close()
        connection.in_atomic_block = False
        connection.savepoint_ids = []
        connection.needs_rollback = False


def _live(carrier: Carrier, clock: Clock, killer: Killer) -> None:
    """A worker's life: to the end of all there is to do, or to its own."""
    worker = Worker(carrier, clock=clock)
    with _dying(killer):
        for _ in range(30):
            worker.run()
            worker.skip_waiting()
            if set(CampaignAttachment.objects.values_list("status", flat=True)) <= {"propagated", "superseded"}:
                return


@pytest.mark.parametrize("order_seconds", [0.0, HOUR], ids=["at once", "open for a while"])
def test_killed_between_every_two_steps(
    world: World, worker: Worker, simulator: SimulatorServer, carrier: SimulatedCarrier, order_seconds: float
) -> None:
    simulator.faults = Faults(order_seconds=order_seconds)
    at, deaths = 0, 0
    while True:
        at += 1
        first, second = PhoneNumberFactory.create_batch(2, organization=world.organization)
        attach(first, world.campaign)
        attach(second, world.campaign)
        if order_seconds:
            worker.run()
        else:
            worker.claim()
        attach(first, world.other_campaign)
        detach(second)
        worker.jobs.clear()  # This one was killed as well: its orders are leased and their jobs are lost.
        hurry()
        killer = Killer(at)
        _live(MortalCarrier(carrier, killer), simulator.clock, killer)
        was_killed = killer.steps >= at
        deaths += was_killed
        hurry()
        worker.settle()
        assert line_option_status(first) == "propagated", at
        assert line_option_status(second) is None, at
        assert statuses(first)[-1] == statuses(second)[-1] == "propagated", at
        listed = simulator.store.numbers()
        assert listed.get(first.number) == world.other_campaign.tcr_campaign_id, at
        assert second.number not in listed, at
        assert "duplicate_orders" not in simulator.store.statistics(), at
        # One order for each attachment that was told at all, and none twice.
        orders = simulator.store.orders_of_numbers()
        assert orders[first.number] <= 2, at
        assert orders[second.number] <= 2, at
        if not was_killed:
            break
    assert deaths > 20, "The test has killed in fewer places than there are."


def test_an_answer_that_is_lost_is_looked_up(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(lost=1)
    numbers = [world.phone_number, *PhoneNumberFactory.create_batch(9, organization=world.organization)]
    for index, number in enumerate(numbers):
        attach(number, world.campaign)
        worker.run()
        assert statuses(number) == ["submitted"], index
    lost = simulator.store.statistics()
    assert lost["lost_answers"] > 0
    assert lost["lost_orders"] > 0
    simulator.faults = Faults()
    worker.settle()
    assert {line_option_status(number) for number in numbers} == {"propagated"}
    statistics = simulator.store.statistics()
    assert "duplicate_orders" not in statistics
    assert set(simulator.store.orders_of_numbers().values()) == {1}, "What was carried out is not sent again."
