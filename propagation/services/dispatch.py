"""Make due what can go on, and hand everything that is due to the job queue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Greatest, Now

from agentmessage.ids import parse_uuid
from carriers.base import Carrier
from phone_numbers.failures import WAIT_FOR_CAMPAIGN
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, PhoneNumber
from phone_numbers.services.locking import lock_attached_phone_numbers
from phone_numbers.services.retry import RESUMED
from phone_numbers.services.transitions import Cause, check_transition, log_transition
from propagation.models import CarrierOrder
from propagation.services.calling import RateLimiter
from propagation.services.claim import BATCH, claim_due
from propagation.services.record import new_lease, record_unsent

log = structlog.get_logger(__name__)

# Orders whose jobs do not get to them in time are due again (`propagation.tasks.process_orders`).
ORDERS_PER_JOB = 20
# One round claims this many batches at most; the next round follows within seconds.
_MAX_BATCHES = 10
_WAKE_BATCH = 10_000
# What waits in the queue of an account that limits its requests: enough to keep its workers busy until the next round.
_QUEUED_SECONDS = 3.0

# The campaigns that attachments wait for, found by one probe of the index of waiting attachments for each of them, and
# of these the ones on which there is a decision: the carrier's, an operator's, or that the campaign or its brand is no
# longer fit.
_WAITING = """a.next_attempt_at IS NULL
      AND (a.status = 'pending'
           OR a.status = 'failed' AND a.failure_code IN ('CAMPAIGN_REJECTED', 'CAMPAIGN_SUSPENDED', 'APPROVAL_EXPIRED'))
"""
_DECIDED_CAMPAIGNS = f"""
WITH RECURSIVE waited_for (id) AS (
    (SELECT a.campaign_id FROM numbers_campaignattachment a WHERE {_WAITING} ORDER BY a.campaign_id LIMIT 1)
    UNION ALL
    SELECT (SELECT a.campaign_id FROM numbers_campaignattachment a
            WHERE a.campaign_id > waited_for.id AND {_WAITING} ORDER BY a.campaign_id LIMIT 1)
    FROM waited_for WHERE waited_for.id IS NOT NULL
), decided AS (
    SELECT c.id, c.carrier_status = 'APPROVED' AND c.suspension_reason = '' AND c.status = 'ACTIVE'
                 AND coalesce(b.identity_status, '') IN ('VERIFIED', 'VETTED_VERIFIED') AS is_approved
    FROM waited_for
    JOIN campaigns_campaign c ON c.id = waited_for.id
    JOIN brands_brand b ON b.id = c.brand_id
    WHERE c.carrier_status <> 'PENDING' OR c.suspension_reason <> '' OR c.status <> 'ACTIVE'
       OR coalesce(b.identity_status, '') NOT IN ('VERIFIED', 'VETTED_VERIFIED')
)
SELECT decided.id, decided.is_approved FROM decided
CROSS JOIN LATERAL (
    SELECT 1 FROM numbers_campaignattachment a
    WHERE a.campaign_id = decided.id AND {_WAITING} AND (a.status = 'pending' OR decided.is_approved)
    LIMIT 1
) AS waiting
"""  # noqa: S608  (Constants of this module.)

Defer = Callable[[Sequence[UUID], datetime], None]
"""Queue a job that processes these orders under this lease."""


@dataclass(slots=True)
class Round:
    """What one round found."""

    woken: int = 0
    claimed: int = 0
    orders: int = 0


def run_round(
    *,
    carrier: Carrier,
    rate_limiter: RateLimiter,
    open_orders: int,
    defer: Defer,
    backlog: Callable[[], int],
    max_jobs: int,
) -> Round:
    """Lease and claim what is due at one account until nothing is left, or until enough jobs wait.

    Nothing but the due times remembers the work: after a crash between a lease and its job, the lease expires and the
    order is due again.

    Args:
        carrier: The account whose orders are dispatched.
        rate_limiter: The account's. Jobs wait for some seconds' worth of its requests, so that an order that comes
            later is not far behind; none are added while the carrier has asked for a pause.
        open_orders: How many orders may be open at the account at once; 0: no limit.
        defer: Queues a job.
        backlog: Counts the account's jobs that wait now.
        max_jobs: How many jobs may wait.
    """
    found = Round(woken=make_decided_due())
    if rate_limiter.paused_seconds():
        return found
    size, rate = ORDERS_PER_JOB, rate_limiter.requests_per_second
    if rate:
        size = min(max(int(rate / 2), 1), ORDERS_PER_JOB)
        max_jobs = min(max_jobs, ceil(rate * _QUEUED_SECONDS / size))
    room = max(max_jobs - backlog(), 0)
    # Orders that are already at the carrier come first, because their end makes room for others. Half of the jobs are
    # for new orders, unless there are too few.
    room -= _defer(_lease_due_orders(carrier, limit=ceil(room / 2) * size), defer, found, size)
    for _ in range(_MAX_BATCHES):
        if room <= 0:
            break
        limit = min(BATCH, room * size) if carrier.batch_size == 1 else BATCH
        try:
            claim = claim_due(carrier, open_orders=open_orders, limit=limit, max_orders=room * size)
        except IntegrityError as clash:
            if "one_in_flight" not in str(clash):
                raise
            # Another worker claimed an older attachment of the same number at this moment. This one is due again.
            log.info("propagation.claims_clashed")
            break
        found.claimed += claim.rows
        if claim.unsent:
            record_unsent(claim.unsent)
        room -= _defer(claim.orders, defer, found, size)
        if claim.is_drained:
            break
    if room > 0:
        _defer(_lease_due_orders(carrier, limit=room * size), defer, found, size)
    return found


def make_decided_due() -> int:
    """Make due the attachments that waited for a campaign on which the carrier has now decided. Return their number.

    Nothing has to announce a decision: the waiting rows are found whichever code wrote `carrier_status`, so an approval
    that commits while an attach is under way is not missed. Handles at most one batch per campaign and call.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED_CAMPAIGNS)
        decided = cursor.fetchall()
    woken = 0
    for campaign_id, is_approved in decided:
        waiting = CampaignAttachment.objects.filter(
            campaign_id=campaign_id, next_attempt_at__isnull=True, status=AttachmentStatus.PENDING
        )
        batch = waiting.select_for_update(no_key=True, skip_locked=True).order_by("id").values("id")[:_WAKE_BATCH]
        with transaction.atomic():
            woken += CampaignAttachment.objects.filter(id__in=batch).update(next_attempt_at=Now())
        if is_approved:
            woken += _resume_failed(campaign_id)
    return woken


