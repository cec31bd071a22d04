"""Lock rows of phone numbers. Every lock on a number is taken here, so that their order is decided in one place.

The locks are FOR NO KEY UPDATE: no writer changes a key, so a history row that refers to the number need not wait.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Lookup, Q, QuerySet, UUIDField
from django.db.models.functions import Now
from django.db.models.sql.compiler import SQLCompiler
from psycopg.errors import LockNotAvailable

from agentmessage.db.prepared import CompiledQueryset, Param
from agentmessage.db.session import set_timeout, waiting_for_lock
from agentmessage.errors import ChangedMeanwhile
from phone_numbers.models import PhoneNumber

# Called with a locked number before it is changed; raises unless the number is in the state that the caller expects.
Precondition = Callable[[PhoneNumber], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a person saw a number, in the organization in which it is looked up, when they confirmed its change."""

    campaign_id: UUID | None
    # The attachment that was current: the number has not been moved since, not even away and back.
    attachment_id: UUID | None = None

    def check(self, phone_number: PhoneNumber | None) -> None:
        """Raise ChangedMeanwhile unless the locked number is still there. None is a number that has left."""
        if phone_number is None or phone_number.campaign_id != self.campaign_id:
            raise ChangedMeanwhile
        if self.attachment_id not in (None, phone_number.current_attachment_id):
            raise ChangedMeanwhile


def _lock_one(*, skip_locked: bool) -> CompiledQueryset[PhoneNumber]:
    return CompiledQueryset(
        lambda: (
            PhoneNumber.objects.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked)
            .filter(organization_id=Param("organization_id", UUIDField()), id=Param("phone_number_id", UUIDField()))
            .order_by()
        )
    )


_LOCK_FREE, _LOCK = _lock_one(skip_locked=True), _lock_one(skip_locked=False)
# What the rules and a move read of a number.
_BULK_FIELDS = ("id", "number", "number_type", "state", "carrier", "campaign_id", "current_attachment_id", "updated_at")


def lock_phone_number(*, organization_id: UUID, phone_number_id: UUID | None) -> PhoneNumber | None:
    """Lock the organization's number until the transaction ends. Return None if there is no such number.

    Only one that is missing or held by another transaction costs a second statement.
    """
    if phone_number_id is None:
        return None
    free = _LOCK_FREE.first(organization_id=organization_id, phone_number_id=phone_number_id)
    if free is not None:
        return free
    with waiting_for_lock():
        return _LOCK.first(organization_id=organization_id, phone_number_id=phone_number_id)


def matching_phone_numbers(*, organization_id: UUID | None, names: Collection[UUID | str]) -> QuerySet[PhoneNumber]:
    """Return the organization's numbers with these IDs, or with these numbers as they are stored. Not locked.

    No organization means the numbers in stock. Each has `read_at`, the time by the database's clock.
    """
    ids = [name for name in names if isinstance(name, UUID)]
    numbers = [name for name in names if isinstance(name, str)]
    by_id, by_number = _EqualsAny(F("id"), array_literal(ids)), _EqualsAny(F("number"), array_literal(numbers))
    condition = by_id if not numbers else by_number if not ids else Q(by_id) | Q(by_number)
    matching = PhoneNumber.objects.filter(condition, Q(organization_id=organization_id))
    # The time comes with the rows, which saves a statement.
    return matching.annotate(read_at=Now()).only(*_BULK_FIELDS)


def lock_matching_phone_numbers(
    *, organization_id: UUID | None, names: Collection[UUID | str], skip_locked: bool = False
) -> QuerySet[PhoneNumber]:
    """Return the same numbers, locked until the transaction ends; with `skip_locked`, those that are free.

    The order by ID is the same everywhere, so that two callers cannot deadlock.
    """
    matching = matching_phone_numbers(organization_id=organization_id, names=names)
    return matching.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked).order_by("id")


def lock_free_phone_numbers(
    *, organization_id: UUID | None, names: Collection[UUID | str], seconds: float
) -> tuple[list[PhoneNumber], list[PhoneNumber]]:
    """Lock the matching numbers, and wait at most `seconds` for those that another transaction holds.

    Returns:
        The locked numbers, and those that were still held.
    """
    try:
        with transaction.atomic():
            set_timeout("lock_timeout", seconds)
            return list(lock_matching_phone_numbers(organization_id=organization_id, names=names)), []
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
    locked = list(lock_matching_phone_numbers(organization_id=organization_id, names=names, skip_locked=True))
    matching = matching_phone_numbers(organization_id=organization_id, names=names)
    return locked, list(matching.exclude(id__in=[number.id for number in locked]))


def lock_attached_phone_numbers(condition: Q, *, skip_locked: bool = False) -> QuerySet[PhoneNumber]:
    """Return the numbers that match, as their `attachments` may, of any organization, locked in the order of their IDs.

    With `skip_locked`, without those that another transaction holds.
    """
    numbers = PhoneNumber.objects.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked)
    return numbers.filter(condition).order_by("id")


def array_literal(elements: Iterable[UUID | str]) -> str:
    """Write a PostgreSQL array as one parameter: psycopg takes longer for an array's elements than the query does.

    The elements have no comma, quote, brace, backslash or white space: IDs and phone numbers.
    """
    return "{" + ",".join(map(str, elements)) + "}"


class _EqualsAny(Lookup):  # type: ignore[type-arg]  # Django cannot be subscripted here when it runs.
    """`column = ANY (array)`, which uses the column's index whatever the planner's statistics say."""

    lookup_name = "equals_any"
    prepare_rhs = False
    output_field = BooleanField()

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[str | int]]:
        """Write the condition."""
        column, parameters = self.process_lhs(compiler, connection)
        element = "uuid" if isinstance(self.lhs.output_field, UUIDField) else "text"
        return f"{column} = ANY (%s::{element}[])", [*parameters, self.rhs]
