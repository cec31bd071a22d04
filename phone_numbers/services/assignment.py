"""What changes when a number changes campaign: its row and one entry of history, which is the outbox too."""

from datetime import UTC, datetime, timedelta

from accounts.actors import Actor
from agentmessage.database.statements import run
from agentmessage.ids import uuid7
from campaigns.models import Campaign
from phone_numbers.models import AttachmentStatus, LineOptionStatus, PhoneNumber

# What of the number's row changes when it moves.
MOVED_FIELDS = (
    "campaign",
    "carrier_line_option_status",
    "carrier_line_option_propagated_at",
    "current_attachment",
    "updated_at",
)
# Both in one statement, and so in one round trip. The foreign keys are looked at when it ends.
_MOVE = """
WITH entry AS (
    INSERT INTO numbers_campaignattachment (
        id, organization_id, phone_number_id, campaign_id, previous_campaign_id,
        actor_kind, actor_id, request_id, created_at, status, attempts, next_attempt_at
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, %s)
)
UPDATE numbers_phonenumber
SET campaign_id = %s, carrier_line_option_status = %s, carrier_line_option_propagated_at = NULL,
    current_attachment_id = %s, updated_at = %s
WHERE id = %s
"""


def move_to_campaign(phone_number: PhoneNumber, *, campaign: Campaign | None, actor: Actor) -> None:
    """Puts the locked number on another campaign, or on none, and writes it down.

    The caller holds the row's lock and has checked the rules. No job is queued: a worker finds the entry by its
    `next_attempt_at`, which is unset while the carrier has not decided on the campaign.
    """
    assert phone_number.organization_id is not None  # noqa: S101  (A number without an organization has no campaign to leave or take.)
    moved_at = moment_after(phone_number.updated_at)
    entry_id = uuid7()
    campaign_id = None if campaign is None else campaign.id
    status = LineOptionStatus.REMOVING if campaign is None else LineOptionStatus.PENDING
    due_at = None if campaign is not None and campaign.awaits_carrier else moved_at
    run(
        _MOVE,
        [
            *(entry_id, phone_number.organization_id, phone_number.id, campaign_id, phone_number.campaign_id),
            *(actor.kind.value, actor.id, actor.request_id, moved_at, AttachmentStatus.PENDING.value, due_at),
            *(campaign_id, status.value, entry_id, moved_at, phone_number.id),
        ],
    )
    phone_number.campaign = campaign
    phone_number.carrier_line_option_status = status.value
    phone_number.carrier_line_option_propagated_at = None
    phone_number.current_attachment_id = entry_id
    phone_number.updated_at = moved_at


def moment_after(earlier: datetime) -> datetime:
    """Now, but later than the row's last change even if another machine's clock runs ahead: history is in order."""
    return max(datetime.now(UTC), earlier + timedelta(microseconds=1))
