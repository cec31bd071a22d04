"""Write a change of campaign: the number's row and one attachment, which is both history and outbox.

The only two writers of history: one for a single number, one for many. No job is queued here. A worker finds an
attachment by its `next_attempt_at`, which is unset while the carrier has not decided on the campaign.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, connection
from psycopg.errors import ForeignKeyViolation

from accounts.actors import Actor
from agentmessage.db.prepared import fetch_one
from agentmessage.db.session import database_now
from agentmessage.errors import NotFound
from agentmessage.ids import uuid7
from campaigns.models import Campaign
from phone_numbers.models import AttachmentStatus, LineOptionStatus, NumberType, PhoneNumber
from phone_numbers.services.locking import array_literal

# One statement, and so one round trip. The foreign keys are checked when it ends. The times are those of the database's
# clock. If the row has a later time, from another clock, history stays in order but no attempt is delayed.
_MOVE_ONE = """
WITH attachment AS (
    INSERT INTO numbers_campaignattachment (
        id, organization_id, phone_number_id, carrier, campaign_id, previous_campaign_id,
        actor_kind, actor_id, request_id, reason, batch_id, created_at, status, attempts, next_attempt_at
    ) VALUES (
        %(id)s, %(organization_id)s, %(phone_number_id)s, %(carrier)s, %(campaign_id)s, %(previous_campaign_id)s,
        %(actor_kind)s, %(actor_id)s, %(request_id)s, %(reason)s, %(batch_id)s,
        greatest(statement_timestamp(), %(updated_at)s::timestamptz + interval '1 microsecond'),
        %(status)s, 0, CASE WHEN %(is_due)s THEN statement_timestamp() END
    )
    RETURNING created_at
)
UPDATE numbers_phonenumber
SET campaign_id = %(campaign_id)s,
    carrier_line_option_status = %(line_option_status)s,
    carrier_line_option_propagated_at = NULL,
    current_attachment_id = %(id)s,
    updated_at = attachment.created_at
FROM attachment
WHERE numbers_phonenumber.id = %(phone_number_id)s
RETURNING updated_at
"""
_COPY_MANY = """
COPY numbers_campaignattachment (
    id, organization_id, phone_number_id, carrier, campaign_id, previous_campaign_id,
    actor_kind, actor_id, request_id, reason, batch_id, created_at, status, attempts, next_attempt_at,
    propagated_at
) FROM STDIN (FORMAT BINARY)
"""
_MANY_TYPES = (
    "uuid", "uuid", "uuid", "varchar", "uuid", "uuid",
    "varchar", "varchar", "varchar", "varchar", "uuid", "timestamptz", "varchar", "int4", "timestamptz",
    "timestamptz",
)  # fmt: skip
_UPDATE_MANY = """
UPDATE numbers_phonenumber p
SET campaign_id = a.campaign_id,
    carrier_line_option_status = CASE
        WHEN a.campaign_id IS NULL THEN %(removing)s
        WHEN a.status = %(propagated)s THEN %(propagated)s
        ELSE %(pending)s
    END,
    carrier_line_option_propagated_at = a.propagated_at,
    current_attachment_id = a.id,
    updated_at = a.created_at
FROM numbers_campaignattachment a
WHERE a.id = ANY (%(attachment_ids)s::uuid[]) AND p.id = a.phone_number_id
"""

_CAMPAIGN_KEYS = {
    "numbers_campaignattachment_campaign_same_organization",
    "numbers_phonenumber_campaign_same_organization",
}


class CampaignDeleted(NotFound):
    """The campaign was deleted after it had been checked."""


@dataclass(frozen=True, slots=True)
class Move:
    """A change of one number's campaign, as one of many. None is no campaign."""

    organization_id: UUID
    phone_number_id: UUID
    number_type: str
    carrier: str
    previous_campaign_id: UUID | None
    campaign: Campaign | None
    # When the number's row changes, and from when on the carrier can be notified.
    at: datetime
    due_at: datetime
    # The carrier has the number on the campaign already, so it is not notified.
    is_propagated: bool = False
    attachment_id: UUID = field(default_factory=uuid7)


