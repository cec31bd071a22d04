"""`manage.py sync_campaigns`: ask the carrier which campaigns it has approved."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from propagation.management.arguments import add_comparison
from propagation.services.calling import carrier_of
from propagation.services.reading import ReadingTaken, TooManyErrors
from propagation.services.sync import Decision, sync_campaigns


class Command(BaseCommand):
    """Exit 0: the decisions are recorded; 1: some were left as they are. May be interrupted and run again."""

    help = "Ask the carrier which campaigns it has approved; the numbers that waited for it are then due."

    def add_arguments(self, parser: CommandParser) -> None:
        add_comparison(parser, of="campaigns")

    def handle(self, **options: Any) -> None:
        """Raises CommandError if the carrier gives too few answers."""
        owner: Organization | None = options["organization"]
        decisions: list[Decision] = []
        try:
            report = sync_campaigns(
                carrier=carrier_of(options["account"]),
                organization_id=None if owner is None else owner.id,
                dry_run=options["dry_run"],
                force=options["force"],
                on_decision=decisions.append if options["json"] else self._show,
            )
        except TooManyErrors as error:
            raise CommandError(f"{error} Run it again to continue.") from error
        except ReadingTaken as error:
            raise CommandError(str(error)) from error
        assert report is not None  # noqa: S101  (None is for those who name a time.)
        extent, unread = report.extent, report.unreadable
        asked = extent.compared + report.unknown + unread
        if options["json"]:
            rows = [_as_dict(decision) for decision in decisions]
            counts = {"asked": asked, "changed": report.changed, "left": report.left, "unreadable": unread}
            self.stdout.write(json.dumps({**counts, "excess": extent.excess, "campaigns": rows}))
        else:
            self.stdout.write(f"{asked:,} campaigns checked, {report.changed:,} changed")
            if unread:
                self.stdout.write(f"{unread:,} without an answer")
            if extent.excess is not None:
                self.stdout.write(f"Too much drift: {extent.excess}. Only --force records it.")
        if report.left and not options["dry_run"]:
            raise SystemExit(1)

    def _show(self, decision: Decision) -> None:
        status = decision.status.value if decision.status else "unknown to the carrier"
        line = f"{decision.name} ({decision.tcr_campaign_id}): {decision.before.value} here, {status}"
        self.stdout.write(line + (f"; left: {decision.reason}" if decision.reason else ""))


def _as_dict(decision: Decision) -> dict[str, Any]:
    return {
        "campaign_id": str(decision.campaign_id),
        "tcr_campaign_id": decision.tcr_campaign_id,
        "before": decision.before.value,
        "now": decision.status.value if decision.status else None,
        "reason": decision.reason,
    }
