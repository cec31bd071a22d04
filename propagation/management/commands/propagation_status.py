"""`manage.py propagation_status`: statistics of propagation."""

import json
from datetime import timedelta
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table

from propagation.services.stats import Stats, accounts_in_use, current_stats, numbers_by_status

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
        if options["json"]:
            by_account = {account: _as_dict(own) for account, own in accounts.items()}
            self.stdout.write(json.dumps({"numbers": statuses, **_as_dict(stats), "accounts": by_account}))
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
        for reading in stats.readings:
            console.print(
                f"{reading.subject} of account {reading.account}, compared {_age(stats.at - reading.ended_at)} ago: "
                f"{reading.drifted:,} differed, {reading.left:,} were left because they were too many, "
                f"{reading.unreadable:,} had no answer"
            )
        for account, own in accounts.items():
            unsettled = ", ".join(f"{count:,} wait for {name}" for name, count in own.unsettled.items() if count)
            failed = sum(own.failures.values())
            console.print(
                f"account {account}: {own.open_orders:,} open orders, {failed:,} failed; {unsettled or 'settled'}"
            )
        heard = (
            "" if stats.last_heartbeat is None else f", the last heartbeat {_age(stats.at - stats.last_heartbeat)} ago"
        )
        console.print(f"workers: {stats.workers:,}{heard}")
        if stats.oldest is not None:
            age = _age(stats.at - stats.oldest)
            console.print(f"oldest pending: recorded {age} ago, {stats.oldest:%Y-%m-%d %H:%M:%S} UTC")


def _show(console: Console, title: str, counts: dict[str, int]) -> None:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column()
    table.add_column(justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    console.print(table)


def _age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _as_dict(stats: Stats) -> dict[str, Any]:
    return {
        "unsettled": stats.unsettled,
        "oldest_pending": stats.oldest and stats.oldest.isoformat(),
        "failures": stats.failures,
        "open_orders": stats.open_orders,
        "drift": {
            reading.subject: {"differed": reading.drifted, "left": reading.left, "unreadable": reading.unreadable}
            for reading in stats.readings
        },
        "workers": stats.workers,
        "last_heartbeat": stats.last_heartbeat and stats.last_heartbeat.isoformat(),
        "rates": [
            {"minutes": rate.minutes, "succeeded": rate.succeeded, "failed": rate.failed, "orders": rate.orders}
            for rate in stats.rates
        ],
    }
