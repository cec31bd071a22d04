"""Send an attach or detach to the carrier again."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from agentmessage.errors import NotFound
from phone_numbers.errors import NotFailed, NumberNotAssigned
from phone_numbers.models import AttachmentStatus, LineOptionStatus, PhoneNumber
from phone_numbers.services.assignment import moment_after
from phone_numbers.services.locking import lock_phone_number


def retry_propagation(
    *, organization_id: UUID, phone_number_id: UUID | None, released_too: bool = False
) -> PhoneNumber:
    """Make the failed propagation of a number due again, with all its attempts before it.

    `released_too` includes numbers that are no longer assigned, for operators.
    Raises NotFound, NumberNotAssigned, NotFailed.
    """
    with transaction.atomic(durable=True):
        phone_number = lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
        if phone_number is None:
            raise NotFound
        if not phone_number.is_assigned and not released_too:
            raise NumberNotAssigned
        attachment = phone_number.current_attachment
        if attachment is None or attachment.status != AttachmentStatus.FAILED:
            raise NotFailed
        requeue(phone_number)
    return phone_number


def requeue(phone_number: PhoneNumber) -> None:
    """Make the current attachment of a locked number due, as if it had just been recorded."""
    attachment = phone_number.current_attachment
    assert attachment is not None  # noqa: S101  (The callers have seen its status.)
    attachment.status = AttachmentStatus.PENDING
    attachment.attempts = 0
    attachment.next_attempt_at = timezone.now()
    attachment.propagated_at = None
    attachment.failure_code = attachment.failure_carrier_code = attachment.failure_message = None
    attachment.save(
        update_fields=[
            "status", "attempts", "next_attempt_at", "propagated_at",
            "failure_code", "failure_carrier_code", "failure_message",
        ]
    )  # fmt: skip
    phone_number.carrier_line_option_status = (
        LineOptionStatus.REMOVING if attachment.campaign_id is None else LineOptionStatus.PENDING
    )
    phone_number.carrier_line_option_propagated_at = None
    phone_number.updated_at = moment_after(phone_number.updated_at)
    phone_number.save(update_fields=["carrier_line_option_status", "carrier_line_option_propagated_at", "updated_at"])
