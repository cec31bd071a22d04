"""Sends an order, or asks the carrier how it stands. Never inside a transaction."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from carriers.base import (
    Carrier,
    CarrierRefused,
    CarrierUnavailable,
    OrderAction,
    OrderReport,
    OrderRequest,
)
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment
from propagation.models import CarrierOrder
from propagation.services.calling import RateLimited, RateLimiter
from propagation.services.record import AttachmentFailure, dissolve_order, look_delay, record_report, retry_delay

log = structlog.get_logger(__name__)

# The order goes to whoever names the lease that stands; taking it sets a new one. A worker that was taken for dead and
# comes back holds an old one.
_TAKE = """
UPDATE propagation_carrierorder SET next_look_at = statement_timestamp() + %s * interval '1 second'
WHERE id = %s AND ended_at IS NULL AND next_look_at = %s
RETURNING next_look_at, extract(epoch FROM statement_timestamp() - coalesce(sent_at, created_at))::float8
"""
# What has been overtaken since need not be told to the carrier any more.
_DROP_OVERTAKEN = """
UPDATE numbers_campaignattachment a SET status = 'superseded'
FROM numbers_phonenumber p
WHERE a.order_id = %s AND a.status = 'submitted' AND p.id = a.phone_number_id AND p.current_attachment_id <> a.id
RETURNING a.phone_number_id
"""
_WAKE_SUCCESSORS = """
UPDATE numbers_campaignattachment a SET next_attempt_at = statement_timestamp()
FROM numbers_phonenumber p
WHERE p.id = ANY (%s) AND a.id = p.current_attachment_id AND a.status = 'pending'
  AND a.next_attempt_at > statement_timestamp()
"""
_MARK_SENT = "UPDATE propagation_carrierorder SET sent_at = statement_timestamp() WHERE id = %s"
_MARK_SUBMITTED = """
UPDATE numbers_campaignattachment SET submitted_at = statement_timestamp() WHERE order_id = %s AND status = 'submitted'
"""
_END_EMPTY = """
UPDATE propagation_carrierorder SET ended_at = statement_timestamp(), next_look_at = NULL WHERE id = %s
"""
# Only if the lease still stands: news that came meanwhile has made it due at once, which must not be undone.
_LOOK_LATER = """
UPDATE propagation_carrierorder
SET next_look_at = statement_timestamp() + %(seconds)s * interval '1 second',
    carrier_order_id = coalesce(%(carrier_order_id)s, carrier_order_id)
