"""Record the outcome of an order, attachment by attachment, and when to try again."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Greatest, Now

from agentmessage.db.session import database_now
from campaigns.models import Campaign
from carriers.base import Failure, OrderAction, OrderReport, carriers_code, carriers_id, carriers_words
from phone_numbers.failures import FAILURES, FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, PhoneNumber
from phone_numbers.services.locking import lock_attached_phone_numbers
from phone_numbers.services.transitions import Cause, check_transition, log_transition
from propagation.models import CarrierOrder
from propagation.services.delays import campaign_delay, retry_delay

log = structlog.get_logger(__name__)

_DORMANT_SECONDS = 60.0

_WRITE_ATTACHMENTS = """
UPDATE numbers_campaignattachment a
SET status = made.status,
    attempts = made.attempts,
    next_attempt_at = made.next_attempt_at,
    propagated_at = CASE WHEN made.status = 'propagated' THEN %(now)s END,
    failure_code = made.failure_code,
    failure_carrier_code = made.failure_carrier_code,
    failure_message = made.failure_message
FROM unnest(%(ids)s::uuid[], %(statuses)s::text[], %(attempts)s::int[], %(next_attempts)s::timestamptz[],
            %(codes)s::text[], %(carrier_codes)s::text[], %(messages)s::text[])
    AS made (id, status, attempts, next_attempt_at, failure_code, failure_carrier_code, failure_message)
WHERE a.id = made.id AND a.status = %(before)s
"""


@dataclass(frozen=True, slots=True)
class AttachmentFailure:
    """Why the carrier side of an attachment failed: the columns `failure_*` of its row."""

    code: FailureCode
    message: str
    carrier_code: str | None = None
    may_be_dormant: bool = False
    """As of a carrier's `Failure`."""

    @classmethod
    def from_carrier(cls, failure: Failure) -> Self:
        """Convert a failure that a carrier reported: what is stored is short and printable."""
        return cls(
            FailureCode(failure.kind.value),
            carriers_words(failure.message, otherwise="The carrier gave no reason."),
            carriers_code(failure.carrier_code),
            failure.may_be_dormant,
        )

    def log_for_operator(self, **context: object) -> None:
        """Log an error if only an operator can correct the cause."""
        if FAILURES[self.code].needs_operator:
            log.error(
                "carrier.needs_operator",
                failure=self.code.value,
                carrier_code=self.carrier_code,
                message=self.message,
                **context,
            )


class LeaseLost(Exception):
    """Another worker has taken the order over, or it has been closed: nothing more may be written or sent for it."""


@dataclass(frozen=True, slots=True)
class LockedAttachment:
    """An attachment whose number is locked, with what the number's row says under the lock."""

    id: UUID
    attempts: int
    request_id: str | None
    failure_code: str | None
    since: datetime
    """When it was recorded, or last resumed."""
    phone_number_id: UUID
    number: str
    current_attachment_id: UUID | None
    campaign_id: UUID | None

    @property
    def is_current(self) -> bool:
        """Whether the number has not moved on since."""
        return self.current_attachment_id == self.id

    def attempts_with(self, failure: "AttachmentFailure") -> int:
        """Return how many attempts have ended in this kind of failure since another kind came between."""
        return 1 if self.failure_code not in (None, failure.code.value) else self.attempts


@dataclass(frozen=True, slots=True)
class Outcome:
    """The new state of one attachment. `line_option_status` is for the number, if the attachment is the current one."""

    status: AttachmentStatus
    line_option_status: LineOptionStatus | None = None
    next_attempt_at: datetime | None = None
    failure: AttachmentFailure | None = None
    attempts: int | None = None
    """None: as before."""


def new_lease() -> datetime:
    """Return the end of a lease that begins now. A worker holds an order for as long as its `next_poll_at` is that."""
    return database_now() + timedelta(seconds=settings.PROPAGATION_LEASE_SECONDS)


def lock_order(order_id: UUID, lease: datetime | None) -> CarrierOrder:
    """Lock an open order until the transaction ends, as the worker that holds `lease`; None: regardless of the lease.

    Raises LeaseLost.
    """
    orders = CarrierOrder.objects.select_for_update(no_key=True).filter(id=order_id, ended_at__isnull=True)
    if lease is not None:
        orders = orders.filter(next_poll_at=lease)
    order = orders.first()
    if order is None:
        raise LeaseLost
    return order


def record_report(*, order_id: UUID, lease: datetime, report: OrderReport, poll_seconds: float) -> None:
    """Record the carrier's final report on an order, and close the order.

    It stays open while some of its numbers are unfinished, and is polled again after so many seconds. Raises LeaseLost.
    """

    def outcome_of(attachment: LockedAttachment, action: OrderAction, now: datetime) -> Outcome:
        failure = report.failure_of(attachment.number)
        if failure is None:
            return _succeeded(action)
        return _failed(attachment, AttachmentFailure.from_carrier(failure), action, now)

    _close_order(
        order_id,
        lease,
        outcome_of,
        carrier_order_id=report.carrier_order_id,
        unfinished=report.unfinished,
        poll_seconds=poll_seconds,
        steps=report.steps,
    )


