"""Bulk operations of operators: freeze what was chosen, preview it, and run what was confirmed, batch by batch.

A batch writes its moves, its outcomes and the progress in one transaction. So an operation can be interrupted at any
moment, and the next batch goes on from there.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, UUIDField, Value, Window
from django.db.models.functions import Cast, Collate, Now, RowNumber

from accounts.actors import Actor
from accounts.models import Operator
from agentmessage.errors import DomainError, NotFailed, NumberNotAssigned, ValidationFailed
from campaigns.models import Campaign
from phone_numbers.bulk_operations import (
    BulkAction,
    BulkOperation,
    BulkOperationRow,
    BulkPhase,
    RowOutcome,
)
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.attach import check_phone_number
from phone_numbers.services.bulk_attach import Outcome, Row, bulk_attach
from phone_numbers.services.locking import Seen, lock_free_phone_numbers, matching_phone_numbers
from phone_numbers.services.move_warnings import MoveWarnings
from phone_numbers.services.operator_jobs import change, in_phase, run_next
from phone_numbers.services.release import release_phone_number
from phone_numbers.services.retry import can_retry, retry_attachment

# Freezing as many takes less than a second of a web thread. More is for `manage.py attach_campaign`.
MAX_ROWS = 100_000
# A batch takes well under a second, which is how often progress is shown and how long a stopping worker waits.
_BATCH = 1_000

_FREEZE = """
INSERT INTO numbers_bulkoperationrow (
    operation_id, position, phone_number_id, number, organization_id, campaign_id, attachment_id, target_id,
    outcome, code
)
SELECT %s, chosen.*, '', '' FROM ({chosen}) AS chosen
"""
_OUTCOMES = {
    Outcome.ATTACHED: RowOutcome.CHANGED,
    Outcome.UNCHANGED: RowOutcome.UNCHANGED,
    Outcome.FAILED: RowOutcome.FAILED,
    Outcome.BUSY: RowOutcome.BUSY,
}

Results = dict[int, tuple[RowOutcome, str]]
"""The outcome of each row and the code of its failure, by the row's position."""


def freeze_operation(*, operator: Operator, action: BulkAction, chosen: QuerySet[PhoneNumber]) -> BulkOperation:
    """Record an operation and its numbers, with the organization and campaign that each has now.

    Raises:
        ValidationFailed: The action is not possible for these numbers.
    """
    if (count := chosen.count()) > MAX_ROWS:
        raise ValidationFailed(
            f"{count:,} numbers are more than one operation takes: manage.py attach_campaign takes any number."
        )
    if not count:
        raise ValidationFailed("These numbers are gone.")
    needs_campaign = action == BulkAction.ATTACH
    phase = BulkPhase.CHOOSING if needs_campaign else BulkPhase.PREVIEWING
    with transaction.atomic(durable=True):
        operation = BulkOperation.objects.create(operator=operator, action=action, phase=phase)
        numbered = chosen.order_by().annotate(
            position=Window(RowNumber(), order_by=Collate("number", "C")), target_id=Cast(Value(None), UUIDField())
        )
        _freeze_rows(
            operation,
            numbered.values_list(
                "position", "id", "number", "organization_id", "campaign_id", "current_attachment_id", "target_id"
            ),
        )
        if needs_campaign:
            _check_organizations(operation)
    return operation


def freeze_undo(*, operator: Operator, batch_id: UUID) -> BulkOperation:
    """Record an operation that takes the numbers of a batch back to where they were before it.

    Raises:
        ValidationFailed: There is no such batch, or it is too large.
    """
    batch = CampaignAttachment.objects.filter(batch_id=batch_id)
    if (count := batch.count()) > MAX_ROWS:
        raise ValidationFailed(f"{count:,} moves are more than one operation takes.")
    if not count:
        raise ValidationFailed("Nothing was moved, so nothing can be undone.")
    with transaction.atomic(durable=True):
        operation = BulkOperation.objects.create(
            operator=operator, action=BulkAction.UNDO, phase=BulkPhase.PREVIEWING, undone_batch_id=batch_id
        )
        numbered = batch.order_by().annotate(
            position=Window(RowNumber(), order_by=Collate("phone_number__number", "C"))
        )
        _freeze_rows(
            operation,
            numbered.values_list(
                "position", "phone_number_id", "phone_number__number", "organization_id", "campaign_id", "id",
                "previous_campaign_id",
            ),
        )  # fmt: skip
    return operation


