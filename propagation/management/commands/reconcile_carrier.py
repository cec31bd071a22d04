"""`manage.py reconcile_carrier`: compare the carrier's numbers with ours and correct the drift."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actors import Actor
from accounts.management.arguments import organization
from accounts.models import Organization
from carriers.base import CarrierRefused, CarrierUnavailable
from propagation.services.calling import current_carrier
from propagation.services.reconcile import Drift, Finding, Report, reconcile

_SHOWN = 20
_IN_WORDS = {
    Drift.MISSING: "missing at the carrier",
    Drift.OTHER_CAMPAIGN: "on another campaign at the carrier",
    Drift.NOT_OURS: "on a campaign at the carrier, on none here",
}


class Command(BaseCommand):
    """Exit 0: all agree, or will once the worker is done; 1: some were left as they are; 2: it could not start."""

    help = (
        "Compare what the carrier reports with what is recorded here, and have the worker correct the drift. It may be "
        "interrupted and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", type=organization, metavar="SLUG", help="only of this organization")
        parser.add_argument("--dry-run", action="store_true", help="the same report; nothing is corrected")
        parser.add_argument("--json", action="store_true", help="one object on standard output instead of words")
        parser.add_argument(
            "--force",
            action="store_true",
            help=f"detach more than {settings.RECONCILE_MAX_DETACH_SHARE:.0%}% of an organization's numbers in one run",
        )

    def handle(self, **options: Any) -> None:
        """Raises CommandError if the carrier stays unavailable."""
        owner: Organization | None = options["organization"]
        report = Report()

        def progress(so_far: Report) -> None:
            nonlocal report
            report = so_far
            if options["verbosity"] > 0:
                self.stderr.write(f"{so_far.checked:,} numbers, {len(so_far.findings):,} differ", style_func=str)

        try:
            report = reconcile(
                carrier=current_carrier(),
                actor=Actor.for_command("reconcile_carrier"),
                max_detach_share=settings.RECONCILE_MAX_DETACH_SHARE,
                organization_id=None if owner is None else owner.id,
                dry_run=options["dry_run"],
                force=options["force"],
                progress=progress,
            )
        except (CarrierUnavailable, CarrierRefused) as error:
            raise CommandError(f"After {report.checked:,} numbers: {error} Run it again.") from error
        self._print(report, as_json=options["json"])
        if report.left:
            raise SystemExit(1)

    def _print(self, report: Report, *, as_json: bool) -> None:
        drifted, corrected = len(report.findings), len(report.findings) - report.left
        if as_json:
            answer = {
                "checked": report.checked,
                **{drift.value: report.counts[drift] for drift in Drift},
                "mended": corrected,
                "left": report.left,
                "findings": [_as_dict(finding) for finding in report.findings],
            }
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write(f"{report.checked:,} numbers: {drifted:,} differ, {corrected:,} will be corrected")
        for finding in report.findings[:_SHOWN]:
            sides = f"{finding.wanted or '-'} here, {finding.found or '-'} there"
            line = f"{finding.number}: {_IN_WORDS[finding.drift]} ({sides})"
            self.stdout.write(line + (f"; left: {finding.reason}" if finding.reason else ""))
        if len(report.findings) > _SHOWN:
            self.stdout.write(f"… and {len(report.findings) - _SHOWN:,} more; --json has them all.")


def _as_dict(finding: Finding) -> dict[str, Any]:
    return {
        "organization_id": str(finding.organization_id),
        "phone_number_id": str(finding.phone_number_id),
        "number": finding.number,
        "drift": finding.drift.value,
        "wanted": finding.wanted,
        "found": finding.found,
        "mended": finding.corrected,
        "reason": finding.reason,
    }
