"""Writes what was measured into docs/benchmarks.md, between two marks; what people have written around them stays."""

import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tests.benchmarks.api.comparison import TAIL, Comparison

_BEGIN = "<!-- measured: written by make bench -->"
_END = "<!-- /measured -->"


def table(comparisons: Sequence[Comparison]) -> str:
    """The results as a table in Markdown, which is as readable on a terminal."""
    return "\n".join(_lines(comparisons)) + "\n"


def _lines(comparisons: Sequence[Comparison]) -> Iterator[str]:
    yield "| | beside | its speed | service | ratio | rounds | target | p50, p99 of the service | p99 / p50 | its own |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for comparison in comparisons:
        service = comparison.loads["service"]
        p50, p99 = (median(getattr(load, name) for load in service) for name in ("p50", "p99"))
        for rival, target in comparison.scenario.targets.items():
            ratios = comparison.ratios(rival)
            yield (
                f"| {comparison.scenario.title} | {rival} | {comparison.per_second(rival):,.0f}/s "
                f"| {comparison.per_second('service'):,.0f}/s | **{comparison.ratio(rival):.2f}** "
                f"| {min(ratios):.2f} to {max(ratios):.2f} | ≥ {target} | {p50:.1f} ms, {p99:.1f} ms "
                f"| {comparison.tail('service'):.1f} (≤ {TAIL:.0f}) | {comparison.tail(rival):.1f} |"
            )


def describe(*, command: str, rounds: int, seconds: int) -> str:
    """Where the results come from."""
    return (
        f"`{command}`: {rounds} rounds of {seconds} s for each contestant, taking turns. "
        f"{os.cpu_count()} cores, CPython {platform.python_version()}.\n"
    )


def write(path: Path, text: str) -> None:
    """Puts `text` between the marks of the file. Raises ValueError if it has lost them."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _old, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{path} has lost its marks: {_BEGIN} and {_END}")
    path.write_text(f"{before}{_BEGIN}\n\n{text}\n{_END}{after}", encoding="utf-8")
