"""The counts on the home page and of the navigation's badges. Each counts the rows of the list that it links to."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import Operator
from agentmessage.admin.lists import CappedCount, CappedSubquery, NamedFilter
from brands.admin import VerifiedFilter
from brands.models import Brand
from campaigns.admin import AttentionFilter
from campaigns.models import Campaign
from phone_numbers.admin.filters import CarrierSideFilter
from phone_numbers.models import PhoneNumber
from propagation.admin import ProgressFilter
from propagation.models import CarrierOrder


@dataclass(frozen=True, slots=True)
class Stat:
    """How many rows of a model meet one condition of one of its filters. `is_alarm`: any at all is a problem."""

    model: type[Model]
    filter: type[NamedFilter]
    condition: str
    is_alarm: bool = False

    @property
    def label(self) -> str:
        """Return the filter's name for the condition."""
        return self.filter.conditions[self.condition][0]

    @property
    def url(self) -> str:
        """Return the address of the list that shows the rows."""
        return list_url(self.model, **{str(self.filter.parameter_name): self.condition})

    def subquery(self) -> CappedSubquery:
        """Count the rows."""
        return CappedSubquery(self.model._default_manager.filter(self.filter.conditions[self.condition][1]))


FAILED_NUMBERS = Stat(PhoneNumber, CarrierSideFilter, "failed", is_alarm=True)
SLOW_ORDERS = Stat(CarrierOrder, ProgressFilter, "slow", is_alarm=True)
NUMBERS = (
    Stat(PhoneNumber, CarrierSideFilter, "propagated"),
    Stat(PhoneNumber, CarrierSideFilter, "pending"),
    Stat(PhoneNumber, CarrierSideFilter, "removing"),
    FAILED_NUMBERS,
    Stat(PhoneNumber, CarrierSideFilter, "none"),
)
CAMPAIGNS = (
    Stat(Campaign, AttentionFilter, "expires"),
    Stat(Campaign, AttentionFilter, "not_active", is_alarm=True),
    Stat(Campaign, AttentionFilter, "unused_10"),
    Stat(Campaign, AttentionFilter, "unused_25"),
    Stat(Campaign, AttentionFilter, "unused_45", is_alarm=True),
)
BRANDS = (Stat(Brand, VerifiedFilter, "no"),)
BADGES = (FAILED_NUMBERS, SLOW_ORDERS)


def list_url(model: type[Model], **parameters: Any) -> str:
    """Return the address of a model's list, filtered."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(parameters)}" if parameters else address


def may_view(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Whether the operator may see the model's rows."""
    return site.get_model_admin(model).has_view_permission(request)


def count_stats(request: HttpRequest, site: AdminSite, stats: Iterable[Stat]) -> Mapping[Stat, CappedCount]:
    """Count what the operator may see, in one statement; each only once per request.

    The operator's own row carries the counts: a statement without a table is nothing that the ORM can express. A count
    ends at its cap, so that the large ones cost what the small ones do.
    """
    counts: dict[Stat, CappedCount] = request.__dict__.setdefault("console_counts", {})
    missing = [stat for stat in stats if stat not in counts and may_view(request, site, stat.model)]
    if missing:
        row = (
            Operator.objects.filter(username=request.user.get_username())
            .values_list(*[stat.subquery() for stat in missing])
            .get()
        )
        counts.update(zip(missing, map(CappedCount, row), strict=True))
    return counts


def shown(counts: Mapping[Stat, CappedCount], stats: Iterable[Stat]) -> Iterator[dict[str, Any]]:
    """Describe the stats that were counted, for a template."""
    for stat in stats:
        if stat in counts:
            count = counts[stat]
            yield {"label": stat.label, "count": count, "url": stat.url, "alarm": stat.is_alarm and count > 0}
