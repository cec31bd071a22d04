"""Send an order to the carrier, or poll it. Never inside a transaction."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Now

from carriers.base import (
    Carrier,
    CarrierRefused,
    CarrierUnavailable,
    Deadline,
    OrderAction,
    OrderReport,
    OrderRequest,
    carriers_code,
    carriers_id,
    carriers_words,
)
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment
from phone_numbers.services.transitions import Cause, supersede
from propagation.models import CarrierOrder
from propagation.services.calling import RateLimited, RateLimiter
from propagation.services.delays import poll_delay, retry_delay
from propagation.services.record import (
    AttachmentFailure,
    LeaseLost,
    lock_order,
    make_successors_due,
    new_lease,
    record_report,
    record_steps,
    requeue_attachments,
)

log = structlog.get_logger(__name__)

# Of the lease: all calls to the carrier end before it does, with time left to write down what came of them.
_CALLS_SHARE = 0.5
# An order that raised is not processed again before this.
_ERROR_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Leased:
    order: CarrierOrder
    lease: datetime
    """Every later write names it, and raises LeaseLost if it is no longer the order's."""
    age: float
    """Seconds since the order was sent."""


def process_orders_until(
    order_ids: Sequence[UUID], *, lease: datetime, carrier: Carrier, rate_limiter: RateLimiter, deadline: Deadline
) -> None:
    """Process orders until the deadline has passed. Those that are left are due again at once."""
    left = list(order_ids)
    while left and deadline.seconds_left:
        process_order(order_id=left.pop(0), lease=lease, carrier=carrier, rate_limiter=rate_limiter)
    if left:
        return_orders(left, lease)


def return_orders(order_ids: Sequence[UUID], lease: datetime) -> int:
    """Make orders due at once that are still under this lease. Return how many."""
    orders = CarrierOrder.objects.filter(id__in=order_ids, ended_at__isnull=True, next_poll_at=lease)
    return orders.update(next_poll_at=Now(), is_leased=False)


def process_order(*, order_id: UUID, lease: datetime, carrier: Carrier, rate_limiter: RateLimiter) -> None:
    """Send the order, or poll it if it has been sent; do nothing if `lease` is no longer in force.

    An order that cannot be processed is logged and polled again later, and does not stop the caller's other orders.
    Postcondition: the order is closed or has a next poll time, even if the process dies.
    """
    deadline = Deadline.after(settings.PROPAGATION_LEASE_SECONDS * _CALLS_SHARE)
    with structlog.contextvars.bound_contextvars(order_id=str(order_id), carrier=carrier.name):
        leased = _take(order_id, lease)
        if leased is None:
            return
        try:
            if leased.order.sent_at is None:
                _send(leased, carrier.until(deadline), rate_limiter)
            else:
                _poll(leased, carrier.until(deadline))
        except LeaseLost:
            log.warning("order.lease_lost")
        except Exception:
            log.exception("order.not_processed")
            # Without the database this raises as well, and the lease runs out.
            with suppress(LeaseLost):
                _postpone(leased, poll_delay(leased.age, retry_after=_ERROR_SECONDS))


def _send(leased: _Leased, carrier: Carrier, rate_limiter: RateLimiter) -> None:
    try:
        # An order that waits for its turn is not sent yet, and is not shown as such.
        with rate_limiter.reserve():
            request = _mark_sent(leased)
            if request is None:
                return
            log.info("order.sent", action=request.action.value, numbers=len(request.numbers))
            report = carrier.submit(request)
    except CarrierRefused as refused:
        report = OrderReport(failure=refused.failure)
    except RateLimited as limited:
        _postpone(leased, retry_delay(1, retry_after=limited.retry_after), is_unsent=not limited.order_may_exist)
        return
    except CarrierUnavailable as unavailable:
        _log_unavailable(unavailable)
        _handle_unavailable(leased, unavailable)
        return
    # However long the order waited for its turn.
    _handle_report(leased, report, age=0.0)


def _handle_unavailable(leased: _Leased, unavailable: CarrierUnavailable) -> None:
    failure = AttachmentFailure(
        FailureCode.CARRIER_UNAVAILABLE,
        carriers_words(unavailable.message, otherwise="The carrier is unavailable."),
        carriers_code(unavailable.carrier_code),
    )
    if unavailable.order_may_exist:
        # The carrier may have the order. It is looked up before anything is repeated.
        _postpone(leased, poll_delay(0.0, retry_after=unavailable.retry_after), failure=failure)
    elif unavailable.retry_after is not None and not unavailable.was_sent:
        # The carrier works and asks for a pause, which is not a failed attempt.
        delay = retry_delay(1, retry_after=unavailable.retry_after)
        _postpone(leased, delay, failure=failure, is_unsent=True)
    else:
        requeue_attachments(order_id=leased.order.id, lease=leased.lease, failure=failure)


