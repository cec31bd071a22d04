"""`manage.py reconcile_carrier`: compare the carrier's numbers with ours and correct the drift."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actors import Actor
from accounts.models import Organization
from propagation.management.arguments import add_comparison
from propagation.services.calling import carrier_of
from propagation.services.reading import ReadingTaken, TooManyErrors
from propagation.services.reconcile import Drift, Finding, Report, reconcile

_SHOWN = 20
_EVERY = 1000
_IN_WORDS = {
    Drift.MISSING: "missing at the carrier",
    Drift.OTHER_CAMPAIGN: "on another campaign at the carrier",
    Drift.NOT_OURS: "on a campaign at the carrier, on none here",
}


class Command(BaseCommand):
    """Exit 0: all agree, or will once the worker is done; 1: some were left as they are; 2: it could not start."""

    help = (
        "Compare what the carrier reports with what is recorded here, and have the worker correct the drift. It may be "
        "interrupted and run again: it continues where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_comparison(parser, of="numbers")

    def handle(self, **options: Any) -> None:
        """Raises CommandError if the carrier gives too few answers."""
        owner: Organization | None = options["organization"]
        printer = _Json(self) if options["json"] else _Words(self)
        read = 0

        def progress(rows: int) -> None:
            nonlocal read
            if options["verbosity"] > 0 and (read + rows) // _EVERY > read // _EVERY:
                self.stderr.write(f"{read + rows:,} numbers read", style_func=str)
            read += rows

        try:
            report = reconcile(
                carrier=carrier_of(options["account"]),
                actor=Actor.for_command("reconcile_carrier"),
                organization_id=None if owner is None else owner.id,
                dry_run=options["dry_run"],
                force=options["force"],
                on_finding=printer.show,
                progress=progress,
            )
        except TooManyErrors as error:
            raise CommandError(f"After {read:,} numbers: {error} Run it again to continue.") from error
        except ReadingTaken as error:
            raise CommandError(str(error)) from error
        assert report is not None  # noqa: S101  (None is for those who name a time.)
        printer.end(report)
        if report.left:
            raise SystemExit(1)


class _Words:
    """Shows the first numbers that differ, and counts the others."""

    def __init__(self, command: BaseCommand) -> None:
        self._out = command.stdout
        self._shown = 0

    def show(self, finding: Finding) -> None:
        self._shown += 1
        if self._shown <= _SHOWN:
            sides = f"{finding.wanted or '-'} here, {finding.found or '-'} there"
            line = f"{finding.number}: {_IN_WORDS[finding.drift]} ({sides})"
            self._out.write(line + (f"; left: {finding.reason}" if finding.reason else ""))

    def end(self, report: Report) -> None:
        extent = report.extent
        if self._shown > _SHOWN:
            self._out.write(f"… and {self._shown - _SHOWN:,} more; --json has them all.")
        corrected = report.counts.total() - report.left
        self._out.write(f"{extent.compared:,} numbers: {extent.drifted:,} differ, {corrected:,} will be corrected")
        if report.unknown or report.unreadable:
            self._out.write(f"not compared: {report.unknown:,} unknown, {report.unreadable:,} without an answer")
        if extent.excess is not None:
            self._out.write(f"Too much drift: {extent.excess}. Only --force corrects it.")


class _Json:
    """Writes one object, number by number, so that any number of findings fits into memory."""

    def __init__(self, command: BaseCommand) -> None:
        self._out = command.stdout
        self._is_first = True

    def show(self, finding: Finding) -> None:
        row = {
            "organization_id": str(finding.organization_id),
            "phone_number_id": str(finding.phone_number_id),
            "number": finding.number,
            "drift": finding.drift.value,
            "wanted": finding.wanted,
            "found": finding.found,
            "corrected": finding.reason is None,
            "reason": finding.reason,
        }
        self._out.write(('{"findings": [' if self._is_first else ",") + json.dumps(row), ending="")
        self._is_first = False

    def end(self, report: Report) -> None:
        counts = {
            "checked": report.extent.compared,
            **{drift.value: report.counts[drift] for drift in Drift},
            "corrected": report.counts.total() - report.left,
            "left": report.left,
            "unknown": report.unknown,
            "unreadable": report.unreadable,
            "excess": report.extent.excess,
        }
        start = '{"findings": [], ' if self._is_first else "], "
        self._out.write(start + json.dumps(counts).removeprefix("{"))
