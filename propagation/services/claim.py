"""Turn due attachments into orders: in one transaction, in batches, without waiting for other workers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from operator import itemgetter
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from agentmessage.db.session import wait_for_turn
from campaigns.models import Campaign, CarrierStatus
from carriers.base import Carrier, OrderAction
from phone_numbers.failures import FailureCode
from phone_numbers.models import CampaignAttachment, NumberType
from phone_numbers.services.locking import array_literal
from phone_numbers.services.transitions import Cause, supersede
from propagation.models import CarrierOrder
from propagation.services.record import AttachmentFailure, new_lease

BATCH = 2_000
# A number whose previous order is open waits for that order's end, which makes the number due at once. This is the
# fallback for an end that was missed.
_BLOCKED_SECONDS = 15

# One probe of the index for each organization that has anything pending at the account.
_DUE_ORGANIZATIONS = """
WITH RECURSIVE pending (organization_id, next_attempt_at) AS (
    (SELECT a.organization_id, a.next_attempt_at FROM numbers_campaignattachment a
     WHERE a.carrier = %(carrier)s AND a.next_attempt_at IS NOT NULL
     ORDER BY a.organization_id, a.next_attempt_at LIMIT 1)
    UNION ALL
    SELECT next.organization_id, next.next_attempt_at FROM pending CROSS JOIN LATERAL (
        SELECT a.organization_id, a.next_attempt_at FROM numbers_campaignattachment a
        WHERE a.carrier = %(carrier)s AND a.next_attempt_at IS NOT NULL AND a.organization_id > pending.organization_id
        ORDER BY a.organization_id, a.next_attempt_at LIMIT 1
    ) AS next
)
SELECT organization_id FROM pending WHERE next_attempt_at <= statement_timestamp()
ORDER BY next_attempt_at LIMIT %(limit)s
"""
# The attachments are locked, the numbers are not: an attach never waits for a worker.
_DUE = """
SELECT a.id, a.organization_id, a.campaign_id, p.current_attachment_id = a.id,
       EXISTS (SELECT 1 FROM numbers_campaignattachment other
               WHERE other.phone_number_id = a.phone_number_id AND other.status = 'submitted'),
       p.number_type
FROM unnest(%(organizations)s::uuid[]) AS due (organization_id)
CROSS JOIN LATERAL (
    SELECT id, organization_id, campaign_id, phone_number_id FROM numbers_campaignattachment
    WHERE carrier = %(carrier)s AND organization_id = due.organization_id
      AND next_attempt_at <= statement_timestamp() AND status = 'pending'
    ORDER BY next_attempt_at, id
    LIMIT %(share)s
    FOR NO KEY UPDATE SKIP LOCKED
) AS a
JOIN numbers_phonenumber p ON p.id = a.phone_number_id
"""
_SUBMIT = """
UPDATE numbers_campaignattachment a
SET status = 'submitted', order_id = made.order_id, attempts = attempts + 1, next_attempt_at = NULL
FROM unnest(%(ids)s::uuid[], %(orders)s::uuid[]) AS made (id, order_id) WHERE a.id = made.id
"""


@dataclass(slots=True)
class Claim:
    """The result of claiming one batch of due attachments."""

    rows: int = 0
    is_drained: bool = True
    """Nothing else is due, apart from what is over the limit of open orders."""
    orders: list[tuple[UUID, datetime]] = field(default_factory=list)
    """New orders, each with the lease that the claiming worker holds."""
    unsent: dict[UUID, AttachmentFailure | None] = field(default_factory=dict)
    """Attachments that end without a call to the carrier, for the caller to record: why they fail, or None for detaches
    of numbers that the carrier never took, and so are done."""


@dataclass(frozen=True, slots=True)
class _Group:
    organization_id: UUID
    campaign_id: UUID | None
    attachment_ids: Sequence[UUID]


def claim_due(carrier: Carrier, *, open_orders: int, limit: int = BATCH, max_orders: int = BATCH) -> Claim:
    """Make up to `max_orders` of about `limit` due attachments, while fewer than `open_orders` are open; 0: no limit.

    The organizations take turns, each with what has been due for longest. None takes more than half of the open orders
    while another one has something due. Attachments that are superseded, wait for their campaign's approval, or wait
    for the number's previous order are set aside. Those of orders over a limit stay due.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        held = _open_orders(carrier) if open_orders else Counter()
        if open_orders and held.total() >= open_orders:
            return Claim()
        cursor.execute(_DUE_ORGANIZATIONS, {"carrier": carrier.name, "limit": limit})
        organizations = [row[0] for row in cursor.fetchall()]
        if not organizations:
            return Claim()
        share = ceil(limit / len(organizations))
        cursor.execute(_DUE, {"carrier": carrier.name, "organizations": array_literal(organizations), "share": share})
        rows = cursor.fetchall()
        by_organization = Counter(row[1] for row in rows)
        claim = Claim(rows=len(rows), is_drained=max(by_organization.values(), default=0) < share)
        campaigns = Campaign.objects.select_related("brand").in_bulk({row[2] for row in rows if row[2]})
        superseded, waiting, blocked = [], [], []
        ready: dict[tuple[UUID, UUID | None], list[UUID]] = defaultdict(list)
        for attachment_id, organization_id, campaign_id, is_current, is_blocked, number_type in rows:
            campaign = campaigns.get(campaign_id)
            if not is_current:
                superseded.append(attachment_id)
            elif number_type not in carrier.number_types and campaign is None:
                claim.unsent[attachment_id] = None
            elif number_type not in carrier.number_types:
                claim.unsent[attachment_id] = AttachmentFailure(
                    FailureCode.NUMBER_TYPE_NOT_ELIGIBLE,
                    f"A {NumberType(number_type).label.lower()} number does not go onto a 10DLC campaign.",
                )
            elif campaign is not None and (failure := failure_before_call(campaign)):
                claim.unsent[attachment_id] = failure
            elif campaign is not None and campaign.awaits_carrier:
                waiting.append(attachment_id)
            elif is_blocked:
                blocked.append(attachment_id)
            else:
                ready[organization_id, campaign_id].append(attachment_id)
        if superseded:
            supersede(_attachments(superseded), Cause.CLAIM)
        if waiting:
            _attachments(waiting).update(next_attempt_at=None)
        if blocked:
            _attachments(blocked).update(next_attempt_at=Now() + timedelta(seconds=_BLOCKED_SECONDS))
        if claim.unsent:
            # The caller records them in another transaction, which locks the numbers first. If it does not get there,
            # they are due again.
            later = Now() + timedelta(seconds=settings.PROPAGATION_LEASE_SECONDS)
            _attachments(claim.unsent).update(next_attempt_at=later)
        groups = _in_turn(_groups(ready, carrier.batch_size), held, open_orders)[:max_orders]
        claim.orders = _make_orders(carrier, groups)
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


