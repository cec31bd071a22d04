"""What is read of campaigns beyond the row of one."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import BooleanField, Count, F, Func, OuterRef, QuerySet, Subquery, UUIDField
from django.db.models.functions import Coalesce

from agentmessage.db.compiled import CompiledQueryset, Param
from agentmessage.db.prepared import instance
from agentmessage.db.timeouts import waiting_for_lock
from brands.models import Brand
from campaigns.models import Campaign

_CAMPAIGN_AND_BRAND = CompiledQueryset(
    lambda: (
        Campaign.objects.select_related("brand")
        .filter(organization_id=Param("organization_id", UUIDField()), id=Param("campaign_id", UUIDField()))
        .order_by()
    )
)
_WIDTH = len(Campaign._meta.concrete_fields)


def get_campaign_with_brand(*, organization_id: UUID, campaign_id: UUID) -> Campaign | None:
    """The organization's campaign, its brand read with it; None if it has no such campaign."""
    row = _CAMPAIGN_AND_BRAND.first_values(organization_id=organization_id, campaign_id=campaign_id)
    if row is None:
        return None
    campaign = instance(Campaign, row[:_WIDTH])
    campaign.brand = instance(Brand, row[_WIDTH:])
    return campaign


def lock_campaigns(campaign_ids: Collection[UUID]) -> None:
    """Lock the campaigns until the transaction ends, in the order of their IDs. Attachments do not wait for it."""
    campaigns = Campaign.objects.select_for_update(no_key=True).filter(id__in=campaign_ids).order_by("id")
    with waiting_for_lock():
        list(campaigns.values_list("id"))


def visible_campaigns(*, organization_id: UUID) -> QuerySet[Campaign]:
    """Return the organization's campaigns, each with the number of its phone numbers as `attached`."""
    # The organization is in the condition because the index of numbers by campaign begins with it.
    counted = Campaign.objects.filter(id=OuterRef("id"), phone_numbers__organization_id=F("organization_id"))
    attached = counted.order_by().values("id").annotate(count=Count("phone_numbers")).values("count")
    return Campaign.objects.filter(organization_id=organization_id).annotate(attached=Coalesce(Subquery(attached), 0))


def campaigns_in_use(ids: Iterable[UUID]) -> QuerySet[Campaign]:
    """Return those of these campaigns that numbers are on or on their way to: their TCR IDs cannot change."""
    is_in_use = Func(F("id"), function="campaigns_campaign_is_in_use", output_field=BooleanField())
    return Campaign.objects.filter(is_in_use, id__in=ids)
