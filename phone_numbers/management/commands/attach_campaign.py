"""`manage.py attach_campaign`: thousands of numbers onto their campaigns, with a result for each row."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Self
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as AnyDatabaseError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from accounts.actors import Actor
from accounts.management.arguments import organization
from accounts.models import Organization
from agentmessage.csv_records import UnreadableFile
from agentmessage.ids import uuid7
from agentmessage.validators import REASON_LENGTH
from campaigns.models import Campaign
from phone_numbers.management.bulk_attach.csv_lines import (
    BadValue,
    CampaignNames,
    Line,
    bad_line,
    read_csv,
    read_number,
)
from phone_numbers.management.bulk_attach.run import End, Report, Run, previewed_lines, run_lines
from phone_numbers.models import PhoneNumber
from phone_numbers.services.bulk_attach import Outcome, Row
from phone_numbers.services.locking import Seen

SOME_FAILED = 1
USAGE = 2
INTERRUPTED = 130


class Command(BaseCommand):
    """Exit 0: every row is attached or unchanged; 1: some failed or were busy; 2: it could not start."""

    help = (
        "Attach campaigns to many numbers of one organization: from a CSV, from arguments, or everything that is on "
        "another campaign. Each row goes by the rules of a single attach and gets its own result; running it "
        "again changes nothing that is done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", type=organization, metavar="SLUG", required=True)
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--csv", metavar="FILE", help="columns number or phone_number_id, and campaign_id or "
                            "tcr_campaign_id; or a Bandwidth TN export; - for standard input")  # fmt: skip
        source.add_argument("--number", action="append", metavar="+1…", help="may be repeated; needs --campaign")
        source.add_argument("--from-campaign", metavar="ID", help="every number that is on it; needs --campaign")
        source.add_argument("--previewed", metavar="REPORT.csv", help="the rows that the report of a dry run shows as "
                            "attached, if it is still where the dry run found it")  # fmt: skip
        parser.add_argument("--campaign", metavar="ID", help="for every row, overriding the file")
        parser.add_argument("--dry-run", action="store_true", help="the same report and exit code, nothing written")
        parser.add_argument("--atomic", action="store_true", help="attach nothing if any row fails")
        parser.add_argument("--reason", metavar="TEXT", help="why, for the history of every number")
        parser.add_argument("--report", metavar="FILE.csv", help="line, number, outcome, code, message of every row")
        parser.add_argument(
            "--batch-size", type=int, default=10_000, metavar="ROWS", help="rows in one transaction (10000)"
        )
        parser.add_argument("--lock-timeout", type=float, default=5.0, metavar="SECONDS",
                            help="seconds to wait for a locked number before it is BUSY (5)")  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")

    def handle(self, **options: Any) -> None:
        if options["batch_size"] < 1 or options["lock_timeout"] <= 0:
            raise CommandError("--batch-size and --lock-timeout must be greater than 0.", returncode=USAGE)
        if options["previewed"] is not None and options["campaign"] is not None:
            raise CommandError("--previewed has the campaigns: leave out --campaign.", returncode=USAGE)
        if options["csv"] is None and options["previewed"] is None and options["campaign"] is None:
            raise CommandError("--number and --from-campaign need --campaign.", returncode=USAGE)
        if len(options["reason"] or "") > REASON_LENGTH:
            raise CommandError(f"--reason must have at most {REASON_LENGTH} characters.", returncode=USAGE)
        owner: Organization = options["organization"]
        batch_id = uuid7()
        names = CampaignNames(owner.id)
        run = Run(
            organization_id=owner.id,
            actor=Actor.for_command("attach_campaign", reason=options["reason"] or None, batch_id=batch_id),
            batch_size=options["batch_size"],
            lock_seconds=options["lock_timeout"],
            is_dry=options["dry_run"],
            is_atomic=options["atomic"],
            can_read_on="-" not in (options["csv"], options["previewed"]) and options["from_campaign"] is None,
        )
        campaign_id = _campaign(names, options["campaign"], "--campaign")
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            bar = stack.enter_context(_Bar())
            name = options["csv"] or options["previewed"]
            file = stack.enter_context(_open(name)) if name is not None else None
            if file is not None and options["report"] is not None:
                _refuse_as_output(options["report"], file)
            lines = _lines(file, bar, options, owner.id, names, campaign_id)
            report = _open_report(options["report"], owner.id)
            try:
                end = run_lines(lines, run=run, report=report, progress=lambda: bar.show(report.total))
            except AnyDatabaseError as error:
                reason = str(error).partition("\n")[0]
                raise CommandError(
                    f"The database gave up after {report.total:,} rows: {reason}. Run it again to go on."
                ) from error
        self._tell(report, end, options, batch_id, seconds=time.monotonic() - started)

    def _tell(self, report: Report, end: End, options: dict[str, Any], batch_id: UUID, *, seconds: float) -> None:
        counts = {outcome.value: report.counts[outcome] for outcome in Outcome}
        warnings = report.moves.found()
        # By its batch, a run can be undone in the admin.
        batch = None if options["dry_run"] or not report.counts[Outcome.ATTACHED] else str(batch_id)
        if options["json"]:
            answer = counts | {"dry_run": options["dry_run"], "seconds": round(seconds, 3), "batch_id": batch}
            answer["warnings"] = [asdict(warning) for warning in warnings]
            self.stdout.write(json.dumps(answer, default=str))
        else:
            mood = "would be " if options["dry_run"] else ""
            words = ", ".join(f"{count:,} {mood if name == 'attached' else ''}{name}" for name, count in counts.items())
            self.stdout.write(f"{words} in {seconds:.1f} s")
            for warning in warnings:
                self.stdout.write(f"Warning: {warning.message}")
            if batch is not None:
                self.stdout.write(f"Batch {batch}: the admin's history can undo it.")
        if options["verbosity"] > 0:
            for failure in report.first_failures:
                self.stderr.write(failure, style_func=str)
            more = report.counts[Outcome.FAILED] + report.counts[Outcome.BUSY] - len(report.first_failures)
            if more > 0:
                self.stderr.write(f"… and {more:,} more; --report FILE.csv has them all.", style_func=str)
        if end.rolled_back:
            self.stderr.write("A row failed, and --atomic was asked for: nothing was attached.", style_func=str)
        if end.interrupted:
            kept = "nothing was attached" if options["atomic"] else "what is done stays done; run it again to go on"
            raise CommandError(f"Interrupted after {report.total:,} rows: {kept}.", returncode=INTERRUPTED)
        if report.has_failures:
            sys.exit(SOME_FAILED)


def _campaign(names: CampaignNames, text: str | None, option: str) -> UUID | None:
    if text is None:
        return None
    try:
        return names.find(text)
    except BadValue as error:
        raise CommandError(f"{option}: {error}.", returncode=USAGE) from error


def _lines(
    file: "TextIOWrapper[Any] | None",
    bar: "_Bar",
    options: dict[str, Any],
    organization_id: UUID,
    names: CampaignNames,
    campaign_id: UUID | None,
) -> Iterator[Line]:
    """Return the rows of the chosen source. Raises CommandError for a source that cannot be read."""
    if file is not None:
        try:
            if options["previewed"] is not None:
                return previewed_lines(file)
            return read_csv(bar.reading(file), names=names, campaign_id=campaign_id)
        except UnreadableFile as error:
            raise CommandError(f"{options['csv'] or options['previewed']}: {error}.", returncode=USAGE) from error
    assert campaign_id is not None  # noqa: S101  (Checked before.)
    if options["number"] is not None:
        return _argument_lines(options["number"], campaign_id)
    origin = _campaign(names, options["from_campaign"], "--from-campaign")
    assert origin is not None  # noqa: S101  (One of the three is given.)
    if not Campaign.objects.filter(organization_id=organization_id, id=origin).exists():
        raise CommandError(f"--from-campaign: the organization has no campaign {origin}.", returncode=USAGE)
    bar.expect(PhoneNumber.objects.filter(organization_id=organization_id, campaign_id=origin).count())
    return _campaign_lines(organization_id, origin, campaign_id)


def _argument_lines(numbers: list[str], campaign_id: UUID) -> Iterator[Line]:
    for place, text in enumerate(numbers, start=1):
        try:
            number = read_number(text)
        except BadValue as error:
            yield bad_line(place, text, error.code, str(error))
        else:
            yield Line(place, number, Row(number, campaign_id))


def _campaign_lines(organization_id: UUID, origin: UUID, campaign_id: UUID) -> Iterator[Line]:
    """Yield all numbers on the campaign, in chunks. A number that leaves it before it is locked is left unchanged."""
    place = 0
    seen = Seen(origin)
    last = UUID(int=0)
    while True:
        rows = PhoneNumber.objects.filter(organization_id=organization_id, campaign_id=origin, id__gt=last)
        part = list(rows.order_by("id").values_list("id", "number")[:5_000])
        if not part:
            return
        for last, number in part:
            place += 1
            yield Line(place, number, Row(last, campaign_id, seen))


def _open(name: str) -> "TextIOWrapper[Any]":
    """Open a CSV. Bytes that are not UTF-8 become escapes: only what is read of the file has to be text."""
    is_stdin = name == "-"
    try:
        return open(
            sys.stdin.fileno() if is_stdin else name,
            encoding="utf-8-sig",
            errors="backslashreplace",
            newline="",
            closefd=not is_stdin,
        )
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}.", returncode=USAGE) from error
    except ValueError as error:  # A NUL in the path.
        raise CommandError(f"--csv is not a path: {error}.", returncode=USAGE) from error


def _refuse_as_output(name: str, file: "TextIOWrapper[Any]") -> None:
    """Refuse a report that would overwrite the input file, under any path."""
    path = Path(name)
    for output in (path, Report.draft_of(path)):
        with contextlib.suppress(OSError):  # There is no such file yet, or opening it reports the error.
            if os.path.samestat(output.stat(), os.fstat(file.fileno())):
                raise CommandError(f"--report {name}: this is the input file.", returncode=USAGE)


def _open_report(name: str | None, organization_id: UUID) -> Report:
    try:
        return Report(Path(name) if name else None, organization_id=organization_id)
    except OSError as error:
        raise CommandError(f"--report {name}: {error.strerror}.", returncode=USAGE) from error


class _Bar:
    """Rate and time left on a terminal; nothing in a pipe."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("Attaching"),
            BarColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, rows=0, rate=0.0)
        self._started = time.monotonic()
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, rows: int) -> None:
        """Set the number of rows."""
        self._progress.update(self._task, total=rows)

    def reading(self, file: "TextIOWrapper[Any]") -> "TextIOWrapper[Any]":
        """Measure progress by the bytes read. The length of a pipe is unknown."""
        if file.seekable():
            self._file = file.buffer
            self._progress.update(self._task, total=os.fstat(file.fileno()).st_size)
        return file

    def show(self, rows: int) -> None:
        """Update the progress."""
        rate = rows / (time.monotonic() - self._started)
        done = rows if self._file is None else self._file.tell()
        self._progress.update(self._task, completed=done, rows=rows, rate=rate)
