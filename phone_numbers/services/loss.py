"""Record that a number is gone at the carrier: ported out or disconnected."""

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.actors import Actor
from phone_numbers.models import AttachmentStatus, CampaignAttachment, NumberState
from phone_numbers.services.assignment import move_to_campaign
from phone_numbers.services.clock import moment_after
from phone_numbers.services.locking import lock_attached_phone_numbers
from phone_numbers.services.transitions import Cause, check_transition, log_transition

log = structlog.get_logger(__name__)

# A number that is on its way to the account is not there yet.
LOSABLE = Q(state__in=[NumberState.AVAILABLE, NumberState.ASSIGNED, NumberState.QUARANTINED])


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