def record_steps(order: CarrierOrder, steps: Mapping[str, str]) -> None:
    """Record how far the carrier is with each network, for the attachments of an order that is locked."""
    attachments = CampaignAttachment.objects.filter(order_id=order.id, status=AttachmentStatus.SUBMITTED)
    attachments.update(carrier_steps=dict(steps))


def requeue_attachments(*, order_id: UUID, lease: datetime, failure: AttachmentFailure) -> None:
    """Close an order that the carrier does not have. Its attachments are retried in another order after a delay.

    Raises LeaseLost.
    """
    _close_order(order_id, lease, lambda attachment, action, now: _failed(attachment, failure, action, now))


def give_up_order(*, order_id: UUID, failure: AttachmentFailure) -> None:
    """Close an order whatever the carrier makes of it: its attachments fail, and the numbers' next ones are due.

    The worker that holds its lease writes nothing more. Raises LeaseLost if the order is closed already.
    """
    _close_order(order_id, None, lambda _attachment, _action, _now: _final(failure))


def record_unsent(
    failures: Mapping[UUID, AttachmentFailure | None], *, cause: Cause = Cause.CLAIM, still: Q | None = None
) -> None:
    """Record the end of pending attachments for which the carrier was not asked: why they fail, or None for success.

    Those that `still` no longer describes under the lock of their numbers stay as they are.
    """
    with transaction.atomic(durable=True):
        condition = Q(attachments__id__in=failures, attachments__status=AttachmentStatus.PENDING)
        attachments = _lock_numbers(condition if still is None else condition & still)
        ends = [failures[attachment.id] for attachment in attachments]
        outcomes = [_succeeded(OrderAction.DETACH) if failure is None else _final(failure) for failure in ends]
        _write(attachments, outcomes, database_now(), before=AttachmentStatus.PENDING, cause=cause)


def make_successors_due(phone_number_ids: Collection[UUID]) -> None:
    """Make the current attachments of these numbers due, after the order that blocked them has closed."""
    current = PhoneNumber.objects.filter(id__in=phone_number_ids).values("current_attachment_id")
    CampaignAttachment.objects.filter(
        id__in=current, status=AttachmentStatus.PENDING, next_attempt_at__gt=Now()
    ).update(next_attempt_at=Now())


def _close_order(
    order_id: UUID,
    lease: datetime | None,
    outcome_of: Callable[[LockedAttachment, OrderAction, datetime], Outcome],
    *,
    carrier_order_id: str | None = None,
    unfinished: Collection[str] = (),
    poll_seconds: float = 0.0,
    steps: Mapping[str, str] | None = None,
) -> None:
    with transaction.atomic(durable=True):
        # Another process that has heard of the order's end waits here, and then finds the order closed.
        order = lock_order(order_id, lease)
        action = OrderAction(order.action)
        locked = _lock_numbers(Q(attachments__order_id=order_id, attachments__status=AttachmentStatus.SUBMITTED))
        # The carrier has carried out the order, so a number that has moved on need not wait for the rest.
        attachments = [one for one in locked if not one.is_current or one.number not in unfinished]
        if steps:
            record_steps(order, steps)
        now = database_now()
        outcomes = [outcome_of(attachment, action, now) for attachment in attachments]
        _write(attachments, outcomes, now, before=AttachmentStatus.SUBMITTED, cause=Cause.OUTCOME, order=order)
        is_closed = len(attachments) == len(locked)
        order.ended_at = now if is_closed else None
        order.next_poll_at = None if is_closed else now + timedelta(seconds=poll_seconds)
        order.carrier_order_id = carriers_id(carrier_order_id) or order.carrier_order_id
        failed = sum(outcome.failure is not None for outcome in outcomes)
        order.failed += failed
        order.succeeded += len(outcomes) - failed
        order.save(update_fields=["ended_at", "next_poll_at", "carrier_order_id", "failed", "succeeded"])
        superseded = [attachment.phone_number_id for attachment in attachments if not attachment.is_current]
        if superseded:
            make_successors_due(superseded)
    # Once for an order, however many of its numbers it is about.
    for failure in dict.fromkeys(outcome.failure for outcome in outcomes):
        if failure is not None:
            failure.log_for_operator(order_id=str(order_id))


def _succeeded(action: OrderAction) -> Outcome:
    if action is OrderAction.DETACH:
        return Outcome(AttachmentStatus.PROPAGATED, None)
    return Outcome(AttachmentStatus.PROPAGATED, LineOptionStatus.PROPAGATED)


def _final(failure: AttachmentFailure, attempts: int | None = None) -> Outcome:
    return Outcome(AttachmentStatus.FAILED, LineOptionStatus.FAILED, None, failure, attempts)


