"""Bulk attach, one transaction a batch."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from accounts.actors import Actor
from agentmessage.errors import DomainError, NotFound
from phone_numbers.models import PhoneNumber
from phone_numbers.services.bulk.judging import judge_campaigns, judge_rows
from phone_numbers.services.bulk.rows import UNCHANGED, Outcome, Row, RowResult
from phone_numbers.services.bulk.writing import write_moves
from phone_numbers.services.locking import lock_matching_phone_numbers, matching_phone_numbers

# What a judgement looks at.
_FIELDS = ("id", "number", "state", "campaign_id", "updated_at")


def bulk_attach(
    *,
    organization_id: UUID,
    rows: Sequence[Row],
    actor: Actor,
    dry_run: bool = False,
    atomic: bool = False,
    lock_seconds: float | None = None,
) -> list[RowResult]:
    """What becomes of each row: exactly what a series of single attaches would make of it, in one transaction.

    With `dry_run` nothing is locked or written. With `atomic` one row that fails or is busy leaves everything as it
    was: the rows that would have been attached are `unchanged` then. A row whose number another transaction holds is
    waited for as long as the connection's lock_timeout says, and then raises OperationalError; with `lock_seconds` it
    is waited for that long, and is `busy` then.
    """
    with transaction.atomic(durable=True):
        return apply_bulk_attach(
            organization_id=organization_id,
            rows=rows,
            actor=actor,
            dry_run=dry_run,
            atomic=atomic,
            lock_seconds=lock_seconds,
        )


def bulk_attach_to_campaign(
    *,
    organization_id: UUID,
    campaign_id: UUID | None,
    phone_number_ids: Sequence[UUID],
    actor: Actor,
    dry_run: bool = False,
    atomic: bool = False,
) -> list[RowResult]:
    """`bulk_attach` to one campaign, whose own rules (2 to 4) fail the whole call.

    Raises NotFound (also for `campaign_id` None, where the caller's id was no UUID), CampaignNotActive and
    BrandNotVerified.
    """
    with transaction.atomic(durable=True):
        if campaign_id is None:
            raise NotFound
        campaign = judge_campaigns({campaign_id}, organization_id=organization_id)[campaign_id]
        if isinstance(campaign, DomainError):
            raise campaign
        rows = [Row(phone_number_id, campaign.id) for phone_number_id in phone_number_ids]
        return apply_bulk_attach(
            organization_id=organization_id, rows=rows, actor=actor, dry_run=dry_run, atomic=atomic
        )


def apply_bulk_attach(
    *,
    organization_id: UUID,
    rows: Sequence[Row],
    actor: Actor,
    dry_run: bool = False,
    atomic: bool = False,
    lock_seconds: float | None = None,
) -> list[RowResult]:
    """`bulk_attach` inside a transaction that the caller has opened."""
    campaigns = judge_campaigns({row.campaign_id for row in rows}, organization_id=organization_id)
    asked = {row.phone_number for row in rows}
    busy: list[PhoneNumber] = []
    if dry_run:
        found = list(matching_phone_numbers(organization_id=organization_id, asked=asked).only(*_FIELDS))
    elif lock_seconds is None:
        found = list(lock_matching_phone_numbers(organization_id=organization_id, asked=asked).only(*_FIELDS))
    else:
        found, busy = _lock_what_is_free(organization_id, asked, lock_seconds)
    results, moves = judge_rows(rows, campaigns=campaigns, numbers=_by_name(found), busy=_by_name(busy).keys())
    if atomic and any(result.outcome in (Outcome.FAILED, Outcome.BUSY) for result in results):
        return [UNCHANGED if result.outcome == Outcome.ATTACHED else result for result in results]
    if not dry_run:
        write_moves(moves, organization_id=organization_id, actor=actor)
    return results


def _by_name(numbers: Sequence[PhoneNumber]) -> dict[UUID | str, PhoneNumber]:
    names: dict[UUID | str, PhoneNumber] = {}
    for number in numbers:
        names[number.id] = names[number.number] = number
    return names


def _lock_what_is_free(
    organization_id: UUID, asked: Collection[UUID | str], seconds: float
) -> tuple[list[PhoneNumber], list[PhoneNumber]]:
    """The numbers that could be locked within `seconds`, and those that somebody else still held then."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{max(1, round(seconds * 1000))}ms"])
            return list(lock_matching_phone_numbers(organization_id=organization_id, asked=asked).only(*_FIELDS)), []
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
    free = lock_matching_phone_numbers(organization_id=organization_id, asked=asked, skip_locked=True).only(*_FIELDS)
    locked = list(free)
    there = matching_phone_numbers(organization_id=organization_id, asked=asked).only(*_FIELDS)
    return locked, list(there.exclude(id__in=[number.id for number in locked]))
