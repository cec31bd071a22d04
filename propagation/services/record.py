"""Record the outcome of an order, attachment by attachment, and when to try again."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from carriers.base import Failure, OrderAction, OrderReport
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, PhoneNumber
from propagation.models import CarrierOrder

log = structlog.get_logger(__name__)

_FIRST_RETRY_SECONDS = 2.0
_MAX_RETRY_SECONDS = 3600.0
_CAMPAIGN_NOT_READY_SECONDS = 300.0
_FIRST_POLL_SECONDS = 1.0
_MAX_POLL_SECONDS = 1800.0

_WRITE_ATTACHMENTS = """
UPDATE numbers_campaignattachment a
SET status = made.status,
    next_attempt_at = made.next_attempt_at,
    propagated_at = CASE WHEN made.status = 'propagated' THEN %(now)s END,
    failure_code = made.failure_code,
    failure_carrier_code = made.failure_carrier_code,
    failure_message = made.failure_message
FROM unnest(%(ids)s::uuid[], %(statuses)s::text[], %(next_attempts)s::timestamptz[], %(codes)s::text[],
            %(carrier_codes)s::text[], %(messages)s::text[])
    AS made (id, status, next_attempt_at, failure_code, failure_carrier_code, failure_message)
WHERE a.id = made.id
"""
_WRITE_NUMBERS = """
UPDATE numbers_phonenumber p
SET carrier_line_option_status = made.status,
    carrier_line_option_propagated_at = CASE WHEN made.status = 'propagated' THEN %(now)s END,
    updated_at = greatest(%(now)s, p.updated_at + interval '1 microsecond')
FROM unnest(%(ids)s::uuid[], %(statuses)s::text[]) AS made (id, status)
WHERE p.id = made.id AND p.carrier_line_option_status IS DISTINCT FROM made.status
"""


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
class LockedAttachment:
    """An attachment whose number is locked, with what the number's row says under the lock."""

    id: UUID
    attempts: int
    request_id: str | None
    phone_number_id: UUID
    number: str
    current_attachment_id: UUID | None

    @property
    def is_current(self) -> bool:
        """Whether the number has not moved on since."""
        return self.current_attachment_id == self.id


@dataclass(frozen=True, slots=True)
class Outcome:
    """The new state of one attachment. `line_option_status` is for the number, if the attachment is the current one."""

    status: AttachmentStatus
    line_option_status: LineOptionStatus | None = None
    next_attempt_at: datetime | None = None
    failure: AttachmentFailure | None = None


def record_report(*, order_id: UUID, report: OrderReport) -> None:
    """Close the order with the carrier's final report. A second call for the same order changes nothing."""

    def outcome_of(attachment: LockedAttachment, action: OrderAction) -> Outcome:
        failure = report.failure_of(attachment.number)
        if failure is None:
            return _succeeded(action)
        return _failed(attachment, AttachmentFailure.from_carrier(failure), action)

    _close_order(order_id, outcome_of, carrier_order_id=report.carrier_order_id)


def requeue_attachments(*, order_id: UUID, failure: AttachmentFailure) -> None:
    """Close an order that the carrier does not have. Its attachments are retried in another order after a delay."""
    _close_order(order_id, lambda attachment, action: _failed(attachment, failure, action))


def record_failures(failures: Mapping[UUID, AttachmentFailure]) -> None:
    """Record the failure of attachments for which the carrier was not asked."""
    with transaction.atomic(durable=True):
        attachments = _lock_numbers(attachments__id__in=failures, attachments__status=AttachmentStatus.PENDING)
        outcomes = [
            Outcome(AttachmentStatus.FAILED, LineOptionStatus.FAILED, None, failures[attachment.id])
            for attachment in attachments
        ]
        _write(attachments, outcomes, timezone.now())


def make_successors_due(phone_number_ids: Collection[UUID]) -> None:
    """Make the current attachments of these numbers due, after the order that blocked them has closed."""
    current = PhoneNumber.objects.filter(id__in=phone_number_ids).values("current_attachment_id")
    CampaignAttachment.objects.filter(
        id__in=current, status=AttachmentStatus.PENDING, next_attempt_at__gt=Now()
    ).update(next_attempt_at=Now())


def retry_delay(attempts: int, *, retry_after: float | None = None) -> float:
    """Return the seconds before the next attempt after so many failed ones, at least what the carrier asked for.

    Doubles from two seconds to an hour, with 25 % jitter so that numbers that failed together do not return together.
    """
    doubled = _FIRST_RETRY_SECONDS * 2.0 ** min(max(attempts, 1) - 1, 30)
    return max(_jittered(min(doubled, _MAX_RETRY_SECONDS)), retry_after or 0.0)


def campaign_delay(attempts: int) -> float:
    """Return the seconds before the next attempt while the campaign is not ready: from five minutes to an hour."""
    return _jittered(min(_CAMPAIGN_NOT_READY_SECONDS * max(attempts, 1), _MAX_RETRY_SECONDS))


