"""What changes campaigns when its time has come, by the database's clock."""

from collections.abc import Mapping
from datetime import UTC
from functools import partial
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now, TruncDate

from campaigns.models import Campaign, CampaignStatus

log = structlog.get_logger(__name__)

NOT_SUSPENDED: Mapping[str, Any] = {
    "suspension_reason": "",
    "suspended_until": None,
    "suspended_by": "",
    "suspended_at": None,
}


def expire_campaigns() -> int:
    """Set ACTIVE campaigns to EXPIRED whose expiration date has passed in UTC. Return how many.

    However often it runs, and however many days it has missed.
    """
    expired = Campaign.objects.filter(status=CampaignStatus.ACTIVE, expiration_date__lt=TruncDate(Now(), tzinfo=UTC))
    return _change(expired, "campaign.expired", status=CampaignStatus.EXPIRED)


def end_suspensions() -> int:
    """End the operators' suspensions whose time is over. Return how many. What the carrier says then holds."""
    return _change(Campaign.objects.filter(suspended_until__lte=Now()), "campaign.suspension_ended", **NOT_SUSPENDED)


def _change(campaigns: QuerySet[Campaign], event: str, **values: Any) -> int:
    """Change campaigns and write a log line for each. Those that are locked now have their turn with the next run."""
    with transaction.atomic(durable=True):
        locked = campaigns.select_for_update(no_key=True, skip_locked=True).order_by("id")
        ids = list(locked.values_list("id", flat=True))
        Campaign.objects.filter(id__in=ids).update(**values, updated_at=Now())
        for campaign_id in ids:
            transaction.on_commit(partial(log.info, event, campaign_id=str(campaign_id)))
    return len(ids)
