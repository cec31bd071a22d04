"""Run lines through the service, batch by batch, report what became of them, and read the report of a dry run."""

import csv
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import TextIO
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from agentmessage.csv_records import UnreadableFile
from agentmessage.files import CsvWriter
from agentmessage.ids import parse_uuid
from phone_numbers.management.bulk_attach.csv_lines import Line, LineCode, bad_line
from phone_numbers.services.bulk_attach import UNCHANGED, Outcome, Row, RowResult, bulk_attach
from phone_numbers.services.locking import Seen
from phone_numbers.services.move_warnings import MoveWarnings, previewed

HEADER = ("line", "number", "outcome", "code", "message", "campaign_id", "previous_campaign_id")
# Failed rows that are shown beside the counts; the report file has all.
SHOWN = 20
ROLLED_BACK = (Outcome.ROLLED_BACK.value, "", "another row failed, and --atomic was asked for")
# The batch may have been committed although its answer was lost.
BROKEN = ("BROKEN", "the batch of this row broke off: run it again")
NOT_TRIED = ("NOT_TRIED", "the run ended before this row: run it again")


class Report:
    """Counts rows, and writes each into a CSV if there is one. The CSV bears its name only once it is whole."""

    def __init__(self, path: Path | None, *, organization_id: UUID) -> None:
        self.counts: Counter[Outcome] = Counter()
        self.moves = MoveWarnings(organization_id)
        self.first_failures: list[str] = []
        self._path = path
        self._file: TextIO | None = None
        if path is not None:
            self._draft = self.draft_of(path)
            self._file = self._draft.open("w", encoding="utf-8", newline="")
            self._writer = CsvWriter(self._file, HEADER)

    @staticmethod
    def draft_of(path: Path) -> Path:
        """Return where the CSV is until it is whole."""
        return path.with_name(path.name + ".part")

    @property
    def total(self) -> int:
        """Return how many rows have been reported."""
        return self.counts.total()

    @property
    def has_failures(self) -> bool:
        """Whether any row is neither attached nor unchanged."""
        return self.counts[Outcome.FAILED] + self.counts[Outcome.BUSY] > 0

    def add(self, line: Line, result: RowResult | None) -> None:
        """Count and write one row. The result is None for a line that was not run."""
        outcome = Outcome.FAILED if result is None else result.outcome
        code, message = line.code, line.message
        if result is not None and result.error is not None:
            code, message = result.error.code, result.error.message
        elif outcome is Outcome.BUSY:
            code, message = "BUSY", "another transaction held the number; run it again"
        self.counts[outcome] += 1
        if outcome in (Outcome.FAILED, Outcome.BUSY) and len(self.first_failures) < SHOWN:
            self.first_failures.append(f"line {line.place}: {line.number or '-'}: {code}: {message}")
        if self._file is not None:
            campaign_id = None if line.row is None else line.row.campaign_id
            previous_id = None if result is None else result.previous_campaign_id
            self._writer.write((line.place, line.number, outcome.value, code, message, campaign_id, previous_id))

    def keep(self) -> None:
        """Write what has been added to the disk, so that it is there if this process is killed."""
        if self._file is not None:
            self._file.flush()

    def add_unfinished(self, lines: Iterable[Line], code: str, message: str) -> None:
        """Add rows of which no outcome is known to the CSV. They are not counted."""
        if self._file is not None:
            for line in lines:
                self._writer.write((line.place, line.number, "unfinished", code, message, "", ""))

    def finish(self, *, rolled_back: bool) -> None:
        """Rename the draft to the CSV. With `rolled_back`, rows that were reported as attached become `rolled_back`."""
        if rolled_back:
            self.counts[Outcome.ROLLED_BACK] = self.counts.pop(Outcome.ATTACHED, 0)
        if self._file is None or self._path is None:
            return
        self._file.close()
        if rolled_back:
            self._rewrite()
        self._draft.replace(self._path)

    def _rewrite(self) -> None:
        whole = self._draft.with_name(self._draft.name + "2")
        with (
            self._draft.open(encoding="utf-8", newline="") as old,
            whole.open("w", encoding="utf-8", newline="") as new,
        ):
            writer = csv.writer(new)
            for row in csv.reader(old):
                if row[2] == Outcome.ATTACHED:
                    row[2:5] = ROLLED_BACK
                writer.writerow(row)
        whole.replace(self._draft)


def previewed_lines(file: Iterable[str]) -> Iterator[Line]:
    """Return the rows to attach. Raises UnreadableFile unless the file is a report of this command."""
    reader = csv.DictReader(file)
    if tuple(reader.fieldnames or ()) != HEADER:
        raise UnreadableFile(f"is not a report of this command, which begins with {','.join(HEADER)}")
    return (_previewed_line(reader.line_num, row) for row in reader if row["outcome"] == Outcome.ATTACHED)


