"""Turns what is due into orders: in one transaction, in batches, and nothing that another worker is at."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from agentmessage.ids import uuid7
from campaigns.models import Campaign, CarrierStatus
from phone_numbers.carriers.protocol import Carrier, Failure
from phone_numbers.failures import FailureCode
from phone_numbers.models import CarrierOrder
from phone_numbers.services.locking import array_literal

BATCH = 2_000
# A number whose last order is still open waits for its end, which makes it due at once. This is for an end that was
# missed.
_BLOCKED_SECONDS = 15

# The rows are locked, the numbers are not: an attach never waits for a worker.
_DUE = """
SELECT a.id, a.organization_id, a.campaign_id, p.current_attachment_id = a.id,
       EXISTS (SELECT 1 FROM numbers_campaignattachment other
               WHERE other.phone_number_id = a.phone_number_id AND other.status = 'submitted')
FROM numbers_campaignattachment a
JOIN numbers_phonenumber p ON p.id = a.phone_number_id
WHERE a.next_attempt_at <= statement_timestamp()
ORDER BY a.next_attempt_at, a.id
LIMIT %s
FOR NO KEY UPDATE OF a SKIP LOCKED
"""
_OVERTAKEN = """
UPDATE numbers_campaignattachment SET status = 'superseded', next_attempt_at = NULL WHERE id = ANY (%s::uuid[])
"""
_WAIT_FOR_APPROVAL = "UPDATE numbers_campaignattachment SET next_attempt_at = NULL WHERE id = ANY (%s::uuid[])"
_POSTPONE = """
UPDATE numbers_campaignattachment SET next_attempt_at = statement_timestamp() + %s * interval '1 second'
WHERE id = ANY (%s::uuid[])
"""
_SUBMIT = """
UPDATE numbers_campaignattachment
SET status = 'submitted', order_id = %s, attempts = attempts + 1, next_attempt_at = NULL
WHERE id = ANY (%s::uuid[])
"""
_INSERT_ORDERS = """
INSERT INTO numbers_carrierorder (id, organization_id, carrier, action, campaign_id, created_at, next_look_at)
SELECT id, organization_id, %s, CASE WHEN campaign_id IS NULL THEN 'detach' ELSE 'attach' END, campaign_id,
       statement_timestamp(), statement_timestamp() + %s * interval '1 second'
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS made (id, organization_id, campaign_id)
RETURNING next_look_at
"""
_SUBMIT_SINGLES = """
UPDATE numbers_campaignattachment a
SET status = 'submitted', order_id = made.order_id, attempts = attempts + 1, next_attempt_at = NULL
FROM unnest(%s::uuid[], %s::uuid[]) AS made (id, order_id) WHERE a.id = made.id
"""


@dataclass(slots=True)
class Claim:
    """What a batch of due rows has become."""

    rows: int = 0
    order_ids: list[UUID] = field(default_factory=list)
    lease: datetime | None = None
    """Until then the orders are the claimer's; also its token."""
    doomed: dict[UUID, Failure] = field(default_factory=dict)
    """Attachments that need not be tried: the caller records their failure."""


@dataclass(frozen=True, slots=True)
class _Group:
    organization_id: UUID
    campaign_id: UUID | None
    attachment_ids: Sequence[UUID]


