"""`manage.py retry_propagation`: sends failed propagations again, many at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.db.models import F, QuerySet

from accounts.management.arguments import organization
from agentmessage.errors import DomainError, NotFailed
from agentmessage.ids import parse_uuid
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment
from phone_numbers.services.retry import retry_attachment

_SHOW_EVERY = 1000


class Command(BaseCommand):
    """Interrupted, it can be run again: what was sent is no longer failed."""

    help = "Send failed propagations to the carrier again, after the cause of the failures has been corrected."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", type=organization, metavar="SLUG", help="only of this organization")
        parser.add_argument("--campaign", metavar="ID", help="only attaches to this campaign")
        parser.add_argument("--code", choices=FailureCode.values, help="only failures with this code")
        parser.add_argument("--number", action="append", metavar="+1…", help="only this one; may be repeated")
        parser.add_argument("--dry-run", action="store_true", help="count the failures without retrying")

    def handle(self, **options: Any) -> None:
        """Raises CommandError for a --campaign that is not an ID."""
        failed = _failed(options)
        if options["dry_run"]:
            self.stdout.write(f"{failed.count():,} would be retried")
            return
        sent = left = 0
        for attachment_id, number in failed.values_list("id", "phone_number__number").iterator():
            try:
                retry_attachment(attachment_id=attachment_id)
            except NotFailed:
                # Another process retried it first.
                continue
            except (DomainError, OperationalError) as error:
                left += 1
                self.stderr.write(f"{number}: {error.message if isinstance(error, DomainError) else error}")
                continue
            sent += 1
            if sent % _SHOW_EVERY == 0 and options["verbosity"] > 0:
                self.stderr.write(f"{sent:,} …", style_func=str)
        self.stdout.write(f"{sent:,} retried")
        if left:
            raise CommandError(f"{left:,} could not be retried.")


def _failed(options: dict[str, Any]) -> QuerySet[CampaignAttachment]:
    failed = CampaignAttachment.objects.filter(
        status=AttachmentStatus.FAILED, phone_number__current_attachment_id=F("id")
    ).order_by("failure_code", "id")
    if owner := options["organization"]:
        failed = failed.filter(organization=owner)
    if text := options["campaign"]:
        campaign_id = parse_uuid(text)
        if campaign_id is None:
            raise CommandError("--campaign must be the id of a campaign.")
        failed = failed.filter(campaign_id=campaign_id)
    if code := options["code"]:
        failed = failed.filter(failure_code=code)
    if numbers := options["number"]:
        failed = failed.filter(phone_number__number__in=numbers)
    return failed
