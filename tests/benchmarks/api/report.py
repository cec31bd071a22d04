"""Writes what was measured into docs/benchmarks.md, between two marks; what people have written around them stays."""

import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.api.comparison import TAIL, Comparison, median
from tests.benchmarks.api.wrk import Load

_BEGIN = "<!-- measured: written by make bench -->"
_END = "<!-- /measured -->"


def table(comparisons: Sequence[Comparison]) -> str:
    """The figures as a table in Markdown, which is as readable on a terminal."""
    return "\n".join(_lines(comparisons)) + "\n"


def _lines(comparisons: Sequence[Comparison]) -> Iterator[str]:
    yield "| | floor | service | of the floor | rounds | target | p50, p99 of the service | p99 / p50 | floor's |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for comparison in comparisons:
        floor, service = (median(loads, _per_second) for loads in (comparison.floor, comparison.service))
        p50, p99 = median(comparison.service, _p50), median(comparison.service, _p99)
        yield (
            f"| {comparison.scenario.title} | {floor:,.0f}/s | {service:,.0f}/s | **{comparison.ratio:.2f}** "
            f"| {min(comparison.ratios):.2f} to {max(comparison.ratios):.2f} | ≥ {comparison.scenario.target} "
            f"| {p50:.1f} ms, {p99:.1f} ms | {comparison.tail:.1f} (≤ {TAIL:.0f}) "
            f"| {comparison.floor_tail:.1f} |"
        )


def describe(*, command: str, rounds: int, seconds: int) -> str:
    """Where the figures come from."""
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


def _per_second(load: Load) -> float:
    return load.per_second


def _p50(load: Load) -> float:
    return load.p50


def _p99(load: Load) -> float:
    return load.p99
