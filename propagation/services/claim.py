"""Turn due attachments into orders: in one transaction, in batches, without waiting for other workers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from agentmessage.ids import uuid7
from campaigns.models import Campaign, CarrierStatus
from carriers.base import Carrier
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus
from phone_numbers.services.locking import array_literal
from phone_numbers.services.transitions import log_transition
from propagation.models import CarrierOrder
from propagation.services.record import AttachmentFailure

BATCH = 2_000
# A number whose previous order is open waits for that order's end, which makes the number due at once. This is the
# fallback for an end that was missed.
_BLOCKED_SECONDS = 15

# The attachments are locked, the numbers are not: an attach never waits for a worker.
_DUE = """
SELECT a.id, a.organization_id, a.campaign_id, p.current_attachment_id = a.id,
       EXISTS (SELECT 1 FROM numbers_campaignattachment other
               WHERE other.phone_number_id = a.phone_number_id AND other.status = 'submitted'),
       a.request_id
FROM numbers_campaignattachment a
JOIN numbers_phonenumber p ON p.id = a.phone_number_id
WHERE a.next_attempt_at <= statement_timestamp() AND a.status = 'pending'
ORDER BY a.next_attempt_at, a.id
LIMIT %(limit)s
FOR NO KEY UPDATE OF a SKIP LOCKED
"""
_SUPERSEDE = """
UPDATE numbers_campaignattachment SET status = 'superseded', next_attempt_at = NULL WHERE id = ANY (%(ids)s::uuid[])
"""
_WAIT_FOR_APPROVAL = "UPDATE numbers_campaignattachment SET next_attempt_at = NULL WHERE id = ANY (%(ids)s::uuid[])"
_POSTPONE = """
UPDATE numbers_campaignattachment SET next_attempt_at = statement_timestamp() + %(seconds)s * interval '1 second'
WHERE id = ANY (%(ids)s::uuid[])
"""
_INSERT_ORDERS = """
INSERT INTO propagation_carrierorder (id, organization_id, carrier, action, campaign_id, created_at, next_poll_at)
SELECT id, organization_id, %(carrier)s, CASE WHEN campaign_id IS NULL THEN 'detach' ELSE 'attach' END, campaign_id,
       statement_timestamp(), statement_timestamp() + %(lease)s * interval '1 second'
FROM unnest(%(orders)s::uuid[], %(organizations)s::uuid[], %(campaigns)s::uuid[])
    AS made (id, organization_id, campaign_id)
RETURNING next_poll_at
"""
_SUBMIT = """
UPDATE numbers_campaignattachment
SET status = 'submitted', order_id = %(order)s, attempts = attempts + 1, next_attempt_at = NULL
WHERE id = ANY (%(ids)s::uuid[])
"""
_SUBMIT_SINGLES = """
UPDATE numbers_campaignattachment a
SET status = 'submitted', order_id = made.order_id, attempts = attempts + 1, next_attempt_at = NULL
FROM unnest(%(ids)s::uuid[], %(orders)s::uuid[]) AS made (id, order_id) WHERE a.id = made.id
"""
_LOCK_CLAIMS = "SELECT pg_advisory_xact_lock(hashtext('propagation_carrierorder'), hashtext(%s))"


@dataclass(slots=True)
class Claim:
    """The result of claiming one batch of due attachments."""

    rows: int = 0
    orders: list[tuple[UUID, datetime]] = field(default_factory=list)
    """New orders, each with the lease that the claiming worker holds."""
    failures: dict[UUID, AttachmentFailure] = field(default_factory=dict)
    """Attachments that fail without a call to the carrier. The caller records them."""


@dataclass(frozen=True, slots=True)
class _Group:
    organization_id: UUID
    campaign_id: UUID | None
    attachment_ids: Sequence[UUID]


def claim_due(carrier: Carrier, *, open_orders: int, limit: int = BATCH) -> Claim:
    """Make orders of up to `limit` due attachments, the longest due first, while fewer than `open_orders` are open.

    Attachments that are superseded, wait for their campaign's approval, or wait for the number's previous order are set
    aside. Those of orders over the limit stay due. `open_orders` 0: no limit.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        room = _room_for_orders(carrier, open_orders)
        if room == 0:
            return Claim()
        cursor.execute(_DUE, {"limit": limit})
        rows = cursor.fetchall()
        claim = Claim(rows=len(rows))
        if not rows:
            return claim
        campaigns = Campaign.objects.select_related("brand").in_bulk({row[2] for row in rows if row[2]})
        superseded, waiting, blocked = [], [], []
        ready: dict[tuple[UUID, UUID | None], list[UUID]] = defaultdict(list)
        for attachment_id, organization_id, campaign_id, is_current, is_blocked, request_id in rows:
            campaign = campaigns.get(campaign_id)
            if not is_current:
                superseded.append(attachment_id)
                log_transition(
                    attachment_id=attachment_id,
                    outcome=AttachmentStatus.SUPERSEDED,
                    is_detach=campaign_id is None,
                    request_id=request_id,
                )
            elif campaign is not None and (failure := failure_before_call(campaign)):
                claim.failures[attachment_id] = failure
            elif campaign is not None and campaign.awaits_carrier:
                waiting.append(attachment_id)
            elif is_blocked:
                blocked.append(attachment_id)
            else:
                ready[organization_id, campaign_id].append(attachment_id)
        if superseded:
            cursor.execute(_SUPERSEDE, {"ids": array_literal(superseded)})
        if waiting:
            cursor.execute(_WAIT_FOR_APPROVAL, {"ids": array_literal(waiting)})
        if blocked:
            cursor.execute(_POSTPONE, {"seconds": _BLOCKED_SECONDS, "ids": array_literal(blocked)})
        if claim.failures:
            # The caller records them in another transaction, which locks the numbers first. If it does not get there,
            # they are due again.
            cursor.execute(
                _POSTPONE, {"seconds": settings.PROPAGATION_LEASE_SECONDS, "ids": array_literal(claim.failures)}
            )
        groups = list(_groups(ready, carrier.batch_size))
        claim.orders = _make_orders(carrier, groups if room is None else groups[:room])
    return claim