def claim_due(carrier: Carrier, *, open_orders: int, limit: int = BATCH) -> Claim:
    """Takes up to `limit` due rows, the longest due first, and makes orders of them, up to `open_orders` in all.

    `open_orders` 0: any number. Rows that a newer attach has overtaken, that wait for their campaign's
    approval or for the number's last order, are put where they belong. Rows of orders over the limit stay due.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        room = _room_for_orders(carrier, open_orders)
        if room == 0:
            return Claim()
        cursor.execute(_DUE, [limit])
        rows = cursor.fetchall()
        claim = Claim(rows=len(rows))
        if not rows:
            return claim
        campaigns = Campaign.objects.select_related("brand").in_bulk({row[2] for row in rows if row[2]})
        overtaken, waiting, blocked = [], [], []
        ready: dict[tuple[UUID, UUID | None], list[UUID]] = defaultdict(list)
        for attachment_id, organization_id, campaign_id, is_current, is_blocked in rows:
            campaign = campaigns.get(campaign_id)
            if not is_current:
                overtaken.append(attachment_id)
            elif campaign is not None and campaign.awaits_carrier:
                waiting.append(attachment_id)
            elif campaign is not None and (failure := why_not(campaign)):
                claim.doomed[attachment_id] = failure
            elif is_blocked:
                blocked.append(attachment_id)
            else:
                ready[organization_id, campaign_id].append(attachment_id)
        if overtaken:
            cursor.execute(_OVERTAKEN, [array_literal(overtaken)])
        if waiting:
            cursor.execute(_WAIT_FOR_APPROVAL, [array_literal(waiting)])
        if blocked:
            cursor.execute(_POSTPONE, [_BLOCKED_SECONDS, array_literal(blocked)])
        if claim.doomed:
            # Recorded in a transaction of its own, which locks the numbers first. If that is lost, they are due again.
            cursor.execute(_POSTPONE, [settings.PROPAGATION_LEASE_SECONDS, array_literal(claim.doomed)])
        groups = list(_groups(ready, carrier.batch_size))
        _make_orders(claim, carrier, groups if room is None else groups[:room])
    return claim


def why_not(campaign: Campaign) -> Failure | None:
    """Why the carrier need not be asked to take numbers on this campaign now; None if it can be asked.

    The rules of the attach, looked at again because days may lie between, and the carrier's own decision.
    """
    if not campaign.is_active:
        return Failure(FailureCode.CAMPAIGN_NOT_ACTIVE, f"The campaign is {campaign.status}.")
    if not campaign.brand.is_verified:
        return Failure(FailureCode.BRAND_NOT_VERIFIED, "The campaign's brand is not verified.")
    if campaign.carrier_status == CarrierStatus.REJECTED:
        return Failure(FailureCode.CAMPAIGN_REJECTED, "The carrier has rejected the campaign.")
    if campaign.carrier_status == CarrierStatus.SUSPENDED:
        return Failure(FailureCode.CAMPAIGN_SUSPENDED, "The carrier has suspended the campaign.")
    if campaign.tcr_campaign_id is None:
        return Failure(FailureCode.NOT_CONFIGURED, "The campaign has no TCR campaign id.")
    return None


def _room_for_orders(carrier: Carrier, open_orders: int) -> int | None:
    if not open_orders:
        return None
    with connection.cursor() as cursor:
        # Claims count one after the other, or two would both see the last place free.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('numbers_carrierorder'), hashtext(%s))", [carrier.name])
    taken = CarrierOrder.objects.filter(carrier=carrier.name, ended_at__isnull=True).count()
    return max(open_orders - taken, 0)


def _groups(ready: dict[tuple[UUID, UUID | None], list[UUID]], batch_size: int) -> Iterable[_Group]:
    for (organization_id, campaign_id), attachment_ids in ready.items():
        for start in range(0, len(attachment_ids), batch_size):
            yield _Group(organization_id, campaign_id, attachment_ids[start : start + batch_size])


def _make_orders(claim: Claim, carrier: Carrier, groups: Sequence[_Group]) -> None:
    if not groups:
        return
    claim.order_ids = [uuid7() for _ in groups]
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_ORDERS,
            [
                carrier.name,
                settings.PROPAGATION_LEASE_SECONDS,
                array_literal(claim.order_ids),
                array_literal(group.organization_id for group in groups),
                [group.campaign_id for group in groups],
            ],
        )
        claim.lease = cursor.fetchone()[0]
        if carrier.batch_size == 1:
            attachment_ids = array_literal(group.attachment_ids[0] for group in groups)
            cursor.execute(_SUBMIT_SINGLES, [attachment_ids, array_literal(claim.order_ids)])
        else:
            for order_id, group in zip(claim.order_ids, groups, strict=True):
                cursor.execute(_SUBMIT, [order_id, array_literal(group.attachment_ids)])
