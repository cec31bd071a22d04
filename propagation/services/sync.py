"""Ask the carrier which campaigns it has approved. The next round of a worker finds what that makes due."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db.models.functions import Now

from campaigns.models import Campaign, CampaignStatus, CarrierStatus
from carriers.base import Carrier
from propagation.services.calling import call_with_retries


@dataclass(frozen=True, slots=True)
class Decision:
    """The carrier's answer about one campaign. `status` None: the carrier does not know it, and nothing changes."""

    campaign: Campaign
    before: CarrierStatus
    status: CarrierStatus | None

    @property
    def is_new(self) -> bool:
        """Whether the answer differs from what is recorded."""
        return self.status is not None and self.status != self.before


def announced_campaigns(*, carrier: Carrier, campaign_id: str | None, brand_id: str | None) -> Collection[str]:
    """Return the TCR IDs of the campaigns of a carrier's announcement, which may name them by the carrier's own IDs.

    Raises CarrierRefused, CarrierUnavailable.
    """
    if brand_id is not None:
        campaigns = Campaign.objects.filter(brand__tcr_brand_id=brand_id, tcr_campaign_id__isnull=False)
        known = {campaign.tcr_campaign_id or "" for campaign in campaigns}
        if known:
            return known
    return call_with_retries(partial(carrier.tcr_campaign_ids, campaign_id=campaign_id, brand_id=brand_id))


def sync_campaigns(
    *,
    carrier: Carrier,
    organization_id: UUID | None = None,
    tcr_campaign_ids: Collection[str] | None = None,
    dry_run: bool = False,
) -> Iterator[Decision]:
    """Yield the carrier's decision on each ACTIVE campaign that has a TCR ID, or one of these, and record it.

    Raises CarrierRefused, CarrierUnavailable; run it again to continue.
    """
    campaigns = Campaign.objects.filter(status=CampaignStatus.ACTIVE, tcr_campaign_id__isnull=False).order_by("id")
    if organization_id is not None:
        campaigns = campaigns.filter(organization_id=organization_id)
    if tcr_campaign_ids is not None:
        campaigns = campaigns.filter(tcr_campaign_id__in=tcr_campaign_ids)
    for campaign in list(campaigns.select_related("brand")):
        assert campaign.tcr_campaign_id is not None  # noqa: S101  (The filter says so.)
        before = CarrierStatus(campaign.carrier_status)
        ask = partial(carrier.campaign_status, campaign.tcr_campaign_id, tcr_brand_id=campaign.brand.tcr_brand_id)
        answer = call_with_retries(ask)
        decision = Decision(campaign, before, None if answer is None else CarrierStatus(answer.value))
        if decision.is_new and decision.status is not None and not dry_run:
            # Only if nothing else has decided otherwise meanwhile.
            Campaign.objects.filter(id=campaign.id, carrier_status=before).update(
                carrier_status=decision.status, updated_at=Now()
            )
        yield decision
