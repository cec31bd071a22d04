"""Runs the rounds and says what came of them."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.benchmarks.api.wrk import Load


@dataclass(frozen=True)
class Scenario:
    """One kind of request, what it is called, and which share of the floor's speed it must reach."""

    name: str
    title: str
    target: float


SCENARIOS = (
    Scenario("attach", "Attach: half moves, half re-attaches", 0.5),
    Scenario("get", "Get one number", 0.4),
    Scenario("list", "List 100 numbers", 0.4),
)
# The most that the 99th percentile may be, in medians.
TAIL = 4.0


@dataclass
class Comparison:
    """The rounds of one scenario."""

    scenario: Scenario
    floor: list[Load] = field(default_factory=list)
    service: list[Load] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """The service's requests per second in shares of the floor's, round by round."""
        return [ours.per_second / floor.per_second for floor, ours in zip(self.floor, self.service, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)

    @property
    def tail(self) -> float:
        """The service's p99 in p50s: the median of the rounds."""
        return median(self.service, _tail)

    @property
    def floor_tail(self) -> float:
        """The floor's own: what of a long tail is the machine's."""
        return median(self.floor, _tail)


def median(loads: list[Load], what: Callable[[Load], float]) -> float:
    """The median of the rounds."""
    return statistics.median(map(what, loads))


def _tail(load: Load) -> float:
    return load.p99 / load.p50


def compare(scenario: Scenario, *, run: Callable[[str, str, int, int], Load], rounds: int, seconds: int) -> Comparison:
    """Rounds of floor and service that take turns at going first, after one of a second each that counts for nothing.

    `run` takes the contestant, the scenario, the number of the round (one that no other run has) and its seconds.
    """
    comparison = Comparison(scenario)
    number = 0
    for round_ in range(-1, rounds):
        order = ("floor", "service") if round_ % 2 else ("service", "floor")
        for contestant in order:
            load = run(contestant, scenario.name, number, seconds if round_ >= 0 else 1)
            number += 1
            if round_ >= 0:
                getattr(comparison, contestant).append(load)
    return comparison
