"""The operators' pages of campaigns."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from agentmessage.admin.base import RowAdmin, WithinOrganization
from agentmessage.admin.forms import SameOrganizationForm
from agentmessage.admin.unfold_typing import display
from campaigns.models import Campaign, CampaignStatus, CarrierStatus


class CampaignForm(SameOrganizationForm):
    """A campaign."""

    same_organization = ("brand",)
    sentences = {
        "campaigns_campaign_name_not_empty": ("name", "A campaign has a name."),
        "campaigns_campaign_usecase_known": ("usecase", "TCR has no such use case."),
        "campaigns_campaign_status_known": ("status", "TCR has no such status."),
        "campaigns_campaign_carrier_status_known": ("carrier_status", "There is no such status."),
        "campaigns_campaign_tcr_campaign_id_form": (
            "tcr_campaign_id",
            "C and 6 to 11 capitals or digits, as in CABC123.",
        ),
        "campaigns_campaign_tcr_campaign_id_once": (
            "tcr_campaign_id",
            "The organization has a campaign of this id already.",
        ),
    }


@admin.register(Campaign)
class CampaignAdmin(RowAdmin):
    """The campaigns of all organizations."""

    form = CampaignForm
    list_display = (
        "name", "organization", "brand", "usecase", "tcr_campaign_id", "standing", "carrier", "expiration_date",
    )  # fmt: skip
    list_select_related = ("organization", "brand")
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        ("brand", AutocompleteSelectFilter),
        "status",
        "carrier_status",
        ("usecase", ChoicesDropdownFilter),
    )
    search_fields = ("name__icontains", "tcr_campaign_id__iexact")
    id_lookups = ("id", "brand_id")
    search_help_text = "Name, TCR campaign id, or the id of the campaign or its brand"
    date_hierarchy = "created_at"
    autocomplete_fields = ("organization", "brand")
    fieldsets = (
        (None, {"fields": ("organization", "brand", "name", "usecase", "description", "tcr_campaign_id")}),
        ("Standing", {"fields": ("status", "carrier_status", "expiration_date", "number_pool")}),
        ("Times", {"fields": ("created_at", "updated_at", "id")}),
    )
    add_fieldsets = fieldsets[:2]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A campaign stays with its organization."""
        return () if obj is None else ("organization", "created_at", "updated_at", "id")

    def get_form(
        self, request: HttpRequest, obj: Campaign | None = None, change: bool = False, **kwargs: Any
    ) -> "type[forms.ModelForm[Any]]":
        """The form; on the page of a campaign it offers the brands of its organization only."""
        form: type[forms.ModelForm[Any]] = super().get_form(request, obj, change, **kwargs)
        if obj is not None and "brand" in form.base_fields:
            form.base_fields["brand"].widget.widget = WithinOrganization(
                Campaign._meta.get_field("brand"),
                self.admin_site,
                choices=form.base_fields["brand"].choices,  # type: ignore[attr-defined]  # A ModelChoiceField has them.
                organization_id=obj.organization_id,
            )
        return form

    @display(
        description="status",
        ordering="status",
        label={
            CampaignStatus.ACTIVE: "success",
            CampaignStatus.PENDING: "warning",
            CampaignStatus.REJECTED: "danger",
            CampaignStatus.EXPIRED: "danger",
        },
    )
    def standing(self, campaign: Campaign) -> str:
        """TCR's word for it."""
        return campaign.status

    @display(
        description="carrier",
        ordering="carrier_status",
        label={
            CarrierStatus.APPROVED: "success",
            CarrierStatus.PENDING: "warning",
            CarrierStatus.REJECTED: "danger",
            CarrierStatus.SUSPENDED: "danger",
        },
    )
    def carrier(self, campaign: Campaign) -> str:
        """The carrier side's word for it."""
        return campaign.carrier_status
