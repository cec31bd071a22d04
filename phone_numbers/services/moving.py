"""What changes when a number changes campaign: its row and one entry of history, which is the outbox too."""

from datetime import UTC, datetime, timedelta

from accounts.actors import Actor
from campaigns.models import Campaign
from phone_numbers.models import CampaignAttachment, LineOptionStatus, PhoneNumber

MOVED_FIELDS = (
    "campaign",
    "carrier_line_option_status",
    "carrier_line_option_propagated_at",
    "current_attachment",
    "updated_at",
)


def move_to_campaign(phone_number: PhoneNumber, *, campaign: Campaign | None, actor: Actor) -> None:
    """Puts the locked number on another campaign, or on none, and writes it down.

    The caller holds the row's lock and has checked the rules. No job is queued: a worker finds the entry by its
    `next_attempt_at`, which is unset while the carrier has not decided on the campaign.
    """
    assert phone_number.organization_id is not None  # noqa: S101  (A number without an organization has no campaign to leave or take.)
    moved_at = moment_after(phone_number.updated_at)
    attachment = CampaignAttachment.objects.create(
        organization_id=phone_number.organization_id,
        phone_number_id=phone_number.id,
        campaign=campaign,
        previous_campaign_id=phone_number.campaign_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        request_id=actor.request_id,
        created_at=moved_at,
        next_attempt_at=None if campaign is not None and campaign.awaits_carrier else moved_at,
    )
    phone_number.campaign = campaign
    phone_number.carrier_line_option_status = (
        LineOptionStatus.REMOVING if campaign is None else LineOptionStatus.PENDING
    )
    phone_number.carrier_line_option_propagated_at = None
    phone_number.current_attachment = attachment
    phone_number.updated_at = moved_at
    phone_number.save(update_fields=MOVED_FIELDS)


def moment_after(earlier: datetime) -> datetime:
    """Now, but later than the row's last change even if another machine's clock runs ahead: history is in order."""
    return max(datetime.now(UTC), earlier + timedelta(microseconds=1))
