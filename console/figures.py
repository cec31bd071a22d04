"""The figures of the home page and of the navigation's badges. Each counts the rows of the list that it links to."""

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
class Figure:
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


FAILED_NUMBERS = Figure(PhoneNumber, CarrierSideFilter, "failed", is_alarm=True)
SLOW_ORDERS = Figure(CarrierOrder, ProgressFilter, "slow", is_alarm=True)
NUMBERS = (
    Figure(PhoneNumber, CarrierSideFilter, "propagated"),
    Figure(PhoneNumber, CarrierSideFilter, "pending"),
    Figure(PhoneNumber, CarrierSideFilter, "removing"),
    FAILED_NUMBERS,
    Figure(PhoneNumber, CarrierSideFilter, "none"),
)
CAMPAIGNS = (
    Figure(Campaign, AttentionFilter, "expires"),
    Figure(Campaign, AttentionFilter, "not_active", is_alarm=True),
    Figure(Campaign, AttentionFilter, "unused_10"),
    Figure(Campaign, AttentionFilter, "unused_25"),
    Figure(Campaign, AttentionFilter, "unused_45", is_alarm=True),
)
BRANDS = (Figure(Brand, VerifiedFilter, "no"),)
BADGES = (FAILED_NUMBERS, SLOW_ORDERS)


def list_url(model: type[Model], **parameters: Any) -> str:
    """Return the address of a model's list, filtered."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(parameters)}" if parameters else address


def may_view(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Whether the operator may see the model's rows."""
    return site.get_model_admin(model).has_view_permission(request)


def count_figures(request: HttpRequest, site: AdminSite, figures: Iterable[Figure]) -> Mapping[Figure, CappedCount]:
    """Count figures of what the operator may see, in one statement; those of the same request only once.

    The operator's own row carries the counts: a statement without a table is nothing that the ORM can express. A count
    ends at its cap, so that the large ones cost what the small ones do.
    """
    counts: dict[Figure, CappedCount] = request.__dict__.setdefault("console_counts", {})
    missing = [figure for figure in figures if figure not in counts and may_view(request, site, figure.model)]
    if missing:
        row = (
            Operator.objects.filter(username=request.user.get_username())
            .values_list(*[figure.subquery() for figure in missing])
            .get()
        )
        counts.update(zip(missing, map(CappedCount, row), strict=True))
    return counts


def shown(counts: Mapping[Figure, CappedCount], figures: Iterable[Figure]) -> Iterator[dict[str, Any]]:
    """Describe the counted ones of the figures for a template."""
    for figure in figures:
        if figure in counts:
            count = counts[figure]
            yield {"label": figure.label, "count": count, "url": figure.url, "alarm": figure.is_alarm and count > 0}
