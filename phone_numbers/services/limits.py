"""Check the rules that follow rule 6 where the operator has turned them on: number types, and numbers per campaign."""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from campaigns.errors import CampaignNumberLimit
from campaigns.models import Campaign
from campaigns.selectors import lock_campaigns
from phone_numbers.errors import NumberTypeNotEligible
from phone_numbers.models import PhoneNumber


def check_number_type(phone_number: PhoneNumber) -> None:
    """Check `ATTACH_NUMBER_TYPES`. Raises NumberTypeNotEligible."""
    if phone_number.number_type not in settings.ATTACH_NUMBER_TYPES:
        raise NumberTypeNotEligible


class CampaignRoom:
    """The places that are left on limited campaigns, as moves of one transaction take and free them.

    Empty unless `ENFORCE_CAMPAIGN_LIMIT` is on. Until the transaction ends, the campaigns are locked, so that the last
    place is taken once. Numbers are locked first, everywhere.
    """

    def __init__(self, campaigns: Iterable[Campaign], *, lock: bool = True) -> None:
        self._left: dict[UUID, int] = {}
        if not settings.ENFORCE_CAMPAIGN_LIMIT:
            return
        limits = {campaign.id: limit for campaign in campaigns if (limit := campaign.number_limit) is not None}
        if not limits:
            return
        if lock:
            lock_campaigns(limits)
        counted = PhoneNumber.objects.filter(campaign_id__in=limits).order_by().values_list("campaign_id")
        taken = dict(counted.annotate(Count("id")))
        self._left = {campaign_id: limit - taken.get(campaign_id, 0) for campaign_id, limit in limits.items()}

    def move(self, phone_number: PhoneNumber, campaign: Campaign) -> None:
        """Take a place on the campaign and free the number's present one. Raises CampaignNumberLimit."""
        if campaign.id in self._left:
            if self._left[campaign.id] <= 0:
                raise CampaignNumberLimit
            self._left[campaign.id] -= 1
        if phone_number.campaign_id in self._left:
            self._left[phone_number.campaign_id] += 1
