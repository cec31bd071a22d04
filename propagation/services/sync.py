"""Ask the carrier which campaigns it has approved. The next round of a worker finds what that makes due."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Now

from campaigns.models import Campaign, CampaignStatus, CarrierStatus
from carriers.base import Carrier, Deadline
from propagation.models import CarrierAnswer, CarrierReading
from propagation.services.drift import Extent, measure
from propagation.services.reading import Asker, Reader, end_reading, ignore, open_reading

_BATCH = 1000
_DIFFERS = ~Q(answer=F("campaign__carrier_status"))
# The decision that a campaign waits for is news, not drift, however many of them come at once.
_DRIFTED = _DIFFERS & ~Q(campaign__carrier_status=CarrierStatus.PENDING, answer=CarrierStatus.APPROVED)


@dataclass(frozen=True, slots=True)
class Decision:
    """A campaign of which the carrier says something else than is recorded.

    `status` None: the carrier does not know it, and nothing changes. `reason` says why nothing was recorded.
    """

    campaign_id: UUID
    name: str
    tcr_campaign_id: str
    before: CarrierStatus
    status: CarrierStatus | None
    reason: str | None = None


@dataclass(slots=True)
class SyncReport:
    """What a run has found. `unreadable`: campaigns for which the carrier gave no usable answer."""

    extent: Extent
    unknown: int
    unreadable: int
    changed: int = 0
    left: int = 0


def sync_campaigns(
    *,
    carrier: Carrier,
    organization_id: UUID | None = None,
    dry_run: bool = False,
    force: bool = False,
    since: datetime | None = None,
    deadline: Deadline | None = None,
    on_decision: Callable[[Decision], object] = ignore,
) -> SyncReport | None:
    """Record the carrier's decision on each ACTIVE campaign that has a TCR ID. None if a run was started since `since`.

    It may be interrupted and run again: it continues where it stopped. If more differs than a run records, nothing is
    changed without `force`. `on_decision` is called with each decision that differs from what is recorded.
    Raises OutOfTime, TooManyErrors, ReadingTaken.
    """
    reading = open_reading(
        CarrierReading.Subject.CAMPAIGNS, carrier, organization_id=organization_id, is_dry_run=dry_run, since=since
    )
    if reading is None:
        return None
    Reader(reading, carrier, Asker(deadline)).read()
    report = _record_all(reading, _comparable(reading), dry_run=dry_run, force=force, on_decision=on_decision)
    end_reading(reading, report.extent, is_forced=force)
    return report


def sync_announcement(
    *,
    carrier: Carrier,
    campaign_id: str | None,
    brand_id: str | None,
    deadline: Deadline | None = None,
    on_decision: Callable[[Decision], object] = ignore,
) -> SyncReport:
    """Record the carrier's decisions on the campaign, or on those of the brand, that it has announced.

    The announcements of an hour are one run, so that many of them are no way around its limits. The IDs may be the
    carrier's own. Raises OutOfTime, TooManyErrors, ReadingTaken, CarrierRefused, CarrierUnavailable.
    """
    asker = Asker(deadline)
    reading = open_reading(CarrierReading.Subject.NEWS, carrier, max_age=timedelta(hours=1))
    assert reading is not None  # noqa: S101  (None is for those who name a time.)
    known: Collection[str] = ()
    if brand_id is not None:
        of_brand = Campaign.objects.filter(brand__tcr_brand_id=brand_id, tcr_campaign_id__isnull=False)
        known = [campaign.tcr_campaign_id or "" for campaign in of_brand]
    if not known:
        known = asker.ask(partial(carrier.tcr_campaign_ids, campaign_id=campaign_id, brand_id=brand_id))
    Reader(reading, carrier, asker).read_campaigns(known)
    return _record_all(reading, _comparable(reading), on_decision=on_decision)


def _comparable(reading: CarrierReading) -> QuerySet[CarrierAnswer]:
    """Return the answers about campaigns that were not decided here since the carrier was asked."""
    return CarrierAnswer.objects.filter(
        Q(campaign__updated_at__lt=F("asked_at")) | Q(is_corrected=True),
        reading=reading,
        is_known=True,
        campaign__status=CampaignStatus.ACTIVE,
    )


def _record_all(
    reading: CarrierReading,
    comparable: QuerySet[CarrierAnswer],
    *,
    dry_run: bool = False,
    force: bool = False,
    on_decision: Callable[[Decision], object],
) -> SyncReport:
    extent = measure(comparable, _DRIFTED | Q(is_corrected=True), organization="campaign__organization_id")
    kept = "dry run" if dry_run else None if extent.excess is None or force else "too many differ; see --force"
    report = SyncReport(extent, unknown=0, unreadable=reading.unreadable)
    for decision in _decisions(reading.answers.filter(is_known=False)):
        report.unknown += 1
        on_decision(decision)
    differing = comparable.filter(_DIFFERS, campaign__updated_at__lt=F("asked_at"))
    if kept is None:
        _record_networks(comparable.filter(~_DIFFERS, ~Q(networks=F("campaign__mno_metadata"))))
    for decision in _decisions(differing, kept=kept):
        report.changed += 1
        report.left += decision.reason is not None
        on_decision(decision)
    return report


def _decisions(answers: QuerySet[Any], *, kept: str | None = None) -> Iterator[Decision]:
    """Yield the decisions, and record each before that unless they are `kept` for a reason."""
    rows = answers.annotate(is_drift=Case(When(_DRIFTED, then=True), default=False)).order_by("campaign_id")
    after = UUID(int=0)
    while batch := rows.filter(campaign_id__gt=after).select_related("campaign")[:_BATCH]:
        for row in batch:
            campaign, after = row.campaign, row.campaign_id
            status = None if row.answer is None else CarrierStatus(row.answer)
            reason = kept if kept is not None or status is None else _record(row, status)
            before = CarrierStatus(campaign.carrier_status)
            yield Decision(campaign.id, campaign.name, campaign.tcr_campaign_id, before, status, reason)


def _record(row: Any, status: CarrierStatus) -> str | None:
    """Record a decision, and return None; or why not."""
    with transaction.atomic(durable=True):
        unchanged = Campaign.objects.filter(id=row.campaign_id, carrier_status=row.campaign.carrier_status)
        if not unchanged.update(carrier_status=status, mno_metadata=row.networks, updated_at=Now()):
            return "changed meanwhile"
        CarrierAnswer.objects.filter(id=row.id).update(is_corrected=row.is_drift)
    return None


def _record_networks(answers: QuerySet[CarrierAnswer]) -> None:
    """Record what single networks say where the decision on the campaign is unchanged."""
    networks = answers.filter(campaign_id=OuterRef("id")).values("networks")
    Campaign.objects.filter(id__in=answers.values("campaign_id")).update(
        mno_metadata=Subquery(networks[:1]), updated_at=Now()
    )