def _resume_failed(campaign_id: UUID) -> int:
    """Make pending what failed because the campaign was not approved. Locked numbers are left for a later round.

    The numbers are locked before their attachments, as everywhere, and in the order of their IDs.
    """
    failed = CampaignAttachment.objects.filter(
        campaign_id=campaign_id,
        status=AttachmentStatus.FAILED,
        failure_code__in=WAIT_FOR_CAMPAIGN,
        next_attempt_at__isnull=True,
    )
    with transaction.atomic(durable=True):
        chosen = list(failed.order_by("id").values_list("id", flat=True)[:_WAKE_BATCH])
        numbers = lock_attached_phone_numbers(Q(attachments__id__in=chosen), skip_locked=True)
        locked = dict(numbers.values_list("id", "current_attachment_id"))
        resumed = list(failed.filter(id__in=chosen, phone_number_id__in=locked))
        check_transition(AttachmentStatus.FAILED, AttachmentStatus.PENDING, Cause.APPROVAL)
        count = failed.filter(id__in=[attachment.id for attachment in resumed]).update(**RESUMED)
        current = [attachment for attachment in resumed if locked[attachment.phone_number_id] == attachment.id]
        PhoneNumber.objects.filter(
            id__in=[attachment.phone_number_id for attachment in current],
            carrier_line_option_status=LineOptionStatus.FAILED,
        ).update(
            carrier_line_option_status=LineOptionStatus.PENDING,
            updated_at=Greatest(Now(), F("updated_at") + timedelta(microseconds=1)),
        )
        for attachment in resumed:
            log_transition(
                attachment_id=attachment.id,
                outcome=AttachmentStatus.PENDING,
                is_detach=False,
                request_id=attachment.request_id,
            )
    return count


def make_orders_due(*, order_ids: Sequence[str] = (), numbers: Sequence[str] = ()) -> int:
    """Have open orders polled now, or as soon as the worker that holds one puts it back. Return how many.

    The carrier has announced news of them. The news itself is not used, so it may come twice, late or forged: the
    carrier is asked. Unknown and closed orders are ignored.
    """
    ids: list[UUID] = [order_id for text in order_ids if (order_id := parse_uuid(text)) is not None]
    if numbers:
        submitted = CampaignAttachment.objects.filter(
            status=AttachmentStatus.SUBMITTED, phone_number__number__in=numbers
        )
        ids += [order_id for order_id in submitted.values_list("order_id", flat=True) if order_id]
    sent = CarrierOrder.objects.filter(id__in=ids, ended_at__isnull=True, sent_at__isnull=False, next_poll_at__gt=Now())
    # An order that a worker holds now is due when the worker puts it back: news does not end a lease.
    due_at = Case(When(is_leased=True, then=F("next_poll_at")), default=Now())
    return sent.update(has_news=True, next_poll_at=due_at)


def _lease_due_orders(carrier: Carrier, *, limit: int) -> list[tuple[UUID, datetime]]:
    due = CarrierOrder.objects.filter(carrier=carrier.name, ended_at__isnull=True, next_poll_at__lte=Now())
    batch = due.select_for_update(no_key=True, skip_locked=True).order_by("next_poll_at", "id")
    with transaction.atomic(durable=True):
        ids = list(batch.values_list("id", flat=True)[:limit])
        lease = new_lease()
        CarrierOrder.objects.filter(id__in=ids).update(next_poll_at=lease, is_leased=True)
    return [(order_id, lease) for order_id in ids]


def _defer(leased: list[tuple[UUID, datetime]], defer: Defer, found: Round, size: int) -> int:
    found.orders += len(leased)
    jobs = 0
    for start in range(0, len(leased), size):
        batch = leased[start : start + size]
        defer([order_id for order_id, _lease in batch], batch[0][1])
        jobs += 1
    return jobs