def _attachments(ids: Iterable[UUID]) -> QuerySet[CampaignAttachment]:
    return CampaignAttachment.objects.filter(id__in=ids)


def _open_orders(carrier: Carrier) -> Counter[UUID]:
    """Count the open orders of the account by organization."""
    # Claims count one after the other; otherwise two could both take the last place.
    wait_for_turn("propagation_carrierorder", carrier.name)
    opened = CarrierOrder.objects.filter(carrier=carrier.name, ended_at__isnull=True).order_by()
    return Counter(dict(opened.values_list("organization_id").annotate(count=Count("*"))))


def _in_turn(groups: Iterable[_Group], held: Counter[UUID], open_orders: int) -> list[_Group]:
    """Return the groups in the order in which they become orders, as many as there is room for.

    It is the turn of the organization that has the fewest open orders by then.
    """
    held, turns = held.copy(), []
    room = open_orders - held.total() if open_orders else None
    for group in groups:
        turns.append((held[group.organization_id], group))
        held[group.organization_id] += 1
    is_shared = len({group.organization_id for _turn, group in turns}) > 1
    half = max(open_orders // 2, 1) if open_orders and is_shared else None
    turns.sort(key=itemgetter(0))
    return [group for turn, group in turns if half is None or turn < half][:room]


def _groups(ready: dict[tuple[UUID, UUID | None], list[UUID]], batch_size: int) -> Iterable[_Group]:
    for (organization_id, campaign_id), attachment_ids in ready.items():
        for start in range(0, len(attachment_ids), batch_size):
            yield _Group(organization_id, campaign_id, attachment_ids[start : start + batch_size])


def _make_orders(carrier: Carrier, groups: Sequence[_Group]) -> list[tuple[UUID, datetime]]:
    if not groups:
        return []
    lease = new_lease()
    orders = [
        CarrierOrder(
            organization_id=group.organization_id,
            carrier=carrier.name,
            action=(OrderAction.DETACH if group.campaign_id is None else OrderAction.ATTACH).value,
            campaign_id=group.campaign_id,
            created_at=Now(),
            next_poll_at=lease,
        )
        for group in groups
    ]
    CarrierOrder.objects.bulk_create(orders)
    attachment_ids = array_literal(one for group in groups for one in group.attachment_ids)
    order_ids = array_literal(
        order.id for order, group in zip(orders, groups, strict=True) for _one in group.attachment_ids
    )
    with connection.cursor() as cursor:
        cursor.execute(_SUBMIT, {"ids": attachment_ids, "orders": order_ids})
    return [(order.id, lease) for order in orders]
