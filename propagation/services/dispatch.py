"""One round of the controller: whatever is due goes to the job queue, and nothing else remembers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, connection

from carriers.base import Carrier
from propagation.services.approvals import wake_decided
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
