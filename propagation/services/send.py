"""Send an order to the carrier, or poll it. Never inside a transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from carriers.base import Carrier, CarrierRefused, CarrierUnavailable, OrderAction, OrderReport, OrderRequest
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment
from propagation.models import CarrierOrder
from propagation.services.calling import RateLimited, RateLimiter
from propagation.services.record import (
    AttachmentFailure,
    make_successors_due,
    poll_delay,
    record_report,
    requeue_attachments,
    retry_delay,
)

log = structlog.get_logger(__name__)

# The order goes to the worker that names the lease in force, and taking it starts a new lease. A worker that was taken
# for dead and comes back names an old one.
_TAKE = """
UPDATE propagation_carrierorder SET next_poll_at = statement_timestamp() + %(seconds)s * interval '1 second'
WHERE id = %(id)s AND ended_at IS NULL AND next_poll_at = %(lease)s
RETURNING next_poll_at, extract(epoch FROM statement_timestamp() - coalesce(sent_at, created_at))::float8
"""
# A superseded attachment need not reach the carrier.
_DROP_SUPERSEDED = """
UPDATE numbers_campaignattachment a SET status = 'superseded'
FROM numbers_phonenumber p
WHERE a.order_id = %(order)s AND a.status = 'submitted' AND p.id = a.phone_number_id AND p.current_attachment_id <> a.id
RETURNING a.phone_number_id
"""


@dataclass(frozen=True, slots=True)
class _Leased:
    order: CarrierOrder
    lease: datetime
    age: float
    """Seconds since the order was sent."""


def process_order(*, order_id: UUID, lease: datetime, carrier: Carrier, rate_limiter: RateLimiter) -> None:
    """Send the order, or poll it if it has been sent; do nothing if `lease` is no longer in force.

    Postcondition: the order is closed or has a next poll time, even if the process dies.
    """
    leased = _take(order_id, lease)
    if leased is None:
        return
    with structlog.contextvars.bound_contextvars(order_id=str(order_id), carrier=carrier.name):
        if leased.order.sent_at is None:
            _send(leased, carrier, rate_limiter)
        else:
            _poll(leased, carrier, rate_limiter)


def _send(leased: _Leased, carrier: Carrier, rate_limiter: RateLimiter) -> None:
    request = _mark_sent(leased.order)
    if request is None:
        return
    log.info("order sent", action=request.action.value, numbers=len(request.numbers))
    try:
        report = carrier.submit(request)
    except CarrierRefused as refused:
        report = OrderReport(failure=refused.failure)
    except RateLimited as limited:
        _mark_unsent(leased, limited.retry_after)
        return
    except CarrierUnavailable as unavailable:
        log.warning("carrier unavailable", message=unavailable.message, carrier_code=unavailable.carrier_code)
        _handle_unavailable(leased, unavailable, rate_limiter)
        return
    _handle_report(leased, report)


def _handle_unavailable(leased: _Leased, unavailable: CarrierUnavailable, rate_limiter: RateLimiter) -> None:
    failure = AttachmentFailure(FailureCode.CARRIER_UNAVAILABLE, unavailable.message, unavailable.carrier_code)
    if unavailable.was_sent:
        # The carrier may have the order. It is looked up before anything is repeated.
        _note_failure(leased, failure)
        _poll_later(leased, poll_delay(0.0, retry_after=unavailable.retry_after))
    elif unavailable.retry_after is not None:
        # The carrier works and asks for a pause, which is not a failed attempt.
        rate_limiter.pause(unavailable.retry_after)
        _note_failure(leased, failure)
        _mark_unsent(leased, unavailable.retry_after)
    else:
        requeue_attachments(order_id=leased.order.id, failure=failure)


def _poll(leased: _Leased, carrier: Carrier, rate_limiter: RateLimiter) -> None:
    try:
        report = carrier.find(_request_of(leased.order))
    except CarrierRefused as refused:
        # This is about how we ask, not about the order.
        log.warning("carrier refuses to be asked", message=refused.failure.message)
        _note_failure(leased, AttachmentFailure.from_carrier(refused.failure))
        _poll_later(leased, poll_delay(leased.age))
        return
    except RateLimited as limited:
        _poll_later(leased, limited.retry_after or 0.0)
        return
    except CarrierUnavailable as unavailable:
        if unavailable.retry_after is not None and not unavailable.was_sent:
            rate_limiter.pause(unavailable.retry_after)
        log.warning("carrier unavailable", message=unavailable.message, carrier_code=unavailable.carrier_code)
        _poll_later(leased, poll_delay(leased.age, retry_after=unavailable.retry_after))
        return
    if report is not None:
        _handle_report(leased, report)
    elif leased.age < settings.PROPAGATION_SETTLE_SECONDS:
        _poll_later(leased, poll_delay(leased.age))
    else:
        log.warning("carrier does not know the order")
        failure = AttachmentFailure(
            FailureCode.CARRIER_UNAVAILABLE, "The carrier's answer was lost, and it has no such order."
        )
        requeue_attachments(order_id=leased.order.id, failure=failure)


def _handle_report(leased: _Leased, report: OrderReport) -> None:
    if report.is_open:
        _poll_later(leased, poll_delay(leased.age), carrier_order_id=report.carrier_order_id)
    else:
        record_report(order_id=leased.order.id, report=report)


def _take(order_id: UUID, lease: datetime) -> _Leased | None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"seconds": settings.PROPAGATION_LEASE_SECONDS, "id": order_id, "lease": lease})
        row = cursor.fetchone()
    if row is None:
        return None
    order = CarrierOrder.objects.select_related("campaign").get(id=order_id)
    return _Leased(order, lease=row[0], age=row[1])


def _mark_sent(order: CarrierOrder) -> OrderRequest | None:
    """Commit that the order is being sent. Return what to send, or close the order if all of it is superseded."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(_DROP_SUPERSEDED, {"order": order.id})
            superseded = [row[0] for row in cursor.fetchall()]
        if superseded:
            make_successors_due(superseded)
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
    )


def _submitted(order: CarrierOrder) -> QuerySet[CampaignAttachment]:
    return CampaignAttachment.objects.filter(order_id=order.id, status=AttachmentStatus.SUBMITTED)


def _open(leased: _Leased) -> QuerySet[CarrierOrder]:
    return CarrierOrder.objects.filter(id=leased.order.id, ended_at__isnull=True)


def _poll_later(leased: _Leased, seconds: float, *, carrier_order_id: str | None = None) -> None:
    # Only under the same lease: news that arrived meanwhile has made the order due now, which must stay so.
    _open(leased).filter(next_poll_at=leased.lease).update(
        next_poll_at=Now() + timedelta(seconds=seconds),
        carrier_order_id=carrier_order_id or leased.order.carrier_order_id,
    )


def _mark_unsent(leased: _Leased, retry_after: float | None) -> None:
    later = timedelta(seconds=retry_delay(1, retry_after=retry_after))
    _open(leased).update(sent_at=None, next_poll_at=Now() + later)


def _note_failure(leased: _Leased, failure: AttachmentFailure) -> None:
    _submitted(leased.order).update(
        failure_code=failure.code, failure_carrier_code=failure.carrier_code, failure_message=failure.message
    )