def preview_operation(operation: BulkOperation, *, campaign_id: UUID) -> bool:
    """Have the batches find out what attaching the campaign would do. Return False if it is too late for that."""
    open_ = in_phase(operation, BulkPhase.CHOOSING, BulkPhase.PREVIEWED).filter(action=BulkAction.ATTACH)
    return change(open_, phase=BulkPhase.PREVIEWING, campaign_id=campaign_id, rows_done=0)


def start_operation(
    operation: BulkOperation, *, campaign_id: UUID | None, request_id: str, reason: str | None = None
) -> bool:
    """Have the batches do what the operator has confirmed. Return False if that is not what the operation is now.

    Args:
        campaign_id: The campaign of the preview that the operator has seen.
    """
    confirmed = in_phase(operation, BulkPhase.PREVIEWED).filter(Q(campaign_id=campaign_id))
    return change(
        confirmed, phase=BulkPhase.RUNNING, rows_done=0, request_id=request_id, reason=reason, started_at=Now()
    )


def run_batch(*, operation_id: UUID | None = None, lock_seconds: float) -> bool:
    """Run one batch of this operation, or of the one that has waited longest. Return False if there is none.

    Args:
        lock_seconds: How long to wait for numbers that another transaction holds, before their rows are busy.
    """
    return run_next(BulkOperation, lambda operation: _run_batch(operation, lock_seconds=lock_seconds), operation_id)


def _freeze_rows(operation: BulkOperation, chosen: QuerySet[Any, Any]) -> None:
    sql, parameters = chosen.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_FREEZE.format(chosen=sql), [operation.id, *parameters])
        operation.rows_total = cursor.rowcount
    operation.save(update_fields=["rows_total"])


def _check_organizations(operation: BulkOperation) -> None:
    """Raise ValidationFailed unless all rows belong to one organization, as a campaign does."""
    organization_ids = list(operation.rows.order_by().values_list("organization_id", flat=True).distinct()[:2])
    if None in organization_ids:
        raise ValidationFailed(
            "A number without an organization takes no campaign: choose numbers of one organization."
        )
    if len(organization_ids) > 1:
        raise ValidationFailed("The numbers belong to several organizations: choose numbers of one organization.")


def _run_batch(operation: BulkOperation, *, lock_seconds: float) -> None:
    is_preview = operation.phase == BulkPhase.PREVIEWING
    batch = list(operation.rows.filter(position__gt=operation.rows_done).order_by("position")[:_BATCH])
    # A row that was not going to be changed when the operator confirmed stays as it was shown.
    confirmed = [row for row in batch if is_preview or row.outcome in ("", RowOutcome.CHANGED)]
    by_organization: dict[UUID | None, list[BulkOperationRow]] = defaultdict(list)
    for row in confirmed:
        by_organization[row.organization_id].append(row)
    run = _one_by_one if operation.action in (BulkAction.RELEASE, BulkAction.RETRY) else _move
    results: Results = {}
    for organization_id, rows in by_organization.items():
        results |= run(operation, organization_id, rows, lock_seconds)

    by_result: dict[tuple[RowOutcome, str], list[int]] = defaultdict(list)
    for position, result in results.items():
        by_result[result].append(position)
    for (outcome, code), positions in by_result.items():
        operation.rows.filter(position__in=positions).update(outcome=outcome, code=code)
    if not is_preview:
        _log_changed(operation, [row for row in confirmed if results[row.position][0] == RowOutcome.CHANGED])

    operation.rows_done += len(batch)
    operation.errors = 0
    if operation.rows_done >= operation.rows_total:
        operation.phase = BulkPhase.PREVIEWED if is_preview else BulkPhase.FINISHED
        operation.finished_at = None if is_preview else Now()
        if is_preview:
            _describe_moves(operation)
    operation.updated_at = Now()
    operation.save(update_fields=["rows_done", "errors", "phase", "finished_at", "moves", "warnings", "updated_at"])


def _describe_moves(operation: BulkOperation) -> None:
    """Keep what the preview has found possible, so that its page has nothing to compute. A retry moves nothing."""
    operation.moves, operation.warnings = [], []
    if operation.action == BulkAction.RETRY:
        return
    possible = operation.rows.filter(outcome=RowOutcome.CHANGED).order_by("organization_id", "position")
    targets = F("target_id") if operation.action == BulkAction.UNDO else Value(operation.campaign_id, UUIDField())
    rows = possible.values_list("organization_id", "phone_number_id", "campaign_id", Cast(targets, UUIDField()))
    for organization_id, some in groupby(rows.iterator(), key=itemgetter(0)):
        found = MoveWarnings(organization_id)
        found.add([(number, origin, target) for _, number, origin, target in some if origin != target])
        operation.moves += [
            [origin and str(origin), target and str(target), count]
            for (origin, target), count in found.moves.most_common()
        ]
        operation.warnings += [warning.message for warning in found.found()]


