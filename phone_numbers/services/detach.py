"""Take a number off its campaign."""

from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from agentmessage.errors import NotFound
from phone_numbers.errors import NumberNotAssigned
from phone_numbers.models import PhoneNumber
from phone_numbers.services.assignment import move_to_campaign
from phone_numbers.services.locking import lock_phone_number


def detach_campaign(*, organization_id: UUID, phone_number_id: UUID, actor: Actor) -> PhoneNumber:
    """The number without a campaign. One that had none stays as it is; the carrier is told afterwards.

    Raises NotFound, NumberNotAssigned.
    """
    with transaction.atomic(durable=True):
        phone_number = lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
        if phone_number is None:
            raise NotFound
        if not phone_number.is_assigned:
            raise NumberNotAssigned

        if phone_number.campaign_id is not None:
            move_to_campaign(phone_number, campaign=None, actor=actor)
    return phone_number
