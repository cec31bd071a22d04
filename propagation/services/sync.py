"""Ask the carrier which campaigns it has approved. The next round of a worker finds what that makes due."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from campaigns.models import Campaign, CampaignStatus, CarrierStatus
from carriers.base import CampaignDecision, Carrier
from phone_numbers.models import PhoneNumber
from propagation.services.calling import call_with_retries, wait_for_campaign_lookup


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


def sync_campaigns(
    *, carrier: Carrier, organization_id: UUID | None = None, dry_run: bool = False
) -> Iterator[Decision]:
    """Yield the carrier's decision on each ACTIVE campaign that has a TCR ID, and record it.

    Raises CarrierRefused, CarrierUnavailable; run it again to continue.
    """
    campaigns = Campaign.objects.filter(status=CampaignStatus.ACTIVE, tcr_campaign_id__isnull=False).order_by("id")
    if len(settings.CARRIERS) > 1:
        # An account knows the campaigns of its numbers.
        numbers = PhoneNumber.objects.filter(organization_id=OuterRef("organization_id"), campaign_id=OuterRef("id"))
        campaigns = campaigns.filter(Exists(numbers.filter(carrier=carrier.name)))
    if organization_id is not None:
        campaigns = campaigns.filter(organization_id=organization_id)
    for campaign in list(campaigns):
        assert campaign.tcr_campaign_id is not None  # noqa: S101  (The filter says so.)
        before = CarrierStatus(campaign.carrier_status)
        answer = call_with_retries(partial(_ask, carrier, campaign.tcr_campaign_id))
        decision = Decision(campaign, before, None if answer is None else CarrierStatus(answer.value))
        if decision.is_new and decision.status is not None and not dry_run:
            # Only if nothing else has decided otherwise meanwhile.
            Campaign.objects.filter(id=campaign.id, carrier_status=before).update(
                carrier_status=decision.status, updated_at=timezone.now()
            )
        yield decision


def _ask(carrier: Carrier, tcr_campaign_id: str) -> CampaignDecision | None:
    wait_for_campaign_lookup(carrier.name)
    return carrier.campaign_status(tcr_campaign_id)
