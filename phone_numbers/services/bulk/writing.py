"""Writes many moves at once: one COPY into the history, one UPDATE of the numbers. The effects are those of
`phone_numbers.services.assignment`, and a property test holds the two together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from accounts.actors import Actor
from campaigns.models import Campaign
from phone_numbers.models import AttachmentStatus, LineOptionStatus
from phone_numbers.services.arrays import array_literal

_COPY_HISTORY = """
COPY numbers_campaignattachment (
    id, organization_id, phone_number_id, campaign_id, previous_campaign_id,
    actor_kind, actor_id, request_id, created_at, status, attempts, next_attempt_at
) FROM STDIN (FORMAT BINARY)
"""
_HISTORY_TYPES = (
    "uuid", "uuid", "uuid", "uuid", "uuid",
    "varchar", "varchar", "varchar", "timestamptz", "varchar", "int4", "timestamptz",
)  # fmt: skip

# What a number's row says is what its last entry says.
_UPDATE_NUMBERS = """
UPDATE numbers_phonenumber p
SET campaign_id = a.campaign_id,
    carrier_line_option_status = %s,
    carrier_line_option_propagated_at = NULL,
    current_attachment_id = a.id,
    updated_at = a.created_at
FROM numbers_campaignattachment a
WHERE a.id = ANY (%s::uuid[]) AND p.id = a.phone_number_id
"""


@dataclass(frozen=True, slots=True)
class Move:
    """One number that goes from one campaign to another."""

    attachment_id: UUID
    phone_number_id: UUID
    previous_campaign_id: UUID | None
    campaign: Campaign
    at: datetime


def write_moves(moves: Sequence[Move], *, organization_id: UUID, actor: Actor) -> None:
    """Writes them all in two statements. The caller holds the numbers' locks and has checked the rules.

    A number may move more than once; its row says where it went last.
    """
    if not moves:
        return
    with connection.cursor() as cursor:
        # History comes first: the numbers refer to it.
        with cursor.copy(_COPY_HISTORY) as copy:
            copy.set_types(_HISTORY_TYPES)
            for move in moves:
                copy.write_row(
                    (
                        move.attachment_id,
                        organization_id,
                        move.phone_number_id,
                        move.campaign.id,
                        move.previous_campaign_id,
                        actor.kind.value,
                        actor.id,
                        actor.request_id,
                        move.at,
                        AttachmentStatus.PENDING.value,
                        0,
                        None if move.campaign.awaits_carrier else move.at,
                    )
                )
        last = {move.phone_number_id: move.attachment_id for move in moves}
        cursor.execute(_UPDATE_NUMBERS, [LineOptionStatus.PENDING.value, array_literal(last.values())])
