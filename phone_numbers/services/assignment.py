"""Write a change of campaign: the number's row and one attachment, which is both history and outbox.

The only two writers of history: one for a single number, one for many. No job is queued here. A worker finds an
attachment by its `next_attempt_at`, which is unset while the carrier has not decided on the campaign.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection
from psycopg.errors import ForeignKeyViolation

from accounts.actors import Actor
from agentmessage.db.prepared import fetch_one
from agentmessage.errors import NotFound
from agentmessage.ids import uuid7
from campaigns.models import Campaign
from phone_numbers.models import AttachmentStatus, LineOptionStatus, PhoneNumber
from phone_numbers.services.clock import moment_after
from phone_numbers.services.locking import array_literal

# The columns that an attachment starts with, and their types.
_COLUMNS = {
    "id": "uuid",
    "organization_id": "uuid",
    "phone_number_id": "uuid",
    "campaign_id": "uuid",
    "previous_campaign_id": "uuid",
    "actor_kind": "varchar",
    "actor_id": "varchar",
    "request_id": "varchar",
    "status": "varchar",
    "attempts": "int4",
    "created_at": "timestamptz",
    "next_attempt_at": "timestamptz",
}
# One statement, and so one round trip. The foreign keys are checked when it ends. The times are those of the database's
# clock. If the row has a later time, from another clock, history stays in order but no attempt is delayed.
_MOVE_ONE = """
WITH attachment AS (
    INSERT INTO numbers_campaignattachment (
        id, organization_id, phone_number_id, campaign_id, previous_campaign_id,
        actor_kind, actor_id, request_id, created_at, status, attempts, next_attempt_at
    ) VALUES (
        %(id)s, %(organization_id)s, %(phone_number_id)s, %(campaign_id)s, %(previous_campaign_id)s,
        %(actor_kind)s, %(actor_id)s, %(request_id)s,
        greatest(statement_timestamp(), %(updated_at)s::timestamptz + interval '1 microsecond'),
        %(status)s, %(attempts)s, CASE WHEN %(is_due)s THEN statement_timestamp() END
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
_COPY_MANY = f"COPY numbers_campaignattachment ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_UPDATE_MANY = """
UPDATE numbers_phonenumber p
SET campaign_id = a.campaign_id,
    carrier_line_option_status = CASE WHEN a.campaign_id IS NULL THEN %(removing)s ELSE %(pending)s END,
    carrier_line_option_propagated_at = NULL,
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
    """A change of one number's campaign. None is no campaign."""

    organization_id: UUID
    phone_number_id: UUID
    previous_campaign_id: UUID | None
    campaign: Campaign | None
    # When the number's row was last changed.
    updated_at: datetime
    attachment_id: UUID = field(default_factory=uuid7)

    @property
    def is_due(self) -> bool:
        """Return whether the carrier can be notified now. It may not have decided on the campaign yet."""
        return self.campaign is None or not self.campaign.awaits_carrier


def plan_move(phone_number: PhoneNumber, campaign: Campaign | None) -> Move:
    """Describe the move of a locked number to a campaign, or to none."""
    assert phone_number.organization_id is not None  # noqa: S101  (Stock without an organization has no campaign.)
    return Move(
        organization_id=phone_number.organization_id,
        phone_number_id=phone_number.id,
        previous_campaign_id=phone_number.campaign_id,
        campaign=campaign,
        updated_at=phone_number.updated_at,
    )


def move_to_campaign(phone_number: PhoneNumber, *, campaign: Campaign | None, actor: Actor) -> None:
    """Move one number to another campaign, or to none. The caller holds its lock and has checked the rules.

    Raises:
        CampaignDeleted: The campaign no longer exists. The transaction cannot go on.
    """
    move = plan_move(phone_number, campaign)
    status = LineOptionStatus.REMOVING if campaign is None else LineOptionStatus.PENDING
    times = {"updated_at": move.updated_at, "is_due": move.is_due}
    with _deleted_campaign_detected():
        row = fetch_one(_MOVE_ONE, _attachment(move, actor) | times | {"line_option_status": status.value})
    assert row is not None  # noqa: S101  (The row is locked.)
    phone_number.campaign = campaign
    phone_number.carrier_line_option_status = status.value
    phone_number.carrier_line_option_propagated_at = None
    phone_number.current_attachment_id = move.attachment_id
    phone_number.updated_at = row[0]


def move_many(moves: Sequence[Move], *, actor: Actor, now: datetime) -> None:
    """Write many moves in two statements. The caller holds the locks, has checked the rules and moves a number once.

    Args:
        now: The time by the database's clock.

    Raises:
        CampaignDeleted: One of the campaigns no longer exists. The transaction cannot go on.
    """
    with _deleted_campaign_detected(), connection.cursor() as cursor:
        # History comes first: the numbers refer to it.
        with connection.wrap_database_errors, cursor.copy(_COPY_MANY) as copy:
            copy.set_types(list(_COLUMNS.values()))
            for move in moves:
                times = {
                    "created_at": moment_after(move.updated_at, now=now),
                    "next_attempt_at": now if move.is_due else None,
                }
                copy.write_row(list((_attachment(move, actor) | times).values()))
        cursor.execute(
            _UPDATE_MANY,
            {
                "removing": LineOptionStatus.REMOVING.value,
                "pending": LineOptionStatus.PENDING.value,
                "attachment_ids": array_literal(move.attachment_id for move in moves),
            },
        )


def _attachment(move: Move, actor: Actor) -> dict[str, Any]:
    """Return the values of the columns, in their order, without the times."""
    return {
        "id": move.attachment_id,
        "organization_id": move.organization_id,
        "phone_number_id": move.phone_number_id,
        "campaign_id": None if move.campaign is None else move.campaign.id,
        "previous_campaign_id": move.previous_campaign_id,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "request_id": actor.request_id,
        "status": AttachmentStatus.PENDING.value,
        "attempts": 0,
    }


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