def failure_before_call(campaign: Campaign) -> AttachmentFailure | None:
    """Return why numbers on this campaign fail without asking the carrier; None if the carrier is to be asked.

    Rules 3 and 4 of the attach, checked again because days may have passed, and the carrier's decision.
    """
    if not campaign.is_active:
        return AttachmentFailure(FailureCode.CAMPAIGN_NOT_ACTIVE, f"The campaign is {campaign.status}.")
    if not campaign.brand.is_verified:
        return AttachmentFailure(FailureCode.BRAND_NOT_VERIFIED, "The campaign's brand is not verified.")
    if campaign.suspension_reason:
        return AttachmentFailure(FailureCode.CAMPAIGN_SUSPENDED, "An operator has suspended the campaign.")
    if campaign.carrier_status == CarrierStatus.REJECTED:
        return AttachmentFailure(FailureCode.CAMPAIGN_REJECTED, "The carrier has rejected the campaign.")
    if campaign.carrier_status == CarrierStatus.SUSPENDED:
        return AttachmentFailure(FailureCode.CAMPAIGN_SUSPENDED, "The carrier has suspended the campaign.")
    if campaign.tcr_campaign_id is None and not campaign.awaits_carrier:
        return AttachmentFailure(FailureCode.NOT_CONFIGURED, "The campaign has no TCR campaign id.")
    return None


def _room_for_orders(carrier: Carrier, open_orders: int) -> int | None:
    if not open_orders:
        return None
    with connection.cursor() as cursor:
        # Claims count one after the other; otherwise two could both take the last place.
        cursor.execute(_LOCK_CLAIMS, [carrier.name])
    taken = CarrierOrder.objects.filter(carrier=carrier.name, ended_at__isnull=True).count()
    return max(open_orders - taken, 0)


def _groups(ready: dict[tuple[UUID, UUID | None], list[UUID]], batch_size: int) -> Iterable[_Group]:
    for (organization_id, campaign_id), attachment_ids in ready.items():
        for start in range(0, len(attachment_ids), batch_size):
            yield _Group(organization_id, campaign_id, attachment_ids[start : start + batch_size])


def _make_orders(carrier: Carrier, groups: Sequence[_Group]) -> list[tuple[UUID, datetime]]:
    if not groups:
        return []
    order_ids = [uuid7() for _ in groups]
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_ORDERS,
            {
                "carrier": carrier.name,
                "lease": settings.PROPAGATION_LEASE_SECONDS,
                "orders": array_literal(order_ids),
                "organizations": array_literal(group.organization_id for group in groups),
                "campaigns": [group.campaign_id for group in groups],
            },
        )
        lease: datetime = cursor.fetchone()[0]
        if carrier.batch_size == 1:
            attachment_ids = array_literal(group.attachment_ids[0] for group in groups)
            cursor.execute(_SUBMIT_SINGLES, {"ids": attachment_ids, "orders": array_literal(order_ids)})
        else:
            for order_id, group in zip(order_ids, groups, strict=True):
                cursor.execute(_SUBMIT, {"order": order_id, "ids": array_literal(group.attachment_ids)})
    return [(order_id, lease) for order_id in order_ids]
