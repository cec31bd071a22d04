"""Runs lines through the service, batch by batch."""

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from types import FrameType
from uuid import UUID

from django.db import connection, transaction

from accounts.actors import Actor
from phone_numbers.management.bulk_attach.lines import Line, LineCode, bad_line
from phone_numbers.management.bulk_attach.report import Report
from phone_numbers.services.bulk_attach import bulk_attach
from phone_numbers.services.locking import array_literal

# Names that a run has met, so that a second line for the same number is noticed. In the database, because a file may
# have more numbers than memory should hold.
_SEEN_TABLE = "CREATE TEMPORARY TABLE bulk_attach_seen (name text PRIMARY KEY) ON COMMIT PRESERVE ROWS"
_SEE = "INSERT INTO bulk_attach_seen SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING RETURNING name"


@dataclass(frozen=True, slots=True)
class Run:
    """How the lines are to be run."""

    organization_id: UUID
    actor: Actor
    batch_size: int
    lock_seconds: float
    is_dry: bool
    is_atomic: bool


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended."""

    interrupted: bool = False
    rolled_back: bool = False


def run_lines(lines: Iterable[Line], *, run: Run, report: Report, progress: Callable[[], None]) -> End:
    """Runs them all, each batch in a transaction of its own, or all in one with `is_atomic`.

    An interrupt (SIGINT) is heeded between two batches: what was done before stays done, unless it is atomic.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SEEN_TABLE)
    try:
        with _interrupt_noticed() as is_interrupted, transaction.atomic() if run.is_atomic else nullcontext():
            interrupted = False
            for batch in _batches(lines, run.batch_size):
                _run_batch(batch, run=run, report=report)
                progress()
                if interrupted := is_interrupted():
                    break
            rolled_back = run.is_atomic and (report.has_failures or (interrupted and not run.is_dry))
            if rolled_back:
                transaction.set_rollback(True)
            return End(interrupted=interrupted, rolled_back=rolled_back)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS bulk_attach_seen")


def _batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, size)):
        yield batch


def _run_batch(batch: Sequence[Line], *, run: Run, report: Report) -> None:
    batch = _without_repeats(batch)
    rows = [line.row for line in batch if line.row is not None]
    # An atomic run that has failed writes nothing more: the rest is only judged.
    is_dry = run.is_dry or (run.is_atomic and report.has_failures)
    results = iter(
        bulk_attach(
            organization_id=run.organization_id,
            rows=rows,
            actor=run.actor,
            dry_run=is_dry,
            lock_seconds=run.lock_seconds,
            durable=not run.is_atomic,
        )
        if rows
        else ()
    )
    for line in batch:
        report.add(line, None if line.row is None else next(results))


def _without_repeats(batch: Sequence[Line]) -> list[Line]:
    names = [line.number for line in batch if line.row is not None]
    with connection.cursor() as cursor:
        cursor.execute(_SEE, [array_literal(names)])
        new = {name for (name,) in cursor.fetchall()}
    kept = []
    for line in batch:
        if line.row is None:
            kept.append(line)
        elif line.number in new:
            new.remove(line.number)
            kept.append(line)
        else:
            message = "the number stands in an earlier line already"
            kept.append(bad_line(line.place, line.number, LineCode.REPEATED, message))
    return kept


@contextmanager
def _interrupt_noticed() -> Iterator[Callable[[], bool]]:
    """Tells whether SIGINT has come. A second one interrupts at once."""
    noticed: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        noticed.append(signum)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noticed)
    finally:
        signal.signal(signal.SIGINT, before)
