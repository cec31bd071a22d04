"""How long a management command takes to start, beside a project that imports everything at once; a worker's memory.

    DJANGO_SETTINGS_MODULE=tests.settings python -m devserver python -m tests.benchmarks.bench_start [--rounds 10]

`eager` is the same settings with every module of the project imported before the command runs, as a project does
whose apps import each other and their libraries at the top. `bare` is what cannot be avoided: Django's command line,
its database layer and psycopg. All take turns. Seconds are the processor's, which other work on the machine hardly
changes.
"""

import argparse
import resource
import signal
import statistics
import subprocess
import sys
import urllib.request
from pathlib import Path

from devserver.processes import ending_with_us, free_port
from tests.support.waiting import wait_until

COMMANDS = (("help",), ("create_api_key", "--help"), ("check",), ("spectacular", "--file", "/dev/null"))
EAGER = """
import importlib, pkgutil, sys
import django
django.setup()
from django.contrib import admin
admin.autodiscover()
for package in ("agentmessage", "accounts", "brands", "campaigns", "phone_numbers"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not any(part in module.name for part in (".migrations", "wsgi")):
            importlib.import_module(module.name)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
BARE = """
import django.core.management, django.db.models, django.db.backends.postgresql.base
"""


def main() -> None:
    """Prints a line for each command, and what a web worker takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    for words in COMMANDS:
        contestants = {
            "bare": [sys.executable, "-c", BARE],
            "eager": [sys.executable, "-c", EAGER, *words],
            "ours": [sys.executable, "manage.py", *words],
        }
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(rounds + 1):
            for name, command in contestants.items():
                seconds[name].append(_processor_seconds(command))
        medians = {name: statistics.median(taken[1:]) for name, taken in seconds.items()}
        ratios = [ours / eager for ours, eager in zip(seconds["ours"][1:], seconds["eager"][1:], strict=True)]
        low, _middle, high = statistics.quantiles(ratios, n=4)
        sys.stdout.write(
            f"{' '.join(words):30} ours {medians['ours']:.2f} s   eager {medians['eager']:.2f} s   "
            f"bare {medians['bare']:.2f} s   ours/eager {medians['ours'] / medians['eager']:.2f} "
            f"({low:.2f} to {high:.2f})\n"
        )
        sys.stdout.flush()
    _memory_of_a_worker()


def _processor_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _memory_of_a_worker() -> None:
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "2", "--blocking-threads", "4", "--log-level", "warning"),
        *("--workers-kill-timeout", "5", "agentmessage.wsgi:application"),
    ]
    server = subprocess.Popen(command, **ending_with_us(signal.SIGTERM))
    try:
        for path, words in (("healthz", "after its start"), ("v1/openapi.json", "after making the document")):
            _get(f"http://127.0.0.1:{port}/{path}")
            for pid in _children(server.pid):
                rss, pss = _megabytes(pid)
                sys.stdout.write(f"a web worker {words}: RSS {rss:.0f} MB, of its own {pss:.0f} MB\n")
    finally:
        server.terminate()
        server.wait()


def _get(url: str) -> None:
    def answered() -> bool:
        try:
            with urllib.request.urlopen(url) as answer:
                answer.read()
        except OSError:
            return False
        return True

    wait_until(answered, f"{url} answers")


def _children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:  # It has ended.
            continue
        if lines["PPid"] == str(parent) and int(lines["VmRSS"].split()[0]) > 40_000:
            found.append(int(lines["Pid"]))
    return found


def _megabytes(pid: int) -> tuple[float, float]:
    """RSS, and the share that no other process has."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(lines["Rss"].split()[0]) / 1024, int(lines["Pss"].split()[0]) / 1024


if __name__ == "__main__":
    main()
