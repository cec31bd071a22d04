"""Two minutes in the life of unlucky workers: `make chaos`, or `make chaos ARGS="--seconds 300 --seed 1"`.

2,000 numbers, a carrier of which 30 % of all numbers fail and 20 % of all orders lose their answer, moves and detaches
all the while, and every few seconds kill -9 for a worker or for the carrier, or an outage of the carrier or of the
database, which then takes no connection for some seconds. Then it is left to settle. Passed: every number is
propagated, failed with a reason or on no campaign, the carrier's own list says the same, no order came twice, and the
history has every attach and detach that was acknowledged, with its outcome.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.benchmarks.scratch import scratch_database
from tests.support.waiting import wait_until

NUMBERS = 2_000
WORKERS = 3
FAULTS = {"failures": 0.3, "errors": 0.05, "lost": 0.2, "order_seconds": 0.5, "latency": 0.02}
SETTLE_SECONDS = 240


def main() -> None:
    """Exits with 1 if anything does not agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    lots = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, scratch_database():
        sys.exit(0 if _trial(lots, options.seconds, Path(folder)) else 1)


class Process:
    """One that is killed and started again."""

    def __init__(self, *command: str, **environment: str) -> None:
        self._command = [sys.executable, *command]
        self._environment = os.environ | environment
        self.deaths = 0
        self._process = self._start()

    def kill(self) -> None:
        """Kill -9, and another one in its place."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.deaths += 1
        self._process = self._start()

    def stop(self) -> None:
        """Kill -9, and nothing in its place until `revive`."""
        self._process.kill()
        self._process.wait()
        self.deaths += 1

    def revive(self) -> None:
        """Start it again if it has ended, killed or not."""
        if self._process.poll() is not None:
            self._process = self._start()

    def end(self) -> None:
        """For good."""
        self._process.kill()
        self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command, env=self._environment, stdout=subprocess.DEVNULL)


def _trial(lots: random.Random, seconds: float, folder: Path) -> bool:
    from django.db import connection

    numbers, campaigns = _world()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    carrier = Process(*("-m", "carriers.simulated", "--port", str(port)), *("--data", str(folder / "carrier.sqlite3")))
    environment = {
        "DATABASE_URL": url_of_this_database(),
        "CARRIER_URL": f"simulated://127.0.0.1:{port}?batch=50",
        "PROPAGATION_LEASE_SECONDS": "20",
        "PROPAGATION_SETTLE_SECONDS": "5",
        "LOG_LEVEL": "ERROR",
    }
    workers = [Process("manage.py", "run_worker", **environment) for _ in range(WORKERS)]
    try:
        _put(port, FAULTS)
        acknowledged, outages = _live(lots, seconds, numbers, campaigns, workers, carrier)
        _put(port, dict.fromkeys(FAULTS, 0))
        began = time.monotonic()
        for process in (*workers, carrier):
            process.revive()
        while (unsettled := _unsettled()) and time.monotonic() - began < SETTLE_SECONDS:
            sys.stdout.write(f"\r{unsettled:5} not settled, {time.monotonic() - began:4.0f} s  ")
            sys.stdout.flush()
            time.sleep(1)  # A line of progress a second.
        sys.stdout.write(f"\rsettled after {time.monotonic() - began:.0f} s{' ' * 30}\n")
        deaths = sum(worker.deaths for worker in workers)
        sys.stdout.write(f"{deaths} workers and {carrier.deaths} carriers killed, outages {dict(outages)}\n")
        return _are_accounted_for(acknowledged) and _agree(port)
    finally:
        for process in (*workers, carrier):
            process.end()
        connection.close()


def _live(
    lots: random.Random,
    seconds: float,
    numbers: list[Any],
    campaigns: list[Any],
    workers: list[Process],
    carrier: Process,
) -> tuple[set[UUID], Counter[str]]:
    """Return the attachments that were acknowledged, and what outages there were."""
    from django.db import InterfaceError, OperationalError, connection

    from tests.support.propagation import attach, detach

    acknowledged = {attach(number, campaigns[0]).current_attachment_id for number in numbers}
    outages: Counter[str] = Counter()
    began = time.monotonic()
    next_death = began + 3
    end_of_outage: tuple[float, Callable[[], None]] | None = None
    while (now := time.monotonic()) - began < seconds:
        number = lots.choice(numbers)
        try:
            changed = detach(number) if lots.random() < 0.2 else attach(number, lots.choice(campaigns))
            acknowledged.add(changed.current_attachment_id)
        except (OperationalError, InterfaceError):
            outages["changes refused"] += 1
            connection.close()
        if end_of_outage is not None and now >= end_of_outage[0]:
            end_of_outage[1]()
            end_of_outage = None
        elif end_of_outage is None and now >= next_death:
            end_of_outage = _strike(lots, now, workers, carrier, outages)
            next_death = now + lots.uniform(2, 6)
            for worker in workers:
                worker.revive()
            sys.stdout.write(f"\r{now - began:4.0f} s, {len(acknowledged)} changes  ")
            sys.stdout.flush()
        time.sleep(0.02)  # The pace of the changes.
    if end_of_outage is not None:
        end_of_outage[1]()
    connection.close()
    return {attachment_id for attachment_id in acknowledged if attachment_id is not None}, outages


def _strike(
    lots: random.Random, now: float, workers: list[Process], carrier: Process, outages: Counter[str]
) -> tuple[float, Callable[[], None]] | None:
    """Let something fail. An outage is returned with its end: when, and how."""
    lot = lots.random()
    if lot < 0.5:
        lots.choice(workers).kill()
    elif lot < 0.65:
        carrier.kill()
    elif lot < 0.85:
        outages["carrier"] += 1
        carrier.stop()
        return now + lots.uniform(1, 10), carrier.revive
    else:
        outages["database"] += 1
        _database_takes_connections(False)
        return now + lots.uniform(1, 5), partial(_database_takes_connections, True)
    return None


def _database_takes_connections(takes: bool) -> None:
    """Begin or end an outage: no new connection, and the end of all that there are."""
    import psycopg
    from django.db import connection
    from psycopg import sql

    given = connection.get_connection_params()
    name = given["dbname"]
    address = {key: given[key] for key in ("user", "password", "host", "port") if given.get(key)}
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as other:
        other.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(name), sql.Literal(takes))
        )
        if not takes:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def _are_accounted_for(acknowledged: set[UUID]) -> bool:
    from phone_numbers.models import CampaignAttachment

    outcomes = dict(CampaignAttachment.objects.filter(id__in=acknowledged).values_list("id", "status"))
    lost = acknowledged - outcomes.keys()
    unsettled = [outcome for outcome in outcomes.values() if outcome in ("pending", "submitted")]
    sys.stdout.write(
        f"{len(acknowledged)} changes acknowledged, {len(lost)} of them lost, {len(unsettled)} without an outcome\n"
    )
    return not lost and not unsettled


def _agree(port: int) -> bool:
    from phone_numbers.models import CampaignAttachment, PhoneNumber

    listed = _get(port, "/numbers?limit=10000")["numbers"]
    statistics = _get(port, "/statistics")
    counts: Counter[str] = Counter()
    wrong = []
    for number in PhoneNumber.objects.select_related("campaign", "current_attachment"):
        counts[str(number.carrier_line_option_status)] += 1
        there = listed.get(number.number)
        match number.carrier_line_option_status:
            case "propagated":
                is_right = number.campaign is not None and there == number.campaign.tcr_campaign_id
            case None:
                is_right = there is None
            case "failed":
                # What it was on before may still be there; the failure says why it is on nothing else.
                entry = number.current_attachment
                is_right = entry is not None and entry.failure_code is not None and entry.failure_message is not None
            case _:
                is_right = False
        if not is_right:
            wrong.append((number.number, number.carrier_line_option_status, there))
    history = Counter(CampaignAttachment.objects.values_list("status", flat=True))
    orders = _get(port, "/orders-of-numbers")
    attempts = dict(PhoneNumber.objects.values_list("number", "id"))
    sys.stdout.write(f"numbers  {dict(counts)}\nhistory  {dict(history)}\ncarrier  {statistics}\n")
    sys.stdout.write(f"orders for one number: {max(orders.values())} at most, {len(attempts)} numbers\n")
    sys.stdout.write("".join(f"WRONG    {row}\n" for row in wrong[:20]))
    sys.stdout.write(f"{len(wrong)} do not agree, {statistics.get('duplicate_orders', 0)} orders came twice\n")
    return not wrong and not statistics.get("duplicate_orders")


def _world() -> tuple[list[Any], list[Any]]:
    from tests.support.factories import CampaignFactory, OrganizationFactory, PhoneNumberFactory

    organization = OrganizationFactory.create()
    campaigns = [
        CampaignFactory.create(brand__organization=organization, tcr_campaign_id=f"C{index:06d}") for index in range(3)
    ]
    return PhoneNumberFactory.create_batch(NUMBERS, organization=organization), campaigns


def _unsettled() -> int:
    from propagation.services.stats import current_stats

    return sum(current_stats().unsettled.values())


def url_of_this_database() -> str:
    from urllib.parse import quote

    from django.db import connection

    given = connection.get_connection_params()
    user, password = quote(given["user"]), quote(given.get("password") or "")
    return f"postgres://{user}:{password}@{quote(given['host'], safe='')}:{given['port']}/{given['dbname']}"


def _put(port: int, faults: dict[str, float]) -> None:
    _retried(urllib.request.Request(f"http://127.0.0.1:{port}/faults", json.dumps(faults).encode(), method="PUT"))


def _get(port: int, path: str) -> Any:
    return _retried(urllib.request.Request(f"http://127.0.0.1:{port}{path}"))


def _retried(request: urllib.request.Request) -> Any:
    def answered() -> list[Any]:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return [json.load(response)]
        except OSError:
            return []

    [answer] = wait_until(answered, "the simulated carrier answers")
    return answer


if __name__ == "__main__":
    main()
