"""`manage.py propagation_status`: how it stands between us and the carrier."""

import json
from datetime import UTC, datetime
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table

from propagation.services.stats import Figures, current_figures, numbers_by_state

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
        parser.add_argument("--json", action="store_true", help="one object instead of tables")

    def handle(self, **options: Any) -> None:
        states, figures = numbers_by_state(), current_figures()
        if options["json"]:
            self.stdout.write(json.dumps(_as_dict(states, figures)))
            return
        console = Console(file=cast("IO[str]", self.stdout), highlight=False, soft_wrap=True)
        _show(console, "Numbers", {f"{state}": count for state, count in sorted(states.items())})
        _show(console, "Not settled", {_WAITS_FOR[name]: count for name, count in figures.unsettled.items()})
        if figures.failures:
            _show(console, "Failed", figures.failures)
        for rate in figures.rates:
            ended = rate.succeeded + rate.failed
            console.print(
                f"last {rate.minutes} min: {ended:,} numbers in {rate.orders:,} orders"
                f" ({ended / rate.minutes / 60:.1f}/s), {rate.failed:,} of them failed"
            )
        console.print(f"open orders: {figures.open_orders:,}")
        if figures.oldest is not None:
            console.print(
                f"oldest pending: recorded {_age(figures.oldest)} ago, {figures.oldest:%Y-%m-%d %H:%M:%S} UTC"
            )


def _show(console: Console, title: str, counts: dict[str, int]) -> None:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column()
    table.add_column(justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    console.print(table)


def _age(since: datetime) -> str:
    seconds = int((datetime.now(UTC) - since).total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _as_dict(states: dict[str, int], figures: Figures) -> dict[str, Any]:
    return {
        "numbers": states,
        "unsettled": figures.unsettled,
        "oldest_pending": figures.oldest and figures.oldest.isoformat(),
        "failures": figures.failures,
        "open_orders": figures.open_orders,
        "rates": [
            {"minutes": rate.minutes, "succeeded": rate.succeeded, "failed": rate.failed, "orders": rate.orders}
            for rate in figures.rates
        ],
    }