def poll_delay(age: float, *, retry_after: float | None = None) -> float:
    """Return the seconds before the next poll of an order of this age: a quarter of it, from a second to half an hour.

    An order that ends in seconds is seen within seconds, and one that takes days costs some hundred polls.
    """
    return max(_jittered(min(max(age / 4, _FIRST_POLL_SECONDS), _MAX_POLL_SECONDS)), retry_after or 0.0)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311  (Not a secret.)


def _close_order(
    order_id: UUID,
    outcome_of: Callable[[LockedAttachment, OrderAction], Outcome],
    *,
    carrier_order_id: str | None = None,
) -> None:
    with transaction.atomic(durable=True):
        # Another process that has heard of the order's end waits here, and then finds the order closed.
        order = CarrierOrder.objects.select_for_update(no_key=True).filter(id=order_id, ended_at__isnull=True).first()
        if order is None:
            return
        now = timezone.now()
        action = OrderAction(order.action)
        attachments = _lock_numbers(attachments__order_id=order_id, attachments__status=AttachmentStatus.SUBMITTED)
        outcomes = [outcome_of(attachment, action) for attachment in attachments]
        _write(attachments, outcomes, now)
        order.ended_at = now
        order.next_poll_at = None
        order.carrier_order_id = carrier_order_id or order.carrier_order_id
        order.failed = sum(outcome.failure is not None for outcome in outcomes)
        order.succeeded = len(outcomes) - order.failed
        order.save(update_fields=["ended_at", "next_poll_at", "carrier_order_id", "failed", "succeeded"])
        superseded = [attachment.phone_number_id for attachment in attachments if not attachment.is_current]
        if superseded:
            make_successors_due(superseded)
    # Logged after the commit, so that every line is about something that happened.
    for attachment, outcome in zip(attachments, outcomes, strict=True):
        _log_outcome(attachment, outcome, order_id=order_id, action=action)


def _succeeded(action: OrderAction) -> Outcome:
    if action is OrderAction.DETACH:
        return Outcome(AttachmentStatus.PROPAGATED, None)
    return Outcome(AttachmentStatus.PROPAGATED, LineOptionStatus.PROPAGATED)


def _failed(attachment: LockedAttachment, failure: AttachmentFailure, action: OrderAction) -> Outcome:
    if failure.code == FailureCode.CAMPAIGN_NOT_READY:
        delay = campaign_delay(attachment.attempts)
    elif failure.code == FailureCode.CARRIER_UNAVAILABLE and attachment.attempts < settings.PROPAGATION_MAX_ATTEMPTS:
        delay = retry_delay(attachment.attempts)
    else:
        return Outcome(AttachmentStatus.FAILED, LineOptionStatus.FAILED, None, failure)
    status = LineOptionStatus.REMOVING if action is OrderAction.DETACH else LineOptionStatus.PENDING
    return Outcome(AttachmentStatus.PENDING, status, timezone.now() + timedelta(seconds=delay), failure)


def _lock_numbers(**condition: object) -> list[LockedAttachment]:
    """Lock the numbers of these attachments in the order of their IDs, as everywhere.

    After that `is_current` is what a concurrent move has committed, and a later move waits.
    """
    locked = PhoneNumber.objects.select_for_update(no_key=True, of=("self",)).filter(**condition).order_by("id")
    columns = ("attachments__id", "attachments__attempts", "attachments__request_id")
    # Columns instead of instances, which take four times as long for an order of a thousand numbers.
    rows = locked.values_list(*columns, "id", "number", "current_attachment_id")
    return [LockedAttachment(*row) for row in rows]


def _write(attachments: Sequence[LockedAttachment], outcomes: Sequence[Outcome], now: datetime) -> None:
    if not attachments:
        return
    current = [
        (attachment.phone_number_id, outcome.line_option_status)
        for attachment, outcome in zip(attachments, outcomes, strict=True)
        if attachment.is_current
    ]
    final = [
        outcome if attachment.is_current else Outcome(AttachmentStatus.SUPERSEDED, failure=outcome.failure)
        for attachment, outcome in zip(attachments, outcomes, strict=True)
    ]
    failures = [outcome.failure for outcome in final]
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_ATTACHMENTS,
            {
                "now": now,
                "ids": [attachment.id for attachment in attachments],
                "statuses": [outcome.status.value for outcome in final],
                "next_attempts": [outcome.next_attempt_at for outcome in final],
                "codes": [failure and failure.code.value for failure in failures],
                "carrier_codes": [failure and failure.carrier_code for failure in failures],
                "messages": [failure and failure.message for failure in failures],
            },
        )
        if current:
            statuses = [status and status.value for _phone_number_id, status in current]
            cursor.execute(
                _WRITE_NUMBERS,
                {"now": now, "ids": [phone_number_id for phone_number_id, _status in current], "statuses": statuses},
            )


def _log_outcome(attachment: LockedAttachment, outcome: Outcome, *, order_id: UUID, action: OrderAction) -> None:
    log.info(
        "propagation",
        outcome=outcome.status.value if attachment.is_current else AttachmentStatus.SUPERSEDED.value,
        action=action.value,
        attachment_id=str(attachment.id),
        order_id=str(order_id),
        request_id=attachment.request_id,
        failure=outcome.failure and outcome.failure.code.value,
        carrier_code=outcome.failure and outcome.failure.carrier_code,
    )
