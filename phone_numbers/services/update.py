"""Change a number's routing and label, and its campaign with them."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from accounts.actors import Actor
from agentmessage.errors import NotFound
from phone_numbers.models import PhoneNumber
from phone_numbers.services.assignment import moment_after
from phone_numbers.services.attach import apply_attach
from phone_numbers.services.locking import lock_phone_number


def update_phone_number(
    *,
    organization_id: UUID,
    phone_number_id: UUID,
    changes: Mapping[str, str | None],
    campaign_id: UUID | None,
    actor: Actor,
) -> PhoneNumber:
    """The number with `changes` (of `inbound_url`, `status_url`, `label`; None clears), all of it or nothing.

    A `campaign_id` is attached by the rules of `attach_campaign`, in the same transaction, and raises what that raises.
    Without one, a number that is not ASSIGNED is NotFound. What is there already changes nothing.
    """
    with transaction.atomic(durable=True):
        if campaign_id is not None:
            phone_number = apply_attach(
                organization_id=organization_id,
                phone_number_id=phone_number_id,
                campaign_id=campaign_id,
                actor=actor,
            )
        else:
            found = lock_phone_number(organization_id=organization_id, phone_number_id=phone_number_id)
            if found is None or not found.is_assigned:
                raise NotFound
            phone_number = found

        differing = [field for field, value in changes.items() if getattr(phone_number, field) != value]
        if differing:
            for field in differing:
                setattr(phone_number, field, changes[field])
            phone_number.updated_at = moment_after(phone_number.updated_at)
            phone_number.save(update_fields=[*differing, "updated_at"])
    return phone_number
