"""The operators' pages of brands."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from agentmessage.admin.base import RowAdmin, link
from agentmessage.admin.lists import STATUS_COLORS, NamedFilter
from agentmessage.admin.unfold_typing import display
from brands.models import VERIFIED, Brand

_SHOWN = 20


class VerifiedFilter(NamedFilter):
    """Filter brands by whether their campaigns take numbers."""

    title = "whether it is verified"
    parameter_name = "verified"
    conditions = {
        "yes": ("Verified", Q(identity_status__in=VERIFIED)),
        "no": ("Brands not verified", ~Q(identity_status__in=VERIFIED)),
    }


@admin.register(Brand)
class BrandAdmin(RowAdmin):
    """The brands of all organizations."""

    list_display = ("name", "organization", "tcr_brand_id", "identity", "created_at")
    list_select_related = ("organization",)
    list_filter = (("organization", AutocompleteSelectFilter), VerifiedFilter, "identity_status")
    search_fields = ("name__icontains", "tcr_brand_id__iexact")
    when_empty = "Add one that The Campaign Registry knows, or import it: manage.py import_from_carrier."
    search_help_text = "Name, TCR brand id or id"
    date_hierarchy = "created_at"
    autocomplete_fields = ("organization",)
    fieldsets = (
        (None, {"fields": ("organization", "name", "tcr_brand_id", "identity_status")}),
        ("Times", {"classes": ("collapse",), "fields": ("created_at", "updated_at", "id")}),
    )
    add_fieldsets = ((None, {"fields": ("organization", "name", "tcr_brand_id", "identity_status")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a brand with its organization."""
        return () if obj is None else ("organization", "created_at", "updated_at", "id")

    instead_of_deleting = "A brand stays as long as a campaign does."

    def has_history(self, row: Brand) -> bool:
        return row.campaigns.exists()

    def describe(self, request: HttpRequest, row: Brand) -> dict[str, Any]:
        """Return its campaigns, each with a link to its numbers."""
        if not request.user.has_perm("campaigns.view_campaign"):
            return {}
        numbers = reverse("admin:numbers_phonenumber_changelist")
        rows = [
            [
                link(reverse("admin:campaigns_campaign_change", args=[campaign.id]), campaign.name),
                campaign.tcr_campaign_id,
                campaign.status,
                link(f"{numbers}?campaign__id__exact={campaign.id}", "Numbers"),
            ]
            for campaign in row.campaigns.all()[:_SHOWN]
        ]
        said: str = "" if rows else "No campaign yet. Add one for it."
        if len(rows) == _SHOWN:
            said = link(f"{reverse('admin:campaigns_campaign_changelist')}?brand__id__exact={row.id}", "All campaigns")
        return {"panels": [{"title": "Campaigns", "rows": rows, "said": said}]}

    @display(description="identity status", ordering="identity_status", label=STATUS_COLORS)
    def identity(self, brand: Brand) -> str | None:
        """Return the status at TCR; its color shows whether campaigns of the brand take numbers."""
        return brand.identity_status
