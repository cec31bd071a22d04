"""Ask the carrier which campaigns it has approved. The next round of a worker finds what that makes due."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from campaigns.models import Campaign, CampaignStatus, CarrierStatus
from carriers.base import Carrier, Deadline
from propagation.models import CarrierAnswer, CarrierReading
from propagation.services.drift import Extent, measure
from propagation.services.reading import Reader, end_reading, open_reading

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
    on_decision: Callable[[Decision], None] | None = None,
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
    Reader(reading, carrier, deadline=deadline).read()
    comparable = CarrierAnswer.objects.filter(
        reading=reading,
        is_known=True,
        campaign__status=CampaignStatus.ACTIVE,
        # What was decided here since the carrier was asked counts.
        campaign__updated_at__lt=F("asked_at"),
    )
    extent = measure(comparable, _DRIFTED, organization="campaign__organization_id")
    kept = "dry run" if dry_run else None if extent.excess is None or force else "too many differ; see --force"
    report = SyncReport(extent, unknown=0, unreadable=reading.unreadable)
    for decision in _decisions(reading.answers.filter(is_known=False)):
        report.unknown += 1
        if on_decision is not None:
            on_decision(decision)
    for decision in _decisions(comparable.filter(_DIFFERS), kept=kept):
        report.changed += 1
        report.left += decision.reason is not None
        if on_decision is not None:
            on_decision(decision)
    stopped = 0 if extent.excess is None or force else extent.drifted
    end_reading(reading, compared=extent.compared, drifted=extent.drifted, left=stopped)
    return report


def _decisions(answers: QuerySet[CarrierAnswer], *, kept: str | None = None) -> Iterator[Decision]:
    """Yield the decisions, and record each before that unless they are `kept` for a reason."""
    columns = ("id", "name", "tcr_campaign_id", "carrier_status")
    rows = answers.order_by("campaign_id").values_list(*(f"campaign__{column}" for column in columns), "answer")
    after = UUID(int=0)
    while batch := rows.filter(campaign_id__gt=after)[:_BATCH]:
        for campaign_id, name, tcr_campaign_id, before, answer in batch:
            after = campaign_id
            status = None if answer is None else CarrierStatus(answer)
            reason = kept if kept is not None or status is None else _record(campaign_id, before, status)
            yield Decision(campaign_id, name, tcr_campaign_id, CarrierStatus(before), status, reason)


def _record(campaign_id: UUID, before: str, status: CarrierStatus) -> str | None:
    """Record a decision, and return None; or why not."""
    unchanged = Campaign.objects.filter(id=campaign_id, carrier_status=before)
    return None if unchanged.update(carrier_status=status, updated_at=Now()) else "changed meanwhile"
