"""Attach campaigns to many numbers, or detach them: the rules of one number, in a fixed number of statements."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.actors import Actor
from agentmessage.db.session import allow_bulk_statements, waiting_for_lock
from agentmessage.errors import DomainError
from campaigns.models import Campaign
from campaigns.selectors import get_campaign_with_brand
from phone_numbers.models import PhoneNumber
from phone_numbers.services.assignment import CampaignDeleted, Move, moment_after, move_many
from phone_numbers.services.attach import CampaignRoom, check_campaign, check_number_type, check_phone_number
from phone_numbers.services.locking import (
    Seen,
    lock_free_phone_numbers,
    lock_matching_phone_numbers,
    matching_phone_numbers,
)


class Outcome(StrEnum):
    """What a bulk attach did with a row."""

    ATTACHED = "attached"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    # Another transaction held the number for longer than the caller waits. The row can be tried again.
    BUSY = "busy"
    # It would have been attached, but another row failed and the caller asked for all or nothing.
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Row:
    """A number, by ID or in the form in which it is stored, and the campaign to attach. None detaches.

    With `seen`, the row fails if the locked number is somewhere else.
    """

    phone_number: UUID | str
    campaign_id: UUID | None
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class RowResult:
    """The outcome of a row: why it failed, or the campaign that the number had before it was attached."""

    outcome: Outcome
    error: DomainError | None = None
    previous_campaign_id: UUID | None = None


UNCHANGED = RowResult(Outcome.UNCHANGED)
BUSY = RowResult(Outcome.BUSY)
ROLLED_BACK = RowResult(Outcome.ROLLED_BACK)


def bulk_attach(
    *,
    organization_id: UUID | None,
    rows: Sequence[Row],
    actor: Actor,
    lock_seconds: float,
    dry_run: bool = False,
    durable: bool = True,
) -> list[RowResult]:
    """Attach campaigns to numbers, in one transaction. The results are those of a series of single attaches.

    Args:
        organization_id: None: the numbers in stock, which fail by rule 6.
        rows: A number may occur again with the same campaign, but not with another one.
        lock_seconds: How long to wait for a number that another transaction holds, before its row is `busy`.
        dry_run: Return the same results, but lock and write nothing.
        durable: False in a transaction that the caller has opened.
    """
    # Each turn but the last finds a campaign that was deleted since, so this ends.
    while True:
        with suppress(CampaignDeleted), transaction.atomic(durable=durable):
            return _attach_rows(
                rows,
                organization_id=organization_id,
                campaigns=_check_campaigns({row.campaign_id for row in rows}, organization_id=organization_id),
                actor=actor,
                lock_seconds=lock_seconds,
                dry_run=dry_run,
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
    """Attach one campaign to numbers, in one transaction that waits for locks as a single attach does.

    Args:
        campaign_id: None for a malformed ID. It counts as rule 2.
        dry_run: Return the same results, but lock and write nothing.
        atomic: Write nothing if one row fails. The rows that would have been attached are `rolled_back` then.

    Raises:
        NotFound, CampaignNotActive, BrandNotVerified: The campaign's own rules (2 to 4), which fail the whole call.
    """
    with transaction.atomic(durable=True):
        campaign = check_campaign(
            get_campaign_with_brand(organization_id=organization_id, campaign_id=campaign_id) if campaign_id else None
        )
        return _attach_rows(
            [Row(phone_number_id, campaign.id) for phone_number_id in phone_number_ids],
            organization_id=organization_id,
            campaigns={campaign.id: campaign},
            actor=actor,
            dry_run=dry_run,
            atomic=atomic,
        )


def _check_campaigns(
    campaign_ids: set[UUID | None], *, organization_id: UUID | None
) -> dict[UUID | None, Campaign | DomainError | None]:
    """Read the campaigns in one statement. Return each one, or the first of rules 2 to 4 that it breaks."""
    named = {campaign_id for campaign_id in campaign_ids if campaign_id is not None}
    found = Campaign.objects.select_related("brand").filter(Q(organization_id=organization_id)).in_bulk(named)
    checked: dict[UUID | None, Campaign | DomainError | None] = {None: None}
    for campaign_id in named:
        try:
            checked[campaign_id] = check_campaign(found.get(campaign_id))
        except DomainError as error:
            checked[campaign_id] = error
    return checked


def _attach_rows(
    rows: Sequence[Row],
    *,
    organization_id: UUID | None,
    campaigns: Mapping[UUID | None, Campaign | DomainError | None],
    actor: Actor,
    lock_seconds: float | None = None,
    dry_run: bool = False,
    atomic: bool = False,
) -> list[RowResult]:
    allow_bulk_statements()
    names = {row.phone_number for row in rows}
    busy: list[PhoneNumber] = []
    if dry_run:
        found = list(matching_phone_numbers(organization_id=organization_id, names=names))
    elif lock_seconds is None:
        with waiting_for_lock():
            found = list(lock_matching_phone_numbers(organization_id=organization_id, names=names))
    else:
        found, busy = lock_free_phone_numbers(organization_id=organization_id, names=names, seconds=lock_seconds)

    results, moves = _check_rows(
        rows,
        organization_id=organization_id,
        campaigns=campaigns,
        numbers=_by_name(found),
        busy=_by_name(busy).keys(),
        dry_run=dry_run,
    )
    if atomic and any(result.outcome is Outcome.FAILED for result in results):
        undone = {
            row.phone_number for row, result in zip(rows, results, strict=True) if result.outcome is Outcome.ATTACHED
        }
        return [
            ROLLED_BACK if row.phone_number in undone else result for row, result in zip(rows, results, strict=True)
        ]
    if not dry_run:
        move_many(moves, actor=actor)
    return results


def _check_rows(
    rows: Sequence[Row],
    *,
    organization_id: UUID | None,
    campaigns: Mapping[UUID | None, Campaign | DomainError | None],
    numbers: Mapping[UUID | str, PhoneNumber],
    busy: Collection[UUID | str],
    dry_run: bool,
) -> tuple[list[RowResult], list[Move]]:
    """Return the outcome of each row, and the moves to write for it. Numbers and busy ones go by their names."""
    results: list[RowResult] = []
    moves: dict[UUID, Move] = {}
    room = CampaignRoom(
        [campaign for campaign in campaigns.values() if isinstance(campaign, Campaign)], lock=not dry_run
    )
    for row in rows:
        campaign = campaigns[row.campaign_id]
        if isinstance(campaign, DomainError):
            results.append(RowResult(Outcome.FAILED, campaign))
            continue
        if row.phone_number in busy:
            results.append(BUSY)
            continue
        try:
            found = numbers.get(row.phone_number)
            if row.seen is not None:
                row.seen.check(found)
            number = check_phone_number(found)
            if campaign is not None:
                check_number_type(number)
                if number.campaign_id != campaign.id:
                    room.move(number, campaign)
        except DomainError as error:
            results.append(RowResult(Outcome.FAILED, error))
            continue
        campaign_id = None if campaign is None else campaign.id
        if number.campaign_id == campaign_id:
            results.append(UNCHANGED)
            continue
        if number.id in moves:
            raise ValueError(f"{row.phone_number} occurs with two campaigns")
        assert organization_id is not None  # noqa: S101  (A number in stock is not assigned.)
        now: datetime = number.read_at  # type: ignore[attr-defined]  # Annotated by matching_phone_numbers.
        moves[number.id] = Move(
            organization_id=organization_id,
            phone_number_id=number.id,
            number_type=number.number_type,
            carrier=number.carrier,
            previous_campaign_id=number.campaign_id,
            campaign=campaign,
            at=moment_after(number.updated_at, now=now),
            due_at=now,
        )
        results.append(RowResult(Outcome.ATTACHED, previous_campaign_id=number.campaign_id))
        number.campaign_id = campaign_id
    return results, list(moves.values())


def _by_name(numbers: Sequence[PhoneNumber]) -> dict[UUID | str, PhoneNumber]:
    names: dict[UUID | str, PhoneNumber] = {}
    for number in numbers:
        names[number.id] = names[number.number] = number
    return names
