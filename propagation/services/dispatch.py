"""Make due what can go on, and hand everything that is due to the job queue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, connection

from agentmessage.ids import parse_uuid
from carriers.base import Carrier
from propagation.services.claim import BATCH, claim_due
from propagation.services.record import record_failures

log = structlog.get_logger(__name__)

# A job of this many small orders still ends within a lease if the carrier answers at all.
ORDERS_PER_JOB = 20
# One round claims this many batches at most; the next round follows within seconds.
_MAX_BATCHES = 10
_WAKE_BATCH = 10_000

_LEASE_DUE_ORDERS = """
UPDATE propagation_carrierorder SET next_poll_at = statement_timestamp() + %(lease)s * interval '1 second'
WHERE id IN (
    SELECT id FROM propagation_carrierorder
    WHERE carrier = %(carrier)s AND ended_at IS NULL AND next_poll_at <= statement_timestamp()
    ORDER BY next_poll_at, id
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id, next_poll_at
"""
_MAKE_ORDERS_DUE = """
UPDATE propagation_carrierorder o SET next_poll_at = statement_timestamp()
WHERE o.ended_at IS NULL AND o.sent_at IS NOT NULL AND o.next_poll_at > statement_timestamp()
  AND (o.id = ANY (%(ids)s) OR o.id IN (
      SELECT a.order_id FROM numbers_phonenumber p
      JOIN numbers_campaignattachment a ON a.phone_number_id = p.id AND a.status = 'submitted'
      WHERE p.number = ANY (%(numbers)s)
  ))
"""
# One probe of the index of waiting attachments per campaign, however many of them wait.
_DECIDED_CAMPAIGNS = """
SELECT c.id, c.carrier_status = 'APPROVED'
FROM campaigns_campaign c
CROSS JOIN LATERAL (
    SELECT 1 FROM numbers_campaignattachment a
    WHERE a.campaign_id = c.id AND a.next_attempt_at IS NULL
      AND (a.status = 'pending'
           OR a.status = 'failed' AND a.failure_code IN ('CAMPAIGN_REJECTED', 'CAMPAIGN_SUSPENDED')
              AND c.carrier_status = 'APPROVED')
    LIMIT 1
) AS waiting
WHERE c.carrier_status <> 'PENDING'
"""
_MAKE_WAITING_DUE = """
WITH waiting AS (
    SELECT id, status FROM numbers_campaignattachment
    WHERE campaign_id = %(campaign)s AND next_attempt_at IS NULL
      AND (status = 'pending'
           OR status = 'failed' AND failure_code IN ('CAMPAIGN_REJECTED', 'CAMPAIGN_SUSPENDED') AND %(approved)s)
    ORDER BY id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE numbers_campaignattachment a
SET next_attempt_at = statement_timestamp(), status = 'pending'
FROM waiting WHERE a.id = waiting.id
RETURNING a.id, a.phone_number_id, waiting.status = 'failed'
"""
# A statement of its own, because a transaction that locks both locks numbers first. If it is lost, the outcome of the
# next attempt corrects the numbers.
_MARK_PENDING_AGAIN = """
UPDATE numbers_phonenumber
SET carrier_line_option_status = 'pending',
    updated_at = greatest(statement_timestamp(), updated_at + interval '1 microsecond')
WHERE id = ANY (%(numbers)s) AND current_attachment_id = ANY (%(attachments)s) AND carrier_line_option_status = 'failed'
"""

Defer = Callable[[Sequence[UUID], datetime], None]
"""Queue a job that processes these orders under this lease."""


@dataclass(slots=True)
class Round:
    """What one round found."""

    woken: int = 0
    claimed: int = 0
    orders: int = 0


def run_round(*, carrier: Carrier, open_orders: int, defer: Defer, backlog: Callable[[], int], max_jobs: int) -> Round:
    """Lease and claim what is due until nothing is left, or until `max_jobs` jobs wait.

    Nothing but the due times remembers the work: after a crash between a lease and its job, the lease expires and the
    order is due again.

    Args:
        carrier: The carrier whose orders are dispatched.
        open_orders: How many orders may be open at the carrier at once; 0: no limit.
        defer: Queues a job.
        backlog: Counts the jobs that wait now.
        max_jobs: How many jobs may wait.
    """
    found = Round(woken=make_decided_due())
    room = max(max_jobs - backlog(), 0)
    # Orders that are already at the carrier come first, because their end makes room for others.
    if room:
        room -= _defer(_lease_due_orders(carrier, limit=room * ORDERS_PER_JOB), defer, found)
    for _ in range(_MAX_BATCHES):
        if room <= 0:
            break
        limit = min(BATCH, room * ORDERS_PER_JOB) if carrier.batch_size == 1 else BATCH
        try:
            claim = claim_due(carrier, open_orders=open_orders, limit=limit)
        except IntegrityError as clash:
            if "one_in_flight" not in str(clash):
                raise
            # Another worker claimed an older attachment of the same number at this moment. This one is due again.
            log.info("claims clashed")
            break
        found.claimed += claim.rows
        if claim.failures:
            record_failures(claim.failures)
        room -= _defer(claim.orders, defer, found)
        if claim.rows < limit:
            break
    return found


def make_decided_due() -> int:
    """Make due the attachments that waited for a campaign on which the carrier has now decided. Return their number.

    Nothing has to announce a decision: the waiting rows are found whichever code wrote `carrier_status`, so an approval
    that commits while an attach is under way is not missed. Handles at most one batch per campaign and call.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED_CAMPAIGNS)
        woken = 0
        for campaign_id, is_approved in cursor.fetchall():
            cursor.execute(_MAKE_WAITING_DUE, {"campaign": campaign_id, "approved": is_approved, "limit": _WAKE_BATCH})
            rows = cursor.fetchall()
            woken += len(rows)
            failed = [row for row in rows if row[2]]
            if failed:
                cursor.execute(
                    _MARK_PENDING_AGAIN,
                    {"attachments": [row[0] for row in failed], "numbers": [row[1] for row in failed]},
                )
    return woken


def make_orders_due(*, order_ids: Sequence[str] = (), numbers: Sequence[str] = ()) -> int:
    """Have open orders polled now, because the carrier announced news of them. Return how many.

    The news itself is not used, so it may come twice, late or forged: the carrier is asked. Unknown and closed orders
    are ignored.
    """
    ids: list[UUID] = [order_id for text in order_ids if (order_id := parse_uuid(text)) is not None]
    with connection.cursor() as cursor:
        cursor.execute(_MAKE_ORDERS_DUE, {"ids": ids, "numbers": list(numbers)})
        count: int = cursor.rowcount
    return count


def _lease_due_orders(carrier: Carrier, *, limit: int) -> list[tuple[UUID, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE_DUE_ORDERS,
            {"lease": settings.PROPAGATION_LEASE_SECONDS, "carrier": carrier.name, "limit": limit},
        )
        leased: list[tuple[UUID, datetime]] = cursor.fetchall()
    return leased


def _defer(leased: list[tuple[UUID, datetime]], defer: Defer, found: Round) -> int:
    found.orders += len(leased)
    jobs = 0
    for start in range(0, len(leased), ORDERS_PER_JOB):
        batch = leased[start : start + ORDERS_PER_JOB]
        defer([order_id for order_id, _lease in batch], batch[0][1])
        jobs += 1
    return jobs