def move_to_campaign(phone_number: PhoneNumber, *, campaign: Campaign | None, actor: Actor) -> None:
    """Move one number to another campaign, or to none. The caller holds its lock and has checked the rules.

    Raises:
        CampaignDeleted: The campaign no longer exists. The transaction cannot go on.
    """
    assert phone_number.organization_id is not None  # noqa: S101  (Stock without an organization has no campaign.)
    attachment_id = uuid7()
    status = LineOptionStatus.REMOVING if campaign is None else LineOptionStatus.PENDING
    parameters = {
        "id": attachment_id,
        "organization_id": phone_number.organization_id,
        "phone_number_id": phone_number.id,
        "carrier": phone_number.carrier,
        "campaign_id": None if campaign is None else campaign.id,
        "previous_campaign_id": phone_number.campaign_id,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "request_id": actor.request_id,
        "reason": actor.reason,
        "batch_id": actor.batch_id,
        "updated_at": phone_number.updated_at,
        "status": AttachmentStatus.PENDING.value,
        "is_due": _is_due(campaign, phone_number.number_type),
        "line_option_status": status.value,
    }
    with _deleted_campaign_detected():
        row = fetch_one(_MOVE_ONE, parameters)
    assert row is not None  # noqa: S101  (The row is locked.)
    phone_number.campaign = campaign
    phone_number.carrier_line_option_status = status.value
    phone_number.carrier_line_option_propagated_at = None
    phone_number.current_attachment_id = attachment_id
    phone_number.updated_at = row[0]


def move_many(moves: Sequence[Move], *, actor: Actor) -> None:
    """Write many moves in two statements. The caller holds the locks, has checked the rules and moves a number once.

    Raises:
        CampaignDeleted: One of the campaigns no longer exists. The transaction cannot go on.
    """
    if not moves:
        return
    with _deleted_campaign_detected(), connection.cursor() as cursor:
        # History comes first: the numbers refer to it.
        with connection.wrap_database_errors, cursor.copy(_COPY_MANY) as copy:
            copy.set_types(_MANY_TYPES)
            for move in moves:
                copy.write_row(
                    (
                        move.attachment_id,
                        move.organization_id,
                        move.phone_number_id,
                        move.carrier,
                        None if move.campaign is None else move.campaign.id,
                        move.previous_campaign_id,
                        actor.kind.value,
                        actor.id,
                        actor.request_id,
                        actor.reason,
                        actor.batch_id,
                        move.at,
                        (AttachmentStatus.PROPAGATED if move.is_propagated else AttachmentStatus.PENDING).value,
                        0,
                        move.due_at if _is_due(move.campaign, move.number_type) and not move.is_propagated else None,
                        move.at if move.is_propagated else None,
                    )
                )
        cursor.execute(
            _UPDATE_MANY,
            {
                "removing": LineOptionStatus.REMOVING.value,
                "pending": LineOptionStatus.PENDING.value,
                "propagated": LineOptionStatus.PROPAGATED.value,
                "attachment_ids": array_literal(move.attachment_id for move in moves),
            },
        )


def moment_after(earlier: datetime, *, now: datetime | None = None) -> datetime:
    """Return the time, or a later one if `earlier` has not passed yet: the history of a number must be in order."""
    return max(now or database_now(), earlier + timedelta(microseconds=1))


def _is_due(campaign: Campaign | None, number_type: str) -> bool:
    """Return whether a worker can act now: the carrier may not have decided on the campaign yet.

    That number types other than local ones are not eligible, a worker finds without the carrier.
    """
    return campaign is None or not campaign.awaits_carrier or number_type != NumberType.LOCAL


@contextmanager
def _deleted_campaign_detected() -> Iterator[None]:
    """Turn the violation of a foreign key to the campaign into CampaignDeleted. The rules do not lock campaigns."""
    try:
        yield
    except IntegrityError as error:
        cause = error.__cause__
        if isinstance(cause, ForeignKeyViolation) and cause.diag.constraint_name in _CAMPAIGN_KEYS:
            raise CampaignDeleted from error
        raise