def _move(
    operation: BulkOperation, organization_id: UUID | None, rows: Sequence[BulkOperationRow], lock_seconds: float
) -> Results:
    """Attach the operation's campaign, detach, or take the numbers back to where they were."""
    is_undo = operation.action == BulkAction.UNDO
    results = bulk_attach(
        organization_id=organization_id,
        rows=[
            Row(row.phone_number_id, row.target_id, Seen(row.campaign_id, row.attachment_id))
            if is_undo
            else Row(row.phone_number_id, operation.campaign_id, Seen(row.campaign_id))
            for row in rows
        ],
        actor=_actor(operation),
        lock_seconds=lock_seconds,
        dry_run=operation.phase == BulkPhase.PREVIEWING,
        durable=False,
    )
    return {
        row.position: (_OUTCOMES[result.outcome], result.error.code.value if result.error is not None else "")
        for row, result in zip(rows, results, strict=True)
    }


def _one_by_one(
    operation: BulkOperation, organization_id: UUID | None, rows: Sequence[BulkOperationRow], lock_seconds: float
) -> Results:
    """Release the numbers, or send their failed propagations again; in a preview, check whether that is possible."""
    names = [row.phone_number_id for row in rows]
    busy: list[PhoneNumber] = []
    is_preview = operation.phase == BulkPhase.PREVIEWING
    if is_preview:
        locked = list(matching_phone_numbers(organization_id=organization_id, names=names))
    else:
        locked, busy = lock_free_phone_numbers(organization_id=organization_id, names=names, seconds=lock_seconds)
    here, held = {number.id: number for number in locked}, {number.id for number in busy}
    results: Results = {}
    for row in rows:
        if row.phone_number_id in held:
            results[row.position] = (RowOutcome.BUSY, "")
            continue
        try:
            number = here.get(row.phone_number_id)
            Seen(row.campaign_id).check(number)
            if is_preview:
                _check_one(operation, row, number)
            else:
                _run_one(operation, row)
        except DomainError as error:
            results[row.position] = (RowOutcome.FAILED, error.code.value)
        else:
            results[row.position] = (RowOutcome.CHANGED, "")
    return results


def _check_one(operation: BulkOperation, row: BulkOperationRow, number: PhoneNumber | None) -> None:
    """Raise what `_run_one` would raise."""
    if operation.action == BulkAction.RELEASE:
        check_phone_number(number)
    elif number is None or not can_retry(number, attachment_id=row.attachment_id):
        raise NotFailed


def _run_one(operation: BulkOperation, row: BulkOperationRow) -> None:
    if operation.action == BulkAction.RELEASE:
        if row.organization_id is None:
            raise NumberNotAssigned
        release_phone_number(
            organization_id=row.organization_id,
            phone_number_id=row.phone_number_id,
            actor=_actor(operation),
            durable=False,
        )
    elif row.attachment_id is None:
        raise NotFailed
    else:
        retry_attachment(attachment_id=row.attachment_id, durable=False)


def _actor(operation: BulkOperation) -> Actor:
    return Actor.for_operator(
        operation.operator, request_id=operation.request_id, reason=operation.reason, batch_id=operation.id
    )


def _log_changed(operation: BulkOperation, rows: Sequence[BulkOperationRow]) -> None:
    """Write an entry of the admin's log for each number."""
    if rows:
        numbers = [PhoneNumber(id=row.phone_number_id, number=row.number) for row in rows]
        said = f"{describe_operation(operation)}." + (f" Reason: {operation.reason}" if operation.reason else "")
        LogEntry.objects.log_actions(operation.operator_id, numbers, CHANGE, said)


def describe_operation(operation: BulkOperation) -> str:
    """Say what the operation does, and with which campaign."""
    title = BulkAction(operation.action).label
    if operation.campaign_id is None:
        return title
    name = Campaign.objects.filter(id=operation.campaign_id).values_list("name", flat=True).first()
    return f"{title}: {name or operation.campaign_id}"