def _failed(attachment: LockedAttachment, failure: AttachmentFailure, action: OrderAction, now: datetime) -> Outcome:
    attempts = attachment.attempts_with(failure)
    is_detach = action is OrderAction.DETACH
    days = settings.PROPAGATION_DETACH_DAYS if is_detach else settings.PROPAGATION_APPROVAL_DAYS
    if failure.code == FailureCode.CAMPAIGN_NOT_READY and now - attachment.since < timedelta(days=days):
        delay = campaign_delay(attempts)
    elif failure.code == FailureCode.CARRIER_UNAVAILABLE and attempts < settings.PROPAGATION_MAX_ATTEMPTS:
        delay = retry_delay(attempts)
    elif _is_first_of_dormant(attachment, failure):
        failure, delay = replace(failure, code=FailureCode.CAMPAIGN_DORMANT), _DORMANT_SECONDS
    else:
        return _final(failure, attempts)
    status = LineOptionStatus.REMOVING if is_detach else LineOptionStatus.PENDING
    return Outcome(AttachmentStatus.PENDING, status, now + timedelta(seconds=delay), failure, attempts)


def _is_first_of_dormant(attachment: LockedAttachment, failure: AttachmentFailure) -> bool:
    """Whether the refusal may have woken a campaign that has no numbers. Once for an attachment."""
    is_second = attachment.failure_code == FailureCode.CAMPAIGN_DORMANT
    if not failure.may_be_dormant or is_second or attachment.campaign_id is None:
        return False
    # The index of numbers by campaign begins with the organization.
    organization = Campaign.objects.filter(id=attachment.campaign_id).values("organization_id")[:1]
    on_campaign = PhoneNumber.objects.filter(organization_id=organization, campaign_id=attachment.campaign_id)
    return not on_campaign.filter(carrier_line_option_status=LineOptionStatus.PROPAGATED).exists()


def _lock_numbers(condition: Q) -> list[LockedAttachment]:
    """Lock the numbers of these attachments.

    After that `is_current` is what a concurrent move has committed, and a later move waits.
    """
    columns = ("id", "attempts", "request_id", "failure_code")
    since = Coalesce("attachments__resumed_at", "attachments__created_at")
    # Columns instead of instances, which take four times as long for an order of a thousand numbers.
    rows = lock_attached_phone_numbers(condition).values_list(
        *(f"attachments__{column}" for column in columns), since, "id", "number", "current_attachment_id",
        "attachments__campaign_id",
    )  # fmt: skip
    return [LockedAttachment(*row) for row in rows]


def _write(
    attachments: Sequence[LockedAttachment],
    outcomes: Sequence[Outcome],
    now: datetime,
    *,
    before: AttachmentStatus,
    cause: Cause,
    order: CarrierOrder | None = None,
) -> None:
    if not attachments:
        return
    current = defaultdict[LineOptionStatus | None, list[UUID]](list)
    for attachment, outcome in zip(attachments, outcomes, strict=True):
        if attachment.is_current:
            current[outcome.line_option_status].append(attachment.phone_number_id)
    final = [
        outcome
        if attachment.is_current
        else Outcome(AttachmentStatus.SUPERSEDED, failure=outcome.failure, attempts=outcome.attempts)
        for attachment, outcome in zip(attachments, outcomes, strict=True)
    ]
    for status in {outcome.status for outcome in final}:
        check_transition(before, status, cause)
    failures = [outcome.failure for outcome in final]
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_ATTACHMENTS,
            {
                "now": now,
                "before": before.value,
                "ids": [attachment.id for attachment in attachments],
                "statuses": [outcome.status.value for outcome in final],
                "attempts": [
                    attachment.attempts if outcome.attempts is None else outcome.attempts
                    for attachment, outcome in zip(attachments, final, strict=True)
                ],
                "next_attempts": [outcome.next_attempt_at for outcome in final],
                "codes": [failure and failure.code.value for failure in failures],
                "carrier_codes": [failure and failure.carrier_code for failure in failures],
                "messages": [failure and failure.message for failure in failures],
            },
        )
    for line_option_status, ids in current.items():
        _write_numbers(ids, line_option_status, now)

    for attachment, outcome in zip(attachments, final, strict=True):
        log_transition(
            attachment_id=attachment.id,
            outcome=outcome.status,
            is_detach=attachment.campaign_id is None,
            request_id=attachment.request_id,
            order_id=None if order is None else order.id,
            failure=None if outcome.failure is None else outcome.failure.code.value,
            carrier_code=None if outcome.failure is None else outcome.failure.carrier_code,
        )


def _write_numbers(ids: Collection[UUID], status: LineOptionStatus | None, now: datetime) -> None:
    # A number that has another tenant by now does not show what its former tenant's attachment ended as.
    is_own = Q(organization__isnull=True) | Q(organization=F("current_attachment__organization"))
    is_unchanged = Q(carrier_line_option_status=status) if status else Q(carrier_line_option_status__isnull=True)
    PhoneNumber.objects.filter(is_own, ~is_unchanged, id__in=ids).update(
        carrier_line_option_status=status,
        carrier_line_option_propagated_at=now if status is LineOptionStatus.PROPAGATED else None,
        updated_at=Greatest(Value(now), F("updated_at") + timedelta(microseconds=1)),
    )
