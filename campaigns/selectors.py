"""What the attach reads of campaigns."""

from uuid import UUID

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
