"""Queries about campaigns."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, timedelta
from uuid import UUID

from django.db.models import BooleanField, Count, Exists, F, Func, OuterRef, Q, QuerySet, Subquery, UUIDField
from django.db.models.functions import Coalesce, Now, TruncDate

from agentmessage.db.prepared import CompiledQueryset, Param, instance
from agentmessage.db.session import waiting_for_lock
from brands.models import Brand
from campaigns.models import Campaign, CampaignStatus

_CAMPAIGN_AND_BRAND = CompiledQueryset(
    lambda: (
        Campaign.objects.select_related("brand")
        .filter(organization_id=Param("organization_id", UUIDField()), id=Param("campaign_id", UUIDField()))
        .order_by()
    )
)
_WIDTH = len(Campaign._meta.concrete_fields)


def get_campaign_with_brand(*, organization_id: UUID, campaign_id: UUID) -> Campaign | None:
    """Return the organization's campaign with its brand, or None."""
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


EXPIRES_WITHIN = timedelta(days=30)
# The organization is in the condition because the index of numbers by campaign begins with it.
_HAS_NUMBERS = Exists(Campaign.objects.filter(id=OuterRef("id"), phone_numbers__organization_id=F("organization_id")))


def _unused_for(days: int) -> Q:
    """Match active campaigns without a number now and, as history has it, throughout the last days."""
    since = Now() - timedelta(days=days)
    lately = Exists(Campaign.objects.filter(id=OuterRef("id"), departures__created_at__gt=since))
    return Q(~_HAS_NUMBERS, ~lately, status=CampaignStatus.ACTIVE, created_at__lte=since)


_TODAY = TruncDate(Now(), tzinfo=UTC)
ATTENTION: Mapping[str, tuple[str, Q]] = {
    "expires": (
        "Expire within 30 days",
        Q(
            status=CampaignStatus.ACTIVE,
            expiration_date__gte=_TODAY,
            expiration_date__lte=TruncDate(Now() + EXPIRES_WITHIN, tzinfo=UTC),
        ),
    ),
    "not_active": ("Not active, but with numbers", ~Q(status=CampaignStatus.ACTIVE) & Q(_HAS_NUMBERS)),
    "unused_10": ("No numbers for 10 days", _unused_for(10)),
    "unused_25": ("No numbers for 25 days", _unused_for(25)),
    "unused_45": ("No numbers for 45 days", _unused_for(45)),
}
"""Why a campaign needs an operator. T-Mobile charges for one that has not been used for 60 days."""
