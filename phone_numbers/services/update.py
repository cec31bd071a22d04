"""Change the label and the URLs of a number, and its campaign with them."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from agentmessage.errors import NotFound
from phone_numbers.models import PhoneNumber
from phone_numbers.services.assignment import moment_after
from phone_numbers.services.attach import attach_campaign
from phone_numbers.services.locking import Precondition, lock_phone_number


def update_phone_number(
    *,
    organization_id: UUID,
    phone_number_id: UUID,
    changes: Mapping[str, str | None],
    campaign_id: UUID | None,
    actor: Actor,
    precondition: Precondition | None = None,
) -> PhoneNumber:
    """Apply all changes or none. Values that are stored already change nothing.

    Args:
        changes: New values of `inbound_url`, `status_url` and `label`. None clears.
        campaign_id: A campaign to attach by the rules of `attach_campaign`. None leaves the campaign alone.
        precondition: Called with the locked number before it changes. What it raises refuses the update.

    Raises:
        NotFound: There is no such number, or no campaign is given and the number is not ASSIGNED.
        DomainError: As `attach_campaign`, if a campaign is given.
    """
    with transaction.atomic(durable=True):
        if campaign_id is not None:
            phone_number = attach_campaign(
                organization_id=organization_id,
                phone_number_id=phone_number_id,
                campaign_id=campaign_id,
                actor=actor,
                precondition=precondition,
                durable=False,
            )
        else:
            locked = lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
            if locked is None or not locked.is_assigned:
                raise NotFound
            phone_number = locked
            if precondition is not None:
                precondition(phone_number)

        differing = [field for field, value in changes.items() if getattr(phone_number, field) != value]
        if differing:
            for field in differing:
                setattr(phone_number, field, changes[field])
            phone_number.updated_at = moment_after(phone_number.updated_at)
            phone_number.save(update_fields=[*differing, "updated_at"])
    return phone_number
