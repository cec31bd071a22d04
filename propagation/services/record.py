"""Writes down how an order ended, number by number, wherever the attachment is still the one that counts."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from carriers.base import Failure, OrderAction, OrderReport
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, LineOptionStatus
from propagation.models import CarrierOrder

log = structlog.get_logger(__name__)

# Numbers are locked before anything is judged, in the order of their ids, as everywhere: `is_current` is what a
# move that commits in between has left, and a later move waits.
_LOCK = """
SELECT a.id, p.id, p.number, p.current_attachment_id = a.id, a.attempts, a.request_id
FROM numbers_phonenumber p
JOIN numbers_campaignattachment a ON a.phone_number_id = p.id
WHERE {which}
ORDER BY p.id
FOR NO KEY UPDATE OF p
"""
_LOCK_OF_ORDER = _LOCK.format(which="a.order_id = %s AND a.status = 'submitted'")
_LOCK_OF_DOOMED = _LOCK.format(which="a.id = ANY (%s) AND a.status = 'pending'")

_WRITE_ATTACHMENTS = """
UPDATE numbers_campaignattachment a
SET status = made.status,
    next_attempt_at = made.next_attempt_at,
    propagated_at = CASE WHEN made.status = 'propagated' THEN %s END,
    failure_code = made.failure_code,
    failure_carrier_code = made.failure_carrier_code,
    failure_message = made.failure_message
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
    AS made (id, status, next_attempt_at, failure_code, failure_carrier_code, failure_message)
WHERE a.id = made.id
"""
_WRITE_NUMBERS = """
UPDATE numbers_phonenumber p
SET carrier_line_option_status = made.status,
    carrier_line_option_propagated_at = CASE WHEN made.status = 'propagated' THEN %s END,
    updated_at = greatest(%s, p.updated_at + interval '1 microsecond')
FROM unnest(%s::uuid[], %s::text[]) AS made (id, status)
WHERE p.id = made.id AND p.carrier_line_option_status IS DISTINCT FROM made.status
"""
# What the end of an order makes room for: the attachments that came after those it was about.
_WAKE_SUCCESSORS = """
UPDATE numbers_campaignattachment a SET next_attempt_at = %s
FROM numbers_phonenumber p
WHERE p.id = ANY (%s) AND a.id = p.current_attachment_id AND a.status = 'pending' AND a.next_attempt_at > %s
"""
_END_ORDER = """
UPDATE propagation_carrierorder
SET ended_at = %s, next_look_at = NULL, carrier_order_id = coalesce(%s, carrier_order_id), succeeded = %s, failed = %s
WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class Locked:
    """One attachment whose number is locked."""

    attachment_id: UUID
    phone_number_id: UUID
    number: str
    is_current: bool
    attempts: int
    request_id: str | None


@dataclass(frozen=True, slots=True)
class AttachmentFailure:
    """Why the carrier side of an attachment failed: the columns `failure_*` of its row."""

    code: FailureCode
    message: str
    carrier_code: str | None = None

    @classmethod
    def from_carrier(cls, failure: Failure) -> Self:
        """Convert a failure that a carrier reported."""
        return cls(FailureCode(failure.kind.value), failure.message, failure.carrier_code)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one attachment. `line_option_status` is written to the number if the attachment still counts."""

    status: AttachmentStatus
    line_option_status: LineOptionStatus | None = None
    next_attempt_at: datetime | None = None
    failure: AttachmentFailure | None = None


def record_report(*, order_id: UUID, report: OrderReport) -> None:
    """Ends the order with the carrier's last word. A second call for the same order changes nothing."""

    def judge(row: Locked, *, action: OrderAction) -> Verdict:
        failure = report.failure_of(row.number)
        if failure is None:
            return _succeeded(action)
        return _failed(row, AttachmentFailure.from_carrier(failure), action=action)

    _end_order(order_id, judge, carrier_order_id=report.carrier_order_id)


def dissolve_order(
    *, order_id: UUID, failure: AttachmentFailure, retry_after: float | None = None, counts: bool = True
) -> None:
    """Ends an order of which the carrier has nothing: its attachments are due again, after a while.

    `counts` False: the attempt was not the carrier's failure, and they are due at once.
    """

    def judge(row: Locked, *, action: OrderAction) -> Verdict:
        if not counts:
            return Verdict(AttachmentStatus.PENDING, _underway(action), timezone.now())
        return _failed(row, failure, action=action, retry_after=retry_after)

    _end_order(order_id, judge)


def record_doomed(*, doomed: Mapping[UUID, AttachmentFailure]) -> None:
    """Records the failure of attachments that the carrier was not asked about."""
    with transaction.atomic(durable=True):
        rows = _locked(_LOCK_OF_DOOMED, list(doomed))
        now = timezone.now()
        _write({row: Verdict(AttachmentStatus.FAILED, LineOptionStatus.FAILED, None, doomed[row.attachment_id])
                for row in rows}, now)  # fmt: skip


