"""Take a number out of service: its organization releases it, or the carrier no longer has it."""

from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.actors import Actor
from phone_numbers.models import AttachmentStatus, CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.assignment import moment_after, move_to_campaign
from phone_numbers.services.attach import check_phone_number
from phone_numbers.services.locking import lock_attached_phone_numbers, lock_phone_number
from phone_numbers.services.transitions import Cause, check_transition, log_transition

log = structlog.get_logger(__name__)

# A number that is on its way to the account is not there yet.
LOSABLE = Q(state__in=[NumberState.AVAILABLE, NumberState.ASSIGNED, NumberState.QUARANTINED])


def release_phone_number(
    *, organization_id: UUID, phone_number_id: UUID | None, actor: Actor, durable: bool = True
) -> PhoneNumber:
    """Put a number in quarantine and detach its campaign. It keeps its organization, to show who had it last.

    Args:
        durable: False in a transaction that the caller has opened.

    Raises:
        NotFound, NumberNotAssigned: Rules 5 and 6 of the attach.
    """
    with transaction.atomic(durable=durable):
        phone_number = check_phone_number(
            lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
        )
        if phone_number.campaign_id is None:
            phone_number.updated_at = moment_after(phone_number.updated_at)
        else:
            move_to_campaign(phone_number, campaign=None, actor=actor)
        phone_number.state = NumberState.QUARANTINED
        phone_number.save(update_fields=["state", "updated_at"])
    return phone_number


def record_loss(*, number: str, account: str) -> bool:
    """Make the account's number LOST, off its campaign, without anything to send. Return whether it was not already.

    The organization stays, to show who had it last; history names the account as the actor.
    """
    with transaction.atomic(durable=True):
        phone_number = lock_attached_phone_numbers(LOSABLE & Q(number=number, carrier=account)).first()
        if phone_number is None:
            return False
        phone_number.updated_at = moment_after(phone_number.updated_at)
        if phone_number.organization_id is not None:
            move_to_campaign(phone_number, campaign=None, actor=Actor.for_carrier(account))
            attachment_id = phone_number.current_attachment_id
            assert attachment_id is not None  # noqa: S101  (It has just been written.)
            check_transition(AttachmentStatus.PENDING, AttachmentStatus.PROPAGATED, Cause.LOSS)
            CampaignAttachment.objects.filter(id=attachment_id).update(
                status=AttachmentStatus.PROPAGATED, propagated_at=Now(), next_attempt_at=None
            )
            log_transition(
                attachment_id=attachment_id,
                outcome=AttachmentStatus.PROPAGATED,
                is_detach=True,
                request_id=None,
            )
        phone_number.state = NumberState.LOST
        phone_number.carrier_line_option_status = None
        phone_number.save(update_fields=["state", "carrier_line_option_status", "updated_at"])
    log.warning("phone_number.lost", number=number, account=account, phone_number_id=str(phone_number.id))
    return True
