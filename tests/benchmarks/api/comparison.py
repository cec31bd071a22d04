"""Runs the rounds and says what came of them."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.benchmarks.api.wrk import Load


@dataclass(frozen=True)
class Scenario:
    """One kind of request, what it is called, and which share of each rival's speed it must reach."""

    name: str
    title: str
    targets: Mapping[str, float]


SCENARIOS = (
    Scenario("attach", "Attach: half moves, half re-attaches", {"floor": 0.4, "peer": 1.1}),
    Scenario("get", "Get one number", {"floor": 0.4}),
    Scenario("list", "List 100 numbers", {"floor": 0.4}),
)
# The most that the 99th percentile may be, in medians.
TAIL = 4.0


@dataclass
class Comparison:
    """The rounds of one scenario, by contestant."""

    scenario: Scenario
    loads: dict[str, list[Load]]

    def ratios(self, rival: str) -> list[float]:
        """The service's requests per second in shares of the rival's, round by round."""
        pairs = zip(self.loads[rival], self.loads["service"], strict=True)
        return [ours.per_second / theirs.per_second for theirs, ours in pairs]

    def ratio(self, rival: str) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios(rival))

    def per_second(self, contestant: str) -> float:
        """The median of the rounds."""
        return statistics.median(load.per_second for load in self.loads[contestant])

    def tail(self, contestant: str) -> float:
        """The p99 in p50s, the median of the rounds. What of a long tail the floor has too is the machine's."""
        return statistics.median(load.p99 / load.p50 for load in self.loads[contestant])

    def misses(self) -> list[str]:
        """Return the rivals, or `tail`, whose target is missed."""
        missed = [rival for rival, target in self.scenario.targets.items() if self.ratio(rival) < target]
        return [*missed, "tail"] if self.tail("service") > TAIL else missed


def compare(scenario: Scenario, *, run: Callable[[str, str, int, int], Load], rounds: int, seconds: int) -> Comparison:
    """Let the contestants take turns, each going first in turn, after a round of a second each that counts for nothing.

    `run` takes the contestant, the scenario, the number of the round (one that no other run has) and its seconds.
    """
    names = [*scenario.targets, "service"]
    comparison = Comparison(scenario, {name: [] for name in names})
    for round_ in range(-1, rounds):
        for name in names:
            load = run(name, scenario.name, round_ + 1, seconds if round_ >= 0 else 1)
            if round_ >= 0:
                comparison.loads[name].append(load)
        names.append(names.pop(0))
    return comparison