def _end_order(order_id: UUID, judge: Callable[..., Verdict], *, carrier_order_id: str | None = None) -> None:
    with transaction.atomic(durable=True):
        # Whoever else has heard of the order's end waits here, and then finds it ended.
        order = CarrierOrder.objects.select_for_update(no_key=True).filter(id=order_id, ended_at__isnull=True).first()
        if order is None:
            return
        now = timezone.now()
        rows = _locked(_LOCK_OF_ORDER, order_id)
        action = OrderAction(order.action)
        verdicts = {row: judge(row, action=action) for row in rows}
        _write(verdicts, now)
        with connection.cursor() as cursor:
            failed = sum(verdict.failure is not None for verdict in verdicts.values())
            cursor.execute(_END_ORDER, [now, carrier_order_id, len(verdicts) - failed, failed, order_id])
            overtaken = [row.phone_number_id for row in rows if not row.is_current]
            if overtaken:
                cursor.execute(_WAKE_SUCCESSORS, [now, overtaken, now])
    # After the commit: what is told has happened.
    for row, verdict in verdicts.items():
        _tell(row, verdict, order_id=order_id, action=action)


def _succeeded(action: OrderAction) -> Verdict:
    if action is OrderAction.DETACH:
        return Verdict(AttachmentStatus.PROPAGATED, None)
    return Verdict(AttachmentStatus.PROPAGATED, LineOptionStatus.PROPAGATED)


def _failed(
    row: Locked, failure: AttachmentFailure, *, action: OrderAction, retry_after: float | None = None
) -> Verdict:
    if failure.code == FailureCode.CAMPAIGN_NOT_READY:
        delay = campaign_delay(row.attempts)
    elif failure.code == FailureCode.CARRIER_UNAVAILABLE and row.attempts < settings.PROPAGATION_MAX_ATTEMPTS:
        delay = retry_delay(row.attempts, retry_after=retry_after)
    else:
        return Verdict(AttachmentStatus.FAILED, LineOptionStatus.FAILED, None, failure)
    later = timezone.now() + timedelta(seconds=delay)
    return Verdict(AttachmentStatus.PENDING, _underway(action), later, failure)


def _underway(action: OrderAction) -> LineOptionStatus:
    return LineOptionStatus.REMOVING if action is OrderAction.DETACH else LineOptionStatus.PENDING


def _locked(statement: str, parameter: UUID | list[UUID]) -> list[Locked]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [parameter])
        return [Locked(*row) for row in cursor.fetchall()]


def _write(verdicts: Mapping[Locked, Verdict], now: datetime) -> None:
    if not verdicts:
        return
    final = {
        row: verdict if row.is_current else Verdict(AttachmentStatus.SUPERSEDED, failure=verdict.failure)
        for row, verdict in verdicts.items()
    }
    failures = [verdict.failure for verdict in final.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_ATTACHMENTS,
            [
                now,
                [row.attachment_id for row in final],
                [verdict.status.value for verdict in final.values()],
                [verdict.next_attempt_at for verdict in final.values()],
                [failure and failure.code.value for failure in failures],
                [failure and failure.carrier_code for failure in failures],
                [failure and failure.message for failure in failures],
            ],
        )
        current = {row.phone_number_id: verdict for row, verdict in final.items() if row.is_current}
        if current:
            statuses = [v.line_option_status and v.line_option_status.value for v in current.values()]
            cursor.execute(_WRITE_NUMBERS, [now, now, list(current), statuses])


def _tell(row: Locked, verdict: Verdict, *, order_id: UUID, action: OrderAction) -> None:
    log.info(
        "propagation",
        outcome=verdict.status.value if row.is_current else AttachmentStatus.SUPERSEDED.value,
        action=action.value,
        attachment_id=str(row.attachment_id),
        order_id=str(order_id),
        request_id=row.request_id,
        failure=verdict.failure and verdict.failure.code.value,
        carrier_code=verdict.failure and verdict.failure.carrier_code,
    )


_FIRST_RETRY = 2.0
_LONGEST_RETRY = 3600.0
_FIRST_LOOK = 1.0
_LONGEST_LOOK = 1800.0
_CAMPAIGN_NOT_READY = 300.0


def retry_delay(attempts: int, *, retry_after: float | None = None) -> float:
    """After so many attempts that failed: doubling from two seconds to an hour, each 25 % more or less by chance so
    that numbers which failed together do not come back together. Never sooner than the carrier asked for."""
    doubled = _FIRST_RETRY * 2.0 ** min(max(attempts, 1) - 1, 30)
    return max(_jittered(min(doubled, _LONGEST_RETRY)), retry_after or 0.0)


def campaign_delay(attempts: int) -> float:
    """While the carrier does not take numbers on the campaign yet: from five minutes to an hour."""
    return _jittered(min(_CAMPAIGN_NOT_READY * max(attempts, 1), _LONGEST_RETRY))


def look_delay(age: float, *, retry_after: float | None = None) -> float:
    """Before the next look at an order of this age: a quarter of it, from a second to half an hour.

    An order that ends in seconds is seen within seconds, one that takes days costs some hundred looks.
    """
    return max(_jittered(min(max(age / 4, _FIRST_LOOK), _LONGEST_LOOK)), retry_after or 0.0)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311  (Nobody gains by guessing it.)
