"""What is read of campaigns beyond the row of one."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import BooleanField, F, Func, QuerySet

from agentmessage.db.prepared import columns, fetch_one, instance
from brands.models import Brand
from campaigns.models import Campaign

_CAMPAIGN_AND_BRAND = f"""
SELECT {columns(Campaign, "c")}, {columns(Brand, "b")}
FROM campaigns_campaign c JOIN brands_brand b ON b.id = c.brand_id
WHERE c.organization_id = %s AND c.id = %s
"""  # noqa: S608  (Only constants.)
_WIDTH = len(Campaign._meta.concrete_fields)


def get_campaign_with_brand(*, organization_id: UUID, campaign_id: UUID) -> Campaign | None:
    """The organization's campaign, its brand read with it; None if it has no such campaign."""
    row = fetch_one(_CAMPAIGN_AND_BRAND, [organization_id, campaign_id])
    if row is None:
        return None
    campaign = instance(Campaign, row[:_WIDTH])
    campaign.brand = instance(Brand, row[_WIDTH:])
    return campaign


def campaigns_in_use(ids: Iterable[UUID]) -> QuerySet[Campaign]:
    """Return those of these campaigns that numbers are on or on their way to: their TCR IDs cannot change."""
    is_in_use = Func(F("id"), function="campaigns_campaign_is_in_use", output_field=BooleanField())
    return Campaign.objects.filter(is_in_use, id__in=ids)
