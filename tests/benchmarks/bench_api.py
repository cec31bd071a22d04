"""The service beside a floor and a peer, over HTTP: attach, get one, list a hundred. Ratios, spread, p50 and p99.

    python -m tests.benchmarks.bench_api [--quick] [--rounds 9] [--seconds 5] [--only attach]

`make bench-quick` is this with `--quick`. Writes docs/benchmarks.md and docs/benchmarks.svg, unless `--only` leaves
some of it out. Needs wrk.
"""

import argparse
import sys
import time

from tests.benchmarks.api import chart, report, servers, stock
from tests.benchmarks.api.comparison import SCENARIOS, Comparison, compare
from tests.benchmarks.api.wrk import Load, find_wrk, run_wrk

DOCS = servers.ROOT / "docs"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4 rounds of 3 seconds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only", choices=[scenario.name for scenario in SCENARIOS])
    options = parser.parse_args()
    rounds = options.rounds or (4 if options.quick else 9)
    seconds = options.seconds or (3 if options.quick else 5)
    find_wrk()
    started = time.monotonic()
    comparisons = _measure(rounds=rounds, seconds=seconds, only=options.only)
    table = report.table(comparisons)
    sys.stdout.write(f"\n{table}\n{time.monotonic() - started:.0f} seconds in all\n")
    if options.only is None:
        command = "make bench-quick" if options.quick else "make bench"
        said = report.describe(command=command, rounds=rounds, seconds=seconds)
        report.write(DOCS / "benchmarks.md", f"{said}\n{table}")
        (DOCS / "benchmarks.svg").write_text(chart.draw(comparisons), encoding="utf-8")
        sys.stdout.write("written: docs/benchmarks.md, docs/benchmarks.svg\n")
    for comparison in comparisons:
        for missed in comparison.misses():
            sys.stdout.write(f"misses its target beside {missed}: {comparison.scenario.title}\n")


def _measure(*, rounds: int, seconds: int, only: str | None) -> list[Comparison]:
    sys.stdout.write(f"making {stock.NUMBERS:,} numbers for each\n")
    with servers.contestants() as running:

        def run(name: str, scenario: str, round_: int, duration: int) -> Load:
            contestant = running[name]
            before = contestant.count_history()
            load = run_wrk(
                port=contestant.port,
                scenario=scenario,
                key=contestant.keys.listing if scenario == "list" else contestant.keys.attaching,
                round_=round_,
                numbers=stock.NUMBERS,
                seconds=duration,
            )
            moved = (contestant.count_history() - before) / load.requests
            assert scenario != "attach" or 0.4 < moved < 0.6, f"{moved:.0%} of the requests have moved a number"
            sys.stdout.write(
                f"{scenario:8} {name:8} {load.per_second:7.0f}/s   p50 {load.p50:5.1f} ms   p99 {load.p99:5.1f} ms\n"
            )
            sys.stdout.flush()
            return load

        return [
            compare(scenario, run=run, rounds=rounds, seconds=seconds)
            for scenario in SCENARIOS
            if only in (None, scenario.name)
        ]


if __name__ == "__main__":
    main()