WHERE id = %(id)s AND ended_at IS NULL AND next_look_at = %(lease)s
"""
_UNSEND = """
UPDATE propagation_carrierorder
SET sent_at = NULL, next_look_at = statement_timestamp() + %(seconds)s * interval '1 second'
WHERE id = %(id)s AND ended_at IS NULL
"""
_NOTE = """
UPDATE numbers_campaignattachment
SET failure_code = %s, failure_carrier_code = %s, failure_message = %s
WHERE order_id = %s AND status = 'submitted'
"""


@dataclass(frozen=True, slots=True)
class _Held:
    order: CarrierOrder
    lease: datetime
    age: float
    """Seconds since it was sent."""


def work_order(*, order_id: UUID, lease: datetime, carrier: Carrier, rate_limiter: RateLimiter) -> None:
    """Takes the order one step further, if `lease` is still the one that stands.

    Every way out leaves the order ended, or with a time at which somebody looks again; so does the end of the process.
    """
    held = _take(order_id, lease)
    if held is None:
        return
    with structlog.contextvars.bound_contextvars(order_id=str(order_id), carrier=carrier.name):
        if held.order.sent_at is None:
            _send(held, carrier, rate_limiter)
        else:
            _look(held, carrier, rate_limiter)


def _send(held: _Held, carrier: Carrier, rate_limiter: RateLimiter) -> None:
    request = _mark_sent(held.order)
    if request is None:
        return
    log.info("order sent", action=request.action.value, numbers=len(request.numbers))
    try:
        report = carrier.submit(request)
    except CarrierRefused as refused:
        report = OrderReport(failure=refused.failure)
    except RateLimited as early:
        _unsend(held, early.retry_after)
        return
    except CarrierUnavailable as unavailable:
        log.warning("carrier unavailable", message=unavailable.message, carrier_code=unavailable.carrier_code)
        _not_sent(held, unavailable, rate_limiter)
        return
    _take_over(held, report)


def _not_sent(held: _Held, unavailable: CarrierUnavailable, rate_limiter: RateLimiter) -> None:
    failure = _failure_of(unavailable)
    if unavailable.was_sent:
        # It may be there. Nothing is repeated before it has been looked up.
        _note(held, failure)
        _look_later(held, look_delay(0.0, retry_after=unavailable.retry_after))
    elif unavailable.retry_after is not None:
        # The carrier lives and asks for a pause, which is no failed attempt.
        rate_limiter.pause(unavailable.retry_after)
        _note(held, failure)
        _unsend(held, unavailable.retry_after)
    else:
        dissolve_order(order_id=held.order.id, failure=failure)


def _look(held: _Held, carrier: Carrier, rate_limiter: RateLimiter) -> None:
    try:
        report = carrier.find(_request_of(held.order))
    except CarrierRefused as refused:
        # It says nothing of the order, only of how we ask.
        log.warning("carrier refuses to be asked", message=refused.failure.message)
        _note(held, AttachmentFailure.from_carrier(refused.failure))
        _look_later(held, look_delay(held.age))
        return
    except RateLimited as early:
        _look_later(held, early.retry_after or 0.0)
        return
    except CarrierUnavailable as unavailable:
        if unavailable.retry_after is not None and not unavailable.was_sent:
            rate_limiter.pause(unavailable.retry_after)
        log.warning("carrier unavailable", message=unavailable.message, carrier_code=unavailable.carrier_code)
        _look_later(held, look_delay(held.age, retry_after=unavailable.retry_after))
        return
    if report is not None:
        _take_over(held, report)
    elif held.age < settings.PROPAGATION_SETTLE_SECONDS:
        _look_later(held, look_delay(held.age))
    else:
        log.warning("carrier does not know the order")
        failure = AttachmentFailure(
            FailureCode.CARRIER_UNAVAILABLE, "The carrier's answer was lost, and it has no such order."
        )
        dissolve_order(order_id=held.order.id, failure=failure)


def _take_over(held: _Held, report: OrderReport) -> None:
    if report.is_open:
        _look_later(held, look_delay(held.age), carrier_order_id=report.carrier_order_id)
    else:
        record_report(order_id=held.order.id, report=report)


def _take(order_id: UUID, lease: datetime) -> _Held | None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [settings.PROPAGATION_LEASE_SECONDS, order_id, lease])
        row = cursor.fetchone()
    if row is None:
        return None
    order = CarrierOrder.objects.select_related("campaign").get(id=order_id)
    return _Held(order, lease=row[0], age=row[1])


def _mark_sent(order: CarrierOrder) -> OrderRequest | None:
    """What to send; None, and the order has ended, if all of it has been overtaken."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_DROP_OVERTAKEN, [order.id])
        overtaken = [row[0] for row in cursor.fetchall()]
        if overtaken:
            cursor.execute(_WAKE_SUCCESSORS, [overtaken])
        request = _request_of(order)
        if not request.numbers:
            cursor.execute(_END_EMPTY, [order.id])
            return None
        cursor.execute(_MARK_SENT, [order.id])
        cursor.execute(_MARK_SUBMITTED, [order.id])
        return request


def _request_of(order: CarrierOrder) -> OrderRequest:
    attachments = CampaignAttachment.objects.filter(order_id=order.id, status=AttachmentStatus.SUBMITTED)
    return OrderRequest(
        order_id=str(order.id),
        action=OrderAction(order.action),
        tcr_campaign_id=None if order.campaign is None else order.campaign.tcr_campaign_id,
        numbers=tuple(attachments.order_by("phone_number_id").values_list("phone_number__number", flat=True)),
        carrier_order_id=order.carrier_order_id,
    )


def _look_later(held: _Held, seconds: float, *, carrier_order_id: str | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _LOOK_LATER,
            {"seconds": seconds, "carrier_order_id": carrier_order_id, "id": held.order.id, "lease": held.lease},
        )


def _unsend(held: _Held, seconds: float | None) -> None:
    later = retry_delay(1, retry_after=seconds)
    with connection.cursor() as cursor:
        cursor.execute(_UNSEND, {"seconds": later, "id": held.order.id})


def _note(held: _Held, failure: AttachmentFailure) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [failure.code.value, failure.carrier_code, failure.message, held.order.id])


def _failure_of(unavailable: CarrierUnavailable) -> AttachmentFailure:
    return AttachmentFailure(FailureCode.CARRIER_UNAVAILABLE, unavailable.message, unavailable.carrier_code)
