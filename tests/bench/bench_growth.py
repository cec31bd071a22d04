"""What an operation costs at 10,000 numbers and at 10,000,000, with three entries of history each.

    DJANGO_SETTINGS_MODULE=tests.settings python -m tests.bench.bench_growth [--numbers 10000000] [--keep FOLDER]

Two databases of one server, a process for each, in turns; the requests go through the whole service, from the WSGI
entry to COMMIT. What counts is the ratio of the two, and that no plan reads a table from end to end. Loading ten
million numbers takes a quarter of an hour and 25 GB; with --keep the folder stays, and the next run begins with it.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.grown import fill
from tests.bench.growth_contestant import NAMES
from tests.scale.postgresql import Server, embedded_programs

SMALL = 10_000
CALLS = {"claim": 2}
SETTINGS = {
    "shared_buffers": "4GB",
    "effective_cache_size": "12GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
}


def main() -> None:
    """Prints a line for each operation, then the plans that do not use an index, if any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--calls", type=int, default=150)
    parser.add_argument("--only", action="append", choices=NAMES)
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="bench-growth-", dir="/tmp"))
    server = _server(folder, options.numbers)
    try:
        contestants = [_Contestant(server.url(name)) for name in ("small", "large")]
        try:
            _compare(contestants, options.only or NAMES, options.rounds, options.calls)
            _judge_plans(contestants[1])
        finally:
            for contestant in contestants:
                contestant.end()
    finally:
        server.stop()
        if options.keep is None:
            shutil.rmtree(folder)


def _server(folder: Path, numbers: int) -> Server:
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.chmod(0o755)
    kept = folder / "password"
    server = Server(folder / "pg", embedded_programs(), SETTINGS)
    if kept.exists():
        server.password = kept.read_text()
        server.start()
        return server
    server.settings = {**SETTINGS, "fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
    server.create()
    server.start()
    for name, count in (("small", SMALL), ("large", numbers)):
        fill(server, name, count, say=lambda text: sys.stdout.write(f"{text}\n"))
    server.stop()
    server.settings = SETTINGS
    server.start()
    # Last: what has no password is not whole.
    kept.touch(mode=0o600)
    kept.write_text(server.password)
    return server


class _Contestant:
    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.growth_contestant"],
            env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, name: str, count: int) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{name.replace(' ', '_')} {count}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def _compare(contestants: Sequence[_Contestant], names: Sequence[str], rounds: int, calls: int) -> None:
    sys.stdout.write(f"{'':16} {'10,000':>10} {'large':>10}   ratio (quartiles of the rounds)\n")
    for name in names:
        count = CALLS.get(name, calls)
        medians: list[list[float]] = [[], []]
        for _ in range(rounds + 1):
            for side, contestant in enumerate(contestants):
                medians[side].append(statistics.median(contestant.ask(name, count)))
        small, large = (statistics.median(rounds_[1:]) for rounds_ in medians)
        ratios = [of_large / of_small for of_small, of_large in zip(medians[0][1:], medians[1][1:], strict=True)]
        low, _middle, high = statistics.quantiles(ratios, n=4)
        sys.stdout.write(
            f"{name:16} {small * 1000:7.3f} ms {large * 1000:7.3f} ms   {large / small:.2f} ({low:.2f} to {high:.2f})\n"
        )
        sys.stdout.flush()


def _judge_plans(contestant: _Contestant) -> None:
    started = time.monotonic()
    plans = contestant.ask("plans", 0)
    # Tables of a handful of rows are rightly read whole.
    bad = [(name, statement, plan) for name, statement, plan in plans if "Seq Scan on numbers_" in plan]
    for name, statement, plan in bad:
        sys.stdout.write(f"\n{name}: no index scan\n{statement}\n{plan}\n")
    sys.stdout.write(f"{len(plans)} plans, {len(bad)} with a scan of a table ({time.monotonic() - started:.0f} s)\n")
    assert not bad


if __name__ == "__main__":
    main()
