"""One round of the controller: whatever is due goes to the job queue, and nothing else remembers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, connection

from agentmessage.ids import parse_uuid
from carriers.base import Carrier
from propagation.services.claim import BATCH, Claim, claim_due
from propagation.services.record import record_doomed

log = structlog.get_logger(__name__)

# A job of many small orders still ends within a lease if the carrier answers at all.
ORDERS_PER_JOB = 20
# So many due rows one round takes on at most; the next one comes in a second or two.
_BATCHES = 10

_DUE_ORDERS = """
UPDATE propagation_carrierorder SET next_look_at = statement_timestamp() + %s * interval '1 second'
WHERE id IN (
    SELECT id FROM propagation_carrierorder
    WHERE carrier = %s AND ended_at IS NULL AND next_look_at <= statement_timestamp()
    ORDER BY next_look_at, id
    LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id, next_look_at
"""

Defer = Callable[[Sequence[UUID], datetime], None]
"""Queues a job that works on these orders under this lease."""


@dataclass(slots=True)
class Round:
    """What one round found."""

    woken: int = 0
    claimed: int = 0
    orders: int = 0


def run_round(*, carrier: Carrier, open_orders: int, defer: Defer, backlog: Callable[[], int], most_jobs: int) -> Round:
    """Takes on what is due until nothing is, or until `most_jobs` jobs wait. `backlog` says how many wait now.

    A crash between a lease and its job loses nothing: the lease runs out, and the order is due again.
    """
    found = Round(woken=wake_decided())
    room = max(most_jobs - backlog(), 0)
    # Orders that are at the carrier already come first: their end makes room.
    if room:
        room -= _defer(_lease_due_orders(carrier, limit=room * ORDERS_PER_JOB), defer, found)
    for _ in range(_BATCHES):
        if room <= 0:
            break
        limit = min(BATCH, room * ORDERS_PER_JOB) if carrier.batch_size == 1 else BATCH
        try:
            claim = claim_due(carrier, open_orders=open_orders, limit=limit)
        except IntegrityError as clash:
            if "one_in_flight" not in str(clash):
                raise
            # Another claim took a number's older entry in the same moment. Nothing is lost; it is due again.
            log.info("claims clashed")
            break
        found.claimed += claim.rows
        if claim.doomed:
            record_doomed(doomed=claim.doomed)
        room -= _defer(_leased(claim), defer, found)
        if claim.rows < limit:
            break
    return found


def _lease_due_orders(carrier: Carrier, *, limit: int) -> list[tuple[UUID, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE_ORDERS, [settings.PROPAGATION_LEASE_SECONDS, carrier.name, limit])
        leased: list[tuple[UUID, datetime]] = cursor.fetchall()
    return leased


def _leased(claim: Claim) -> list[tuple[UUID, datetime]]:
    return [(order_id, claim.lease) for order_id in claim.order_ids if claim.lease]


def _defer(leased: list[tuple[UUID, datetime]], defer: Defer, found: Round) -> int:
    found.orders += len(leased)
    jobs = 0
    for start in range(0, len(leased), ORDERS_PER_JOB):
        some = leased[start : start + ORDERS_PER_JOB]
        defer([order_id for order_id, _lease in some], some[0][1])
        jobs += 1
    return jobs


# For each campaign one look into the index of what waits, however many rows of it wait.
_DECIDED = """
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

# A batch at a time, oldest first.
_WAKE = """
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

# The numbers follow in a statement of their own: whoever locks both locks numbers first. If this one is lost, the
# outcome of the attempt puts it right.
_PENDING_AGAIN = """
UPDATE numbers_phonenumber
SET carrier_line_option_status = 'pending',
    updated_at = greatest(statement_timestamp(), updated_at + interval '1 microsecond')
WHERE id = ANY (%(numbers)s) AND current_attachment_id = ANY (%(attachments)s) AND carrier_line_option_status = 'failed'
"""
_BATCH = 10_000


def wake_decided() -> int:
    """How many attachments are due now that were not before. Does at most a batch for each campaign."""
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED)
        woken = 0
        for campaign_id, is_approved in cursor.fetchall():
            cursor.execute(_WAKE, {"campaign": campaign_id, "approved": is_approved, "limit": _BATCH})
            rows = cursor.fetchall()
            woken += len(rows)
            failed = [row for row in rows if row[2]]
            if failed:
                cursor.execute(
                    _PENDING_AGAIN, {"attachments": [row[0] for row in failed], "numbers": [row[1] for row in failed]}
                )
    return woken


_WAKE = """
UPDATE propagation_carrierorder o SET next_look_at = statement_timestamp()
WHERE o.ended_at IS NULL AND o.sent_at IS NOT NULL AND o.next_look_at > statement_timestamp()
  AND (o.id = ANY (%(ids)s) OR o.id IN (
      SELECT a.order_id FROM numbers_phonenumber p
      JOIN numbers_campaignattachment a ON a.phone_number_id = p.id AND a.status = 'submitted'
      WHERE p.number = ANY (%(numbers)s)
  ))
"""


def wake_orders(*, order_ids: Sequence[str] = (), numbers: Sequence[str] = ()) -> int:
    """How many open orders are looked at sooner for it. What is no order of ours, or has ended, is left alone.

    The news itself is not taken over: whoever told it, the carrier is asked. So it may come twice, late or forged.
    """
    ids: list[UUID] = [identifier for text in order_ids if (identifier := parse_uuid(text)) is not None]
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, {"ids": ids, "numbers": list(numbers)})
        woken: int = cursor.rowcount
    return woken