def _poll(leased: _Leased, carrier: Carrier) -> None:
    try:
        report = carrier.find(_request_of(leased.order))
    except CarrierRefused as refused:
        # This is about how we ask, not about the order.
        failure = AttachmentFailure.from_carrier(refused.failure)
        log.warning("carrier.poll_refused", message=failure.message)
        failure.log_for_operator()
        _postpone(leased, poll_delay(leased.age), failure=failure)
        return
    except RateLimited as limited:
        _postpone(leased, limited.retry_after or 0.0)
        return
    except CarrierUnavailable as unavailable:
        _log_unavailable(unavailable)
        _postpone(leased, poll_delay(leased.age, retry_after=unavailable.retry_after))
        return
    if report is not None:
        _handle_report(leased, report, age=leased.age)
    elif leased.age < settings.PROPAGATION_SETTLE_SECONDS:
        _postpone(leased, poll_delay(leased.age))
    else:
        log.warning("carrier.order_unknown")
        failure = AttachmentFailure(
            FailureCode.CARRIER_UNAVAILABLE, "The carrier's answer was lost, and it has no such order."
        )
        requeue_attachments(order_id=leased.order.id, lease=leased.lease, failure=failure)


def _log_unavailable(unavailable: CarrierUnavailable) -> None:
    log.warning(
        "carrier.unavailable",
        message=carriers_words(unavailable.message, otherwise=""),
        carrier_code=carriers_code(unavailable.carrier_code),
    )


def _handle_report(leased: _Leased, report: OrderReport, *, age: float) -> None:
    if report.is_open:
        _postpone(leased, poll_delay(age), carrier_order_id=report.carrier_order_id, steps=report.steps)
    else:
        record_report(order_id=leased.order.id, lease=leased.lease, report=report, poll_seconds=poll_delay(leased.age))


def _take(order_id: UUID, lease: datetime) -> _Leased | None:
    """Start a new lease of the order; None if `lease` is not in force: a worker taken for dead names an old one."""
    taken = new_lease()
    open_order = CarrierOrder.objects.filter(id=order_id, ended_at__isnull=True, next_poll_at=lease)
    if not open_order.update(next_poll_at=taken, has_news=False):
        return None
    age = Now() - Coalesce("sent_at", "created_at")
    order = CarrierOrder.objects.select_related("campaign__brand").annotate(age=age).get(id=order_id)
    return _Leased(order, taken, order.age.total_seconds())


def _mark_sent(leased: _Leased) -> OrderRequest | None:
    """Commit that the order is being sent. Return what to send, or close the order if all of it is superseded."""
    order = leased.order
    with transaction.atomic(durable=True):
        lock_order(order.id, leased.lease)
        # A superseded attachment need not reach the carrier.
        superseded = supersede(_submitted(order), Cause.OUTCOME)
        if superseded:
            make_successors_due([attachment.phone_number_id for attachment in superseded])
        request = _request_of(order)
        if not request.numbers:
            CarrierOrder.objects.filter(id=order.id).update(ended_at=Now(), next_poll_at=None)
            return None
        CarrierOrder.objects.filter(id=order.id).update(sent_at=Now())
        _submitted(order).update(submitted_at=Now())
        return request


def _request_of(order: CarrierOrder) -> OrderRequest:
    numbers = _submitted(order).order_by("phone_number_id").values_list("phone_number__number", flat=True)
    return OrderRequest(
        order_id=str(order.id),
        action=OrderAction(order.action),
        tcr_campaign_id=None if order.campaign is None else order.campaign.tcr_campaign_id,
        numbers=tuple(numbers),
        carrier_order_id=order.carrier_order_id,
        tcr_brand_id=None if order.campaign is None else order.campaign.brand.tcr_brand_id,
    )


def _submitted(order: CarrierOrder) -> QuerySet[CampaignAttachment]:
    return CampaignAttachment.objects.filter(order_id=order.id, status=AttachmentStatus.SUBMITTED)


def _postpone(
    leased: _Leased,
    seconds: float,
    *,
    carrier_order_id: str | None = None,
    failure: AttachmentFailure | None = None,
    is_unsent: bool = False,
    steps: Mapping[str, str] | None = None,
) -> None:
    """End the lease: the order is processed again after so many seconds. `failure` says why, on its attachments.

    If news of the order came meanwhile, it is processed again at once. Raises LeaseLost.
    """
    with transaction.atomic(durable=True):
        order = lock_order(leased.order.id, leased.lease)
        CarrierOrder.objects.filter(id=order.id).update(
            next_poll_at=Now() if order.has_news and not is_unsent else Now() + timedelta(seconds=seconds),
            is_leased=False,
            carrier_order_id=carriers_id(carrier_order_id) or order.carrier_order_id,
            sent_at=None if is_unsent else order.sent_at,
        )
        if is_unsent:
            _submitted(order).update(submitted_at=None)
        if steps:
            record_steps(order, steps)
        if failure is not None:
            is_same = Q(failure_code__isnull=True) | Q(failure_code=failure.code)
            _submitted(order).update(
                attempts=Case(When(is_same, then=F("attempts")), default=Value(1)),
                failure_code=failure.code,
                failure_carrier_code=failure.carrier_code,
                failure_message=failure.message,
            )
