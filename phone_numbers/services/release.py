"""Release a number: it leaves its organization's use, and the campaign with it."""

from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from agentmessage.errors import NotFound
from phone_numbers.errors import NumberNotAssigned
from phone_numbers.models import NumberState, PhoneNumber
from phone_numbers.services.assignment import moment_after, move_to_campaign
from phone_numbers.services.locking import lock_phone_number


def release_phone_number(*, organization_id: UUID, phone_number_id: UUID | None, actor: Actor) -> PhoneNumber:
    """The number, QUARANTINED and without a campaign. Its organization stays on it: who had it last is worth knowing.

    A campaign that was on it is taken off in the same transaction, with an entry of history, so that the carrier hears
    of it as of any other detach. Raises NotFound, NumberNotAssigned, as the attach does for its number.
    """
    with transaction.atomic(durable=True):
        phone_number = lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
        if phone_number is None:
            raise NotFound
        if not phone_number.is_assigned:
            raise NumberNotAssigned

        if phone_number.campaign_id is None:
            phone_number.updated_at = moment_after(phone_number.updated_at)
        else:
            move_to_campaign(phone_number, campaign=None, actor=actor)
        phone_number.state = NumberState.QUARANTINED
        phone_number.save(update_fields=["state", "updated_at"])
    return phone_number
