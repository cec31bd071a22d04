"""What an operation costs at 10,000 numbers and at 1,000,000 or more, with three entries of history each.

    DJANGO_SETTINGS_MODULE=tests.settings python -m tests.benchmarks.bench_growth [--numbers 10000000] [--keep FOLDER]

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

from devserver.cluster import find_programs, new_account
from tests.benchmarks.grown import TABLES, fill
from tests.benchmarks.growth_contestant import NAMES
from tests.support.postgresql import Server

SMALL = 10_000
CALLS = {"claim": 2}
SETTINGS = {
    "shared_buffers": "3GB",
    "effective_cache_size": "12GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
}


def main() -> None:
    """Prints a line for each operation, then the plans that do not use an index, if any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=1_000_000)
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
            _warm(server.data)
            server.sql("SELECT pg_stat_reset()", database="large")
            _compare(contestants, options.only or NAMES, options.rounds, options.calls)
            _check_plans(contestants[1])
            _tell_unused_indexes(server)
            _compare_bulk(server, folder)
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
    server = Server(folder / "pg", find_programs(new_account()), SETTINGS)
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


def _warm(data: Path) -> None:
    """Reads every file once: a server has the memory for what it works on, and this is not about its disk."""
    size = 0
    for path in (data / "base").rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while part := file.read(1 << 20):
                    size += len(part)
    sys.stdout.write(f"{size / 2**30:.1f} GB on disk, read once\n")


class _Contestant:
    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.growth_contestant"],
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


def _check_plans(contestant: _Contestant) -> None:
    started = time.monotonic()
    plans = contestant.ask("plans", 0)
    # Tables of a handful of rows are rightly read whole.
    bad = [(name, statement, plan) for name, statement, plan in plans if "Seq Scan on numbers_" in plan]
    for name, statement, plan in bad:
        sys.stdout.write(f"\n{name}: no index scan\n{statement}\n{plan}\n")
    sys.stdout.write(f"{len(plans)} plans, {len(bad)} with a scan of a table ({time.monotonic() - started:.0f} s)\n")
    assert not bad


def _compare_bulk(server: Server, folder: Path) -> None:
    """Rows a second of `attach_campaign` with all numbers of the largest organization, and with a tenth of them."""
    campaigns, count = server.sql(
        "SELECT ARRAY[campaign_a, campaign_b]::text[], (SELECT count(*) FROM numbers_phonenumber p WHERE"
        " p.organization_id = o.id) FROM bench_organization o WHERE ord = 0",
        database="large",
    )[0]
    if not count:
        return
    numbers = server.sql(
        "SELECT number FROM numbers_phonenumber WHERE organization_id = (SELECT id FROM bench_organization"
        " WHERE ord = 0) ORDER BY md5(number)",
        database="large",
    )
    speeds: dict[int, list[float]] = {count // 10: [], count: []}
    # Everything goes to and fro, so that each run moves nearly every row that it is given.
    for turn, (rows, campaign) in enumerate(
        [(count // 10, 1), (count // 10, 0), (count, 1), (count // 10, 0), (count // 10, 1), (count, 0)]
    ):
        file = folder / f"bulk-{turn}.csv"
        file.write_text("number\n" + "".join(f"{number}\n" for (number,) in numbers[:rows]))
        ended = subprocess.run(
            [sys.executable, "manage.py", "attach_campaign", "--organization", "organization-0", "--csv", str(file),
             "--campaign", campaigns[campaign], "--json"],
            env={**os.environ, "DATABASE_URL": server.url("large"), "DJANGO_SETTINGS_MODULE": "tests.settings"},
            capture_output=True, text=True,
        )  # fmt: skip
        file.unlink()
        assert ended.returncode == 0, ended.stderr
        result = json.loads(ended.stdout)
        speeds[rows].append(result["attached"] / result["seconds"])
        sys.stdout.write(f"bulk attach of {rows:,}: {result['attached']:,} moved, {speeds[rows][-1]:,.0f} rows/s\n")
        sys.stdout.flush()
    few, many = (statistics.median(speeds[rows]) for rows in (count // 10, count))
    sys.stdout.write(f"bulk attach: {count:,} rows at {many / few:.2f} of the speed of {count // 10:,}\n")


def _tell_unused_indexes(server: Server) -> None:
    time.sleep(1.5)  # A session publishes its counters up to a second later, and nothing says that it has.
    rows = server.sql(
        "SELECT indexrelname, pg_size_pretty(pg_relation_size(indexrelid)) FROM pg_stat_user_indexes"
        " WHERE idx_scan = 0 AND relname = ANY (%s) ORDER BY pg_relation_size(indexrelid) DESC",
        [list(TABLES)],
        database="large",
    )
    sys.stdout.write("not used by these operations: " + ", ".join(f"{name} ({size})" for name, size in rows) + "\n")


if __name__ == "__main__":
    main()
