"""Send an attach or detach to the carrier again."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest, Now

from agentmessage.errors import NotFailed
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, PhoneNumber
from phone_numbers.services.attach import check_phone_number
from phone_numbers.services.locking import lock_attached_phone_numbers, lock_phone_number
from phone_numbers.services.transitions import Cause, check_transition, log_transition

# An attachment that is due again: its attempts are counted from now on, and it has no failure.
RESUMED: Mapping[str, Any] = {
    "status": AttachmentStatus.PENDING,
    "attempts": 0,
    "next_attempt_at": Now(),
    "resumed_at": Now(),
    "failure_code": None,
    "failure_carrier_code": None,
    "failure_message": None,
    "carrier_steps": None,
}


def retry_propagation(*, organization_id: UUID, phone_number_id: UUID | None) -> PhoneNumber:
    """Make the failed propagation of a tenant's number due again, with all its attempts before it.

    Raises NotFound, NumberNotAssigned, NotFailed. What belonged to a former tenant of the number is NotFailed.
    """
    with transaction.atomic(durable=True):
        phone_number = check_phone_number(
            lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
        )
        attachment = phone_number.current_attachment
        if (
            attachment is None
            or attachment.organization_id != organization_id
            or attachment.status != AttachmentStatus.FAILED
        ):
            raise NotFailed
        requeue(phone_number, cause=Cause.RETRY)
    return phone_number


def retry_attachment(*, attachment_id: UUID, durable: bool = True) -> None:
    """Make a failed attachment due again, for operators: wherever its number is now, in stock or with another tenant.

    Args:
        durable: False in a transaction that the caller has opened.

    Raises:
        NotFailed: It has not failed, or the number has been moved since.
    """
    with transaction.atomic(durable=durable):
        phone_number = lock_attached_phone_numbers(Q(attachments__id=attachment_id)).first()
        if phone_number is None or not can_retry(phone_number, attachment_id=attachment_id):
            raise NotFailed
        requeue(phone_number, cause=Cause.RETRY)


def can_retry(phone_number: PhoneNumber, *, attachment_id: UUID | None) -> bool:
    """Whether this attachment is the number's current one and has failed."""
    attachment = phone_number.current_attachment
    return attachment is not None and attachment.id == attachment_id and attachment.status == AttachmentStatus.FAILED


def requeue(phone_number: PhoneNumber, *, cause: Cause) -> None:
    """Make the current attachment of a locked number due, as if it had just been recorded.

    Raises ForbiddenTransition if `cause` may not do that.
    """
    attachment = phone_number.current_attachment
    assert attachment is not None  # noqa: S101  (The callers have seen its status.)
    check_transition(attachment.status, AttachmentStatus.PENDING, cause)
    CampaignAttachment.objects.filter(id=attachment.id).update(**RESUMED, propagated_at=None)
    is_detach = attachment.campaign_id is None
    if phone_number.organization_id in (None, attachment.organization_id):
        PhoneNumber.objects.filter(id=phone_number.id).update(
            carrier_line_option_status=LineOptionStatus.REMOVING if is_detach else LineOptionStatus.PENDING,
            carrier_line_option_propagated_at=None,
            updated_at=Greatest(Now(), F("updated_at") + timedelta(microseconds=1)),
        )
    phone_number.refresh_from_db()
    log_transition(
        attachment_id=attachment.id,
        outcome=AttachmentStatus.PENDING,
        is_detach=is_detach,
        request_id=attachment.request_id,
    )
