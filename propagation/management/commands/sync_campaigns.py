"""`manage.py sync_campaigns`: ask the carrier which campaigns it has approved."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.arguments import organization
from accounts.models import Organization
from carriers.base import CarrierRefused, CarrierUnavailable
from propagation.management.arguments import add_account
from propagation.services.calling import carrier_of
from propagation.services.sync import Decision, sync_campaigns


class Command(BaseCommand):
    """May be interrupted and run again."""

    help = "Ask the carrier which campaigns it has approved; the numbers that waited for it are then due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", type=organization, metavar="SLUG", help="only of this organization")
        add_account(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would change; nothing is written")
        parser.add_argument("--json", action="store_true", help="one object on standard output instead of words")

    def handle(self, **options: Any) -> None:
        """Raises CommandError if the carrier stays unavailable."""
        owner: Organization | None = options["organization"]
        decisions: list[Decision] = []
        try:
            for decision in sync_campaigns(
                carrier=carrier_of(options["account"]),
                organization_id=None if owner is None else owner.id,
                dry_run=options["dry_run"],
            ):
                decisions.append(decision)
                if not options["json"] and (decision.is_new or decision.status is None):
                    says = decision.status.value if decision.status else "unknown to the carrier"
                    name = f"{decision.campaign.name} ({decision.campaign.tcr_campaign_id})"
                    self.stdout.write(f"{name}: {decision.before.value} here, {says}")
        except (CarrierUnavailable, CarrierRefused) as error:
            raise CommandError(f"After {len(decisions):,} campaigns: {error} Run it again.") from error
        changed = [decision for decision in decisions if decision.is_new]
        if options["json"]:
            rows = [
                {
                    "campaign_id": str(decision.campaign.id),
                    "tcr_campaign_id": decision.campaign.tcr_campaign_id,
                    "before": decision.before.value,
                    "now": decision.status.value if decision.status else None,
                }
                for decision in decisions
                if decision.is_new or decision.status is None
            ]
            self.stdout.write(json.dumps({"asked": len(decisions), "changed": len(changed), "campaigns": rows}))
        else:
            self.stdout.write(f"{len(decisions):,} campaigns asked after, {len(changed):,} changed")