def _previewed_line(place: int, row: dict[str, str]) -> Line:
    number = row["number"]
    campaign_id, seen = parse_uuid(row["campaign_id"]), parse_uuid(row["previous_campaign_id"])
    if campaign_id is None or (seen is None and row["previous_campaign_id"]):
        return bad_line(place, number, LineCode.BAD_ID, "the report's campaigns must be UUIDs")
    return Line(place, number, Row(parse_uuid(number) or number, campaign_id, Seen(seen)))


@dataclass(frozen=True, slots=True)
class Run:
    """How the lines are to be run."""

    organization_id: UUID
    actor: Actor
    batch_size: int
    lock_seconds: float
    is_dry: bool
    is_atomic: bool
    # Whether the rows come from where neither an open pipe nor a lost database keeps them back.
    can_read_on: bool = True


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended."""

    interrupted: bool = False
    rolled_back: bool = False


def run_lines(lines: Iterable[Line], *, run: Run, report: Report, progress: Callable[[], None]) -> End:
    """Run all lines, each batch in a transaction of its own, or all in one with `is_atomic`.

    SIGINT stops the run between two batches. What was done before is kept, unless the run is atomic. However the run
    ends, the report is finished and has the rows that were not tried.
    """
    rest = _without_contradictions(lines)
    transaction_of_the_run = transaction.atomic(durable=True) if run.is_atomic else nullcontext()
    try:
        with _interrupt_noticed() as is_interrupted, transaction_of_the_run:
            interrupted = False
            while not interrupted:
                batch: list[Line] = []
                try:
                    batch.extend(islice(rest, run.batch_size))
                    _run_batch(batch, run=run, report=report)
                except BaseException:
                    report.add_unfinished(batch, *BROKEN)
                    raise
                if not batch:
                    break
                progress()
                interrupted = is_interrupted()
            rolled_back = run.is_atomic and (report.has_failures or (interrupted and not run.is_dry))
            if rolled_back:
                transaction.set_rollback(True)
    except BaseException:
        _finish_early(report, rest, run=run, rolled_back=run.is_atomic and not run.is_dry)
        raise
    if interrupted:
        _finish_early(report, rest, run=run, rolled_back=rolled_back)
    else:
        report.finish(rolled_back=rolled_back)
    return End(interrupted=interrupted, rolled_back=rolled_back)


def _finish_early(report: Report, rest: Iterable[Line], *, run: Run, rolled_back: bool) -> None:
    """Finish the report of a run that did not come to its end. The rows are listed as far as they can still be read."""
    if run.can_read_on:
        report.add_unfinished(rest, *NOT_TRIED)
    report.finish(rolled_back=rolled_back)


def _without_contradictions(lines: Iterable[Line]) -> Iterator[Line]:
    """Replace each line whose number an earlier line puts on another campaign, so that it fails."""
    # Integers take the least memory (docs/adr/0007). E.164 has at least 7 digits and a short code at most 6.
    campaigns: dict[int, UUID | None] = {}
    for line in lines:
        if line.row is None:
            yield line
            continue
        key = int(line.row.phone_number)
        is_repeat = key in campaigns
        first = campaigns.setdefault(key, line.row.campaign_id)
        if first == line.row.campaign_id:
            yield line._replace(is_repeat=True) if is_repeat else line
        else:
            message = f"an earlier line puts the number on campaign {first}"
            yield bad_line(line.place, line.number, LineCode.REPEATED, message)


def _run_batch(batch: Sequence[Line], *, run: Run, report: Report) -> None:
    # An atomic run that has failed writes nothing more. The rest is only checked.
    is_dry = run.is_dry or (run.is_atomic and report.has_failures)
    rows = [line.row for line in batch if line.row is not None]
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
    pairs: list[tuple[UUID | str, UUID | None, RowResult]] = []
    for line in batch:
        result = None if line.row is None else next(results)
        if is_dry and line.is_repeat and result is not None and result.outcome is Outcome.ATTACHED:
            # The earlier row may be in another batch, which has not been written either.
            result = UNCHANGED
        report.add(line, result)
        if line.row is not None and result is not None:
            pairs.append((line.row.phone_number, line.row.campaign_id, result))
    if run.is_dry:
        report.moves.add(previewed(pairs))
    report.keep()


@contextmanager
def _interrupt_noticed() -> Iterator[Callable[[], bool]]:
    """Record whether SIGINT has arrived. A second one interrupts at once."""
    noticed: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        noticed.append(signum)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noticed)
    finally:
        signal.signal(signal.SIGINT, before)
