"""The one place where rows of phone numbers are locked, so that the order of locks is decided once.

FOR NO KEY UPDATE, Django's `select_for_update(no_key=True)`: no writer here changes a key, and a history row that
refers to the number is not held up.
"""

from collections.abc import Callable, Collection
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from agentmessage.db.prepared import fetch_one, instance, select
from phone_numbers.models import PhoneNumber
from phone_numbers.services.arrays import TextEqualsAny, UuidEqualsAny, array_literal

# Called with a locked number before it is changed; raises unless the number is in the state that the caller expects.
Precondition = Callable[[PhoneNumber], None]

_LOCK_ONE = select(PhoneNumber, "organization_id = %s AND id = %s FOR NO KEY UPDATE")


def matching_phone_numbers(*, organization_id: UUID, asked: Collection[UUID | str]) -> QuerySet[PhoneNumber]:
    """The organization's numbers that are asked for, by id or in the form in which they are stored. Not locked."""
    ids = [name for name in asked if isinstance(name, UUID)]
    numbers = [name for name in asked if isinstance(name, str)]
    by_id, by_number = UuidEqualsAny(F("id"), array_literal(ids)), TextEqualsAny(F("number"), array_literal(numbers))
    condition = by_id if not numbers else by_number if not ids else Q(by_id) | Q(by_number)
    # The database's clock comes with the rows, which saves a statement.
    return PhoneNumber.objects.filter(condition, organization_id=organization_id).annotate(read_at=Now())


def lock_matching_phone_numbers(
    *, organization_id: UUID, asked: Collection[UUID | str], skip_locked: bool = False
) -> QuerySet[PhoneNumber]:
    """The same, locked in the order of their ids until the transaction ends.

    With `skip_locked` without those that another transaction holds. Only the numbers are locked (`of=self`), in one
    order everywhere, so that two callers never wait for each other.
    """
    matching = matching_phone_numbers(organization_id=organization_id, asked=asked)
    return matching.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked).order_by("id")


def lock_phone_number(*, organization_id: UUID, phone_number_id: UUID | None) -> PhoneNumber | None:
    """The organization's number, locked until the transaction ends; None if it has no such number."""
    if phone_number_id is None:
        return None
    row = fetch_one(_LOCK_ONE, [organization_id, phone_number_id])
    return None if row is None else instance(PhoneNumber, row)


def lock_attached_phone_numbers(condition: Q, *, skip_locked: bool = False) -> QuerySet[PhoneNumber]:
    """Return the numbers whose `attachments` match, of any organization, locked in the order of their IDs.

    With `skip_locked`, without those that another transaction holds.
    """
    numbers = PhoneNumber.objects.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked)
    return numbers.filter(condition).order_by("id")
