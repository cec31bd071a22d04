"""What changes when a number changes campaign: its row and one entry of history, which is the outbox too."""

from accounts.actors import Actor
from agentmessage.db.prepared import fetch_one
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
# Both in one statement, and so in one round trip. The foreign keys are looked at when it ends. The times are those of
# the database's clock; a time that is later than that, from another clock, moves the history on but delays no attempt.
_MOVE = """
WITH entry AS (
    INSERT INTO numbers_campaignattachment (
        id, organization_id, phone_number_id, campaign_id, previous_campaign_id,
        actor_kind, actor_id, request_id, created_at, status, attempts, next_attempt_at
    ) VALUES (
        %s, %s, %s, %s, %s, %s, %s, %s, greatest(statement_timestamp(), %s::timestamptz + interval '1 microsecond'),
        %s, 0, CASE WHEN %s THEN statement_timestamp() END
    )
    RETURNING created_at
)
UPDATE numbers_phonenumber
SET campaign_id = %s, carrier_line_option_status = %s, carrier_line_option_propagated_at = NULL,
    current_attachment_id = %s, updated_at = entry.created_at
FROM entry
WHERE numbers_phonenumber.id = %s
RETURNING updated_at
"""


def move_to_campaign(phone_number: PhoneNumber, *, campaign: Campaign | None, actor: Actor) -> None:
    """Puts the locked number on another campaign, or on none, and writes it down.

    The caller holds the row's lock and has checked the rules. No job is queued: a worker finds the entry by its
    `next_attempt_at`, which is unset while the carrier has not decided on the campaign.
    """
    assert phone_number.organization_id is not None  # noqa: S101  (A number without an organization has no campaign to leave or take.)
    entry_id = uuid7()
    campaign_id = None if campaign is None else campaign.id
    status = LineOptionStatus.REMOVING if campaign is None else LineOptionStatus.PENDING
    is_due = campaign is None or not campaign.awaits_carrier
    row = fetch_one(
        _MOVE,
        [
            *(entry_id, phone_number.organization_id, phone_number.id, campaign_id, phone_number.campaign_id),
            *(actor.kind.value, actor.id, actor.request_id, phone_number.updated_at),
            *(AttachmentStatus.PENDING.value, is_due, campaign_id, status.value, entry_id, phone_number.id),
        ],
    )
    assert row is not None  # noqa: S101  (The row is locked.)
    phone_number.campaign = campaign
    phone_number.carrier_line_option_status = status.value
    phone_number.carrier_line_option_propagated_at = None
    phone_number.current_attachment_id = entry_id
    phone_number.updated_at = row[0]
