"""`manage.py load_inventory`: organizations, brands, campaigns and numbers from one JSON document."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as AnyDatabaseError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from accounts.actors import Actor
from inventory.counts import InventoryCounts
from inventory.load import load_inventory
from inventory.problems import InventoryRefused
from inventory.progress import Stage


class Command(BaseCommand):
    """All or nothing, and safe to run again. Words and progress go to standard error."""

    help = (
        "Load an inventory: one JSON document with organizations, their brands, campaigns and phone numbers. "
        "Rows are created or updated by id, all or nothing; loading the same document again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the document, or - for standard input")

    def handle(self, *, file: str, **options: Any) -> None:
        document = _read(file)
        try:
            with _ProgressBar() as progress:
                counts = load_inventory(
                    document=document, actor=Actor.for_command("load_inventory"), report=progress.report
                )
        except InventoryRefused as refused:
            raise CommandError(_explain(file, refused)) from refused
        except AnyDatabaseError as error:
            raise CommandError(
                f"The database refused: {_first_line(error)}. A load is all or nothing and safe to run again."
            ) from error
        if options["verbosity"] > 0:
            self.stderr.write(_summary(counts), style_func=str)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    except ValueError as error:  # A NUL in the path.
        raise CommandError(f"FILE is no path: {error}") from error


def _explain(file: str, refused: InventoryRefused) -> str:
    """The places and sentences, one a line, or the one sentence about the whole document."""
    if refused.details is None:
        return f"{file}: {refused.sentence}. Nothing was changed."
    lines = [f"{place}: {sentence}" for place, sentence in refused.details.items()]
    if refused.is_cut:
        lines.append(f"… and more; these are the first {len(lines)}.")
    return "\n".join([*lines, "Nothing was changed."])


def _first_line(error: AnyDatabaseError) -> str:
    return str(error).partition("\n")[0]


def _summary(counts: InventoryCounts) -> str:
    lines = [f"{'':15}{'created':>10}{'updated':>10}{'unchanged':>10}"]
    for name, of_kind in (
        ("organizations", counts.organizations),
        ("brands", counts.brands),
        ("campaigns", counts.campaigns),
        ("phone numbers", counts.phone_numbers),
    ):
        lines.append(f"{name:15}{of_kind.created:>10,}{of_kind.updated:>10,}{of_kind.unchanged:>10,}")
    lines.append(f"{counts.attached:,} put on a campaign, {counts.detached:,} taken off one")
    return "\n".join(lines)


class _ProgressBar:
    """A bar for each stage on a terminal, nothing in a pipe."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[Stage, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def report(self, stage: Stage, done: int, total: int) -> None:
        """Shows how far the stage has come."""
        if stage not in self._tasks:
            for task in self._tasks.values():
                self._progress.remove_task(task)
            self._tasks = {stage: self._progress.add_task(stage, total=total or None)}
        self._progress.update(self._tasks[stage], completed=done)
