"""What /v1 shows of numbers and their attachments.

Built by hand: a serializer takes seventy times as long for a page of a hundred.
"""

from typing import Any
from uuid import UUID

from phone_numbers.failures import remedy_of
from phone_numbers.models import AttachmentStatus, CampaignAttachment, PhoneNumber
from phone_numbers.queries import SHOWN

_OPEN = (AttachmentStatus.PENDING, AttachmentStatus.SUBMITTED)


def render_phone_number(phone_number: PhoneNumber) -> dict[str, Any]:
    """The thirteen keys of the contract, and no others."""
    return {name: getattr(phone_number, name) for name in SHOWN}


def render_standing(phone_number: PhoneNumber) -> dict[str, Any]:
    """Where the number's attachment stands. All null where there is nothing for the carrier to know."""
    attachment = phone_number.current_attachment
    # Of a number that came from another organization, the last entry may still be that one's.
    if attachment is None or attachment.organization_id != phone_number.organization_id:
        return dict.fromkeys(_STANDING) | {"attempts": 0}
    return {
        "campaign_id": phone_number.campaign_id,
        "status": phone_number.carrier_line_option_status,
        "attached_at": attachment.created_at if attachment.campaign_id else None,
        "submitted_at": attachment.submitted_at,
        "propagated_at": attachment.propagated_at,
        "attempts": attachment.attempts,
        "next_attempt_at": attachment.next_attempt_at,
        "failure": render_failure(attachment, is_current=True),
    }


_STANDING = (
    "campaign_id",
    "status",
    "attached_at",
    "submitted_at",
    "propagated_at",
    "attempts",
    "next_attempt_at",
    "failure",
)


def render_entry(attachment: CampaignAttachment, *, current_id: UUID | None) -> dict[str, Any]:
    """One entry of history. One that was overtaken before the carrier's side had ended is `superseded`."""
    overtaken = attachment.id != current_id and attachment.status in _OPEN
    return {
        "id": attachment.id,
        "campaign_id": attachment.campaign_id,
        "previous_campaign_id": attachment.previous_campaign_id,
        "actor": {"kind": attachment.actor_kind, "id": attachment.actor_id},
        "request_id": attachment.request_id,
        "created_at": attachment.created_at,
        "status": AttachmentStatus.SUPERSEDED.value if overtaken else attachment.status,
        "propagated_at": attachment.propagated_at,
        "failure": render_failure(attachment, is_current=attachment.id == current_id),
    }


def render_failure(attachment: CampaignAttachment, *, is_current: bool) -> dict[str, Any] | None:
    """Why the carrier's side failed, in words, and what to do."""
    if attachment.failure_code is None:
        return None
    has_failed = attachment.status == AttachmentStatus.FAILED
    remedy = remedy_of(attachment.failure_code, has_failed=has_failed, is_current=is_current)
    return {
        "code": attachment.failure_code,
        "carrier_code": attachment.failure_carrier_code,
        "message": attachment.failure_message,
        "retried_automatically": remedy.retried_automatically,
        "can_retry": remedy.can_retry,
        "resolution": remedy.resolution,
    }
