"""Keep the tables of orders and jobs small, and let nothing wait forever."""

from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from carriers.base import carriers_words
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment
from phone_numbers.services.transitions import Cause, supersede
from propagation.models import CarrierOrder, CarrierReading
from propagation.services.record import AttachmentFailure, LeaseLost, give_up_order, record_unsent

log = structlog.get_logger(__name__)

_ORDERS_KEPT_DAYS = 30
_LOST_AFTER_MINUTES = 15
_BATCH = 10_000

# Done, failed, or started by a worker without a heartbeat since. The orders themselves say what is left to do.
_DELETE_JOBS = """
DELETE FROM procrastinate_jobs WHERE id IN (
    SELECT job.id FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.queue_name = 'propagation'
      AND (job.status NOT IN ('todo', 'doing')
           OR job.status = 'doing'
              AND (worker.id IS NULL
                   OR worker.last_heartbeat < statement_timestamp() - %(minutes)s * interval '1 minute'))
    LIMIT %(limit)s
    FOR UPDATE OF job SKIP LOCKED
)
"""


def delete_old_orders() -> int:
    """Delete a batch of orders that ended more than 30 days ago. Return how many. History keeps their IDs."""
    old = CarrierOrder.objects.filter(ended_at__lt=Now() - timedelta(days=_ORDERS_KEPT_DAYS)).order_by("ended_at")
    batch = old.select_for_update(skip_locked=True).values("id")[:_BATCH]
    return CarrierOrder.objects.filter(id__in=batch).delete()[0]


def delete_old_readings() -> int:
    """Delete readings of the carrier that were started more than 30 days ago. Return how many."""
    old = CarrierReading.objects.filter(started_at__lt=Now() - timedelta(days=_ORDERS_KEPT_DAYS))
    deleted: int = old.delete()[1].get(CarrierReading._meta.label, 0)
    return deleted


def delete_lost_jobs() -> int:
    """Delete a batch of jobs that no worker will finish. Return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_JOBS, {"minutes": _LOST_AFTER_MINUTES, "limit": _BATCH})
        deleted: int = cursor.rowcount
    return deleted


def expire_orders() -> int:
    """Close a batch of orders that have been open for more than PROPAGATION_ORDER_DAYS. Return how many."""
    days = settings.PROPAGATION_ORDER_DAYS
    old = CarrierOrder.objects.filter(ended_at__isnull=True, created_at__lt=Now() - timedelta(days=days))
    failure = AttachmentFailure(FailureCode.ORDER_EXPIRED, f"The carrier did not finish the order in {days:g} days.")
    ids = old.order_by("id").values_list("id", flat=True)[:_BATCH]
    return sum(_give_up(order_id, failure) for order_id in ids)


def fail_removed_accounts() -> int:
    """Close the orders and fail a batch of the due attachments of accounts that are not configured. Return how many."""
    failure = AttachmentFailure(FailureCode.NOT_CONFIGURED, "The carrier account of the number is not configured.")
    removed = ~Q(carrier__in=list(settings.CARRIERS))
    open_orders = CarrierOrder.objects.filter(removed, ended_at__isnull=True).order_by("id")
    closed = sum(_give_up(order_id, failure) for order_id in open_orders.values_list("id", flat=True)[:_BATCH])
    due = CampaignAttachment.objects.filter(removed, next_attempt_at__isnull=False, status=AttachmentStatus.PENDING)
    ids = list(due.values_list("id", flat=True)[:_BATCH])
    if ids:
        record_unsent(dict.fromkeys(ids, failure))
    return closed + len(ids)


def abandon_order(*, order_id: UUID, reason: str = "") -> None:
    """Close an open order as if it had expired, because an operator says so. Raises LeaseLost if it is not open."""
    message = carriers_words(f"An operator abandoned the order. {reason}", otherwise="")
    give_up_order(order_id=order_id, failure=AttachmentFailure(FailureCode.ORDER_EXPIRED, message))
    log.warning("order.abandoned", order_id=str(order_id))


def expire_waiting() -> int:
    """Fail a batch of attachments that have waited for longer than their maximum age. Return how many.

    Attachments that have been superseded while they waited for an approval are closed too.
    """
    with transaction.atomic(durable=True):
        waiting = CampaignAttachment.objects.filter(next_attempt_at__isnull=True, status=AttachmentStatus.PENDING)
        supersede(waiting, Cause.EXPIRY)
    approval_days, detach_days = settings.PROPAGATION_APPROVAL_DAYS, settings.PROPAGATION_DETACH_DAYS
    return _expire_attachments(
        CampaignAttachment.objects.filter(next_attempt_at__isnull=True, campaign__isnull=False),
        approval_days,
        AttachmentFailure(
            FailureCode.APPROVAL_EXPIRED, f"The carrier has not decided on the campaign in {approval_days:g} days."
        ),
        still=Q(attachments__next_attempt_at__isnull=True),
    ) + _expire_attachments(
        CampaignAttachment.objects.filter(next_attempt_at__isnull=False, campaign__isnull=True),
        detach_days,
        AttachmentFailure(
            FailureCode.DETACH_EXPIRED, f"The carrier has not confirmed the detach in {detach_days:g} days."
        ),
        still=Q(attachments__next_attempt_at__isnull=False),
    )


def _give_up(order_id: UUID, failure: AttachmentFailure) -> bool:
    try:
        give_up_order(order_id=order_id, failure=failure)
    except LeaseLost:
        # Another process has just closed it.
        return False
    log.warning("order.given_up", order_id=str(order_id), failure=failure.code.value)
    return True


def _expire_attachments(
    waiting: QuerySet[CampaignAttachment], days: float, failure: AttachmentFailure, *, still: Q
) -> int:
    old = waiting.filter(status=AttachmentStatus.PENDING).annotate(since=Coalesce(F("resumed_at"), F("created_at")))
    expired = list(old.filter(since__lt=Now() - timedelta(days=days)).values_list("id", flat=True)[:_BATCH])
    if expired:
        record_unsent(dict.fromkeys(expired, failure), cause=Cause.EXPIRY, still=still)
    return len(expired)
