"""`manage.py propagation_status`: statistics of propagation."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table

from propagation.models import CarrierReading
from propagation.services.stats import (
    Stats,
    accounts_in_use,
    current_stats,
    last_readings,
    numbers_by_status,
    worker_heartbeats,
)

_WAITS_FOR = {
    "worker": "due, waiting for a worker",
    "carrier": "at the carrier, waiting for its answer",
    "retry": "waiting for the next attempt",
    "approval": "waiting for the carrier to approve the campaign",
}


class Command(BaseCommand):
    """Reads only."""

    help = "Numbers by state, the oldest pending one, rates, and failures by code."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")

    def handle(self, **options: Any) -> None:
        statuses, stats = numbers_by_status(), current_stats()
        accounts = {account: current_stats(account) for account in accounts_in_use()}
        readings, heartbeats = list(last_readings()), worker_heartbeats()
        if options["json"]:
            by_account = {
                account: _as_dict(own, [reading for reading in readings if reading.carrier == account], *heartbeats)
                for account, own in accounts.items()
            }
            of_all = _as_dict(stats, readings, *heartbeats)
            self.stdout.write(json.dumps({"numbers": statuses, **of_all, "accounts": by_account}))
            return
        console = Console(file=cast("IO[str]", self.stdout), highlight=False, soft_wrap=True)
        _show(console, "Numbers", dict(sorted(statuses.items())))
        _show(console, "Not settled", {_WAITS_FOR[name]: count for name, count in stats.unsettled.items()})
        if stats.failures:
            _show(console, "Failed", stats.failures)
        for rate in stats.rates:
            ended = rate.succeeded + rate.failed
            console.print(
                f"last {rate.minutes} min: {ended:,} numbers in {rate.orders:,} orders"
                f" ({ended / rate.minutes / 60:.1f}/s), {rate.failed:,} of them failed"
            )
        console.print(f"open orders: {stats.open_orders:,}")
        for reading in readings:
            console.print(
                f"{reading.subject} of account {reading.carrier}, compared {_age(stats, reading.ended_at)} ago: "
                f"{reading.drifted:,} differed, {reading.left:,} were left because they were too many, "
                f"{reading.unreadable:,} had no answer"
            )
        for account, own in accounts.items():
            unsettled = ", ".join(f"{count:,} wait for {name}" for name, count in own.unsettled.items() if count)
            failed = sum(own.failures.values())
            console.print(
                f"account {account}: {own.open_orders:,} open orders, {failed:,} failed; {unsettled or 'settled'}"
            )
        workers, heartbeat = heartbeats
        heard = "" if heartbeat is None else f", the last heartbeat {_age(stats, heartbeat)} ago"
        console.print(f"workers: {workers:,}{heard}")
        if stats.oldest is not None:
            console.print(
                f"oldest pending: recorded {_age(stats, stats.oldest)} ago, {stats.oldest:%Y-%m-%d %H:%M:%S} UTC"
            )


def _show(console: Console, title: str, counts: dict[str, int]) -> None:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column()
    table.add_column(justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    console.print(table)


def _age(stats: Stats, moment: datetime | None) -> str:
    seconds = int(stats.seconds_since(moment))
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _as_dict(
    stats: Stats, readings: Iterable[CarrierReading], workers: int, heartbeat: datetime | None
) -> dict[str, Any]:
    return {
        "unsettled": stats.unsettled,
        "oldest_pending": stats.oldest and stats.oldest.isoformat(),
        "failures": stats.failures,
        "open_orders": stats.open_orders,
        "drift": {
            reading.subject: {"differed": reading.drifted, "left": reading.left, "unreadable": reading.unreadable}
            for reading in readings
        },
        "workers": workers,
        "last_heartbeat": heartbeat and heartbeat.isoformat(),
        "rates": [
            {"minutes": rate.minutes, "succeeded": rate.succeeded, "failed": rate.failed, "orders": rate.orders}
            for rate in stats.rates
        ],
    }
