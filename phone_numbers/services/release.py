"""Release a number from its organization."""

from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from phone_numbers.models import NumberState, PhoneNumber
from phone_numbers.services.assignment import move_to_campaign
from phone_numbers.services.attach import check_phone_number
from phone_numbers.services.clock import moment_after
from phone_numbers.services.locking import lock_phone_number


def release_phone_number(*, organization_id: UUID, phone_number_id: UUID | None, actor: Actor) -> PhoneNumber:
    """Put a number in quarantine and detach its campaign, in one transaction.

    The number keeps its organization, to show who had it last.

    Raises:
        NotFound, NumberNotAssigned: Rules 5 and 6 of the attach.
    """
    with transaction.atomic(durable=True):
        return apply_release(organization_id=organization_id, phone_number_id=phone_number_id, actor=actor)


def apply_release(*, organization_id: UUID, phone_number_id: UUID | None, actor: Actor) -> PhoneNumber:
    """Do what `release_phone_number` does, in a transaction that the caller has opened."""
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
