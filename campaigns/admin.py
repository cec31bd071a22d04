"""The operators' pages of campaigns."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from agentmessage.admin.base import RowAdmin, WithinOrganization, link
from agentmessage.admin.forms import SameOrganizationForm
from agentmessage.admin.lists import STATUS_COLORS, NamedFilter, counted
from agentmessage.admin.unfold_typing import action, display
from campaigns.models import Campaign, CarrierStatus
from campaigns.selectors import ATTENTION, campaigns_in_use
from campaigns.services import NOT_SUSPENDED


class CampaignForm(SameOrganizationForm):
    """A campaign."""

    same_organization = ("brand",)

    class Meta:
        help_texts = {
            "carrier_status": "The carrier's word, which a sync replaces. To suspend the campaign, give a reason.",
            "suspension_reason": "With a reason the campaign is suspended, whatever the carrier or an inventory say, "
            "until the reason is cleared.",
            "suspended_until": "In UTC. Left empty, the suspension ends when an operator lifts it.",
        }

    def clean_tcr_campaign_id(self) -> str | None:
        """Keep the ID under which the carrier knows what numbers are on."""
        tcr_id: str | None = self.cleaned_data["tcr_campaign_id"]
        if self.instance.tcr_campaign_id not in (None, tcr_id):
            # An attach that is under way has referred to the row: it is waited for.
            Campaign.objects.select_for_update().get(id=self.instance.id)
            if campaigns_in_use([self.instance.id]).exists():
                raise forms.ValidationError("Numbers are on the campaign. Detach them, correct it, attach them again.")
        return tcr_id

    def clean(self) -> dict[str, Any] | None:
        """Require a reason for a suspension, and keep the carrier's word apart from it."""
        cleaned = super().clean() or self.cleaned_data
        changed = {name: cleaned.get(name) for name in self.changed_data}
        if changed.get("carrier_status") == CarrierStatus.SUSPENDED and "suspension_reason" in self.fields:
            if not cleaned.get("suspension_reason"):
                self.add_error("suspension_reason", "Say why: without a reason, the next sync undoes it.")
            cleaned["carrier_status"] = self.instance.carrier_status
        if changed.get("suspension_reason") == "":
            cleaned["suspended_until"] = None
        elif (until := changed.get("suspended_until")) is not None and until <= timezone.now():
            self.add_error("suspended_until", "The end must lie in the future.")
        return cleaned


class AttentionFilter(NamedFilter):
    """Filter campaigns by what an operator should see to."""

    title = "what needs attention"
    parameter_name = "attention"
    conditions = ATTENTION


def _numbers_of(campaign: Campaign) -> QuerySet[Any]:
    """Return its numbers; their index begins with the organization."""
    return campaign.phone_numbers.filter(organization_id=campaign.organization_id)


@admin.register(Campaign)
class CampaignAdmin(RowAdmin):
    """The campaigns of all organizations."""

    form = CampaignForm
    list_display = (
        "name", "organization", "brand", "usecase", "tcr_campaign_id", "tcr_status", "carrier", "expiration_date",
    )  # fmt: skip
    list_select_related = ("organization", "brand")
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        ("brand", AutocompleteSelectFilter),
        AttentionFilter,
        "status",
        "carrier_status",
        ("suspended_at", admin.EmptyFieldListFilter),
        ("usecase", ChoicesDropdownFilter),
    )
    search_fields = ("name__icontains", "tcr_campaign_id__iexact")
    when_empty = "Add one that The Campaign Registry knows, or import it: manage.py import_from_carrier."
    id_lookups = ("id", "brand_id")
    search_help_text = "Name, TCR campaign id, or the id of the campaign or its brand"
    date_hierarchy = "created_at"
    autocomplete_fields = ("organization", "brand")
    fieldsets = (
        (None, {"fields": ("organization", "brand", "name", "usecase", "description", "tcr_campaign_id")}),
        ("Status", {"fields": ("status", "carrier_status", "mno_metadata", "expiration_date", "number_pool")}),
        (
            "Suspension by an operator",
            {
                "classes": ("collapse",),
                "fields": ("suspension_reason", "suspended_until", "suspended_by", "suspended_at"),
            },
        ),
        ("Times", {"classes": ("collapse",), "fields": ("created_at", "updated_at", "id")}),
    )
    add_fieldsets = fieldsets[:2]
    instead_of_deleting = "Move its numbers to another campaign instead; history keeps this one."
    actions_detail = ("move_numbers",)

    def has_history(self, row: Campaign) -> bool:
        """Whether numbers are or were on it."""
        return _numbers_of(row).exists() or row.departures.exists()

    def describe(self, request: HttpRequest, row: Campaign) -> dict[str, Any]:
        """Return its brand, its limit, and its numbers by what the carrier knows of them."""
        if not request.user.has_perm("numbers.view_phonenumber"):
            return {}
        numbers = _numbers_of(row)
        address = f"{reverse('admin:numbers_phonenumber_changelist')}?campaign__id__exact={row.id}"
        rows = [
            [link(f"{address}&carrier_side={status}", capfirst(status)), counted(some)]
            for status in ("propagated", "pending", "failed")
            if (some := numbers.filter(carrier_line_option_status=status)).exists()
        ]
        brand = link(reverse("admin:brands_brand_change", args=[row.brand_id]), row.brand)
        limit = "no limit" if row.number_limit is None else f"the limit is {row.number_limit:,}"
        count = counted(numbers)
        words = link(address, "1 number" if count == 1 else f"{count} numbers")
        said = format_html("{} of the brand {}; {}.", words, brand, limit)
        if not rows:
            said = format_html("{} Attach it to numbers from their list.", said)
        return {"panels": [{"title": "Numbers", "rows": rows, "said": said}]}

    def has_move_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("numbers.change_phonenumber")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer to move numbers where there are some."""
        campaign = self.get_object(request, object_id)
        has_numbers = campaign is not None and _numbers_of(campaign).exists()
        return super().get_actions_detail(request, object_id) if has_numbers else []

    @action(description="Move all numbers to…", permissions=["move"], url_path="move", icon="move_up")
    def move_numbers(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self.get_row(request, object_id)
        return HttpResponseRedirect(reverse("admin:numbers_phonenumber_move", args=[campaign.id]))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a campaign with its organization."""
        suspension = ("mno_metadata", "suspended_by", "suspended_at")
        return suspension if obj is None else ("organization", *suspension, "created_at", "updated_at", "id")

    def save_model(self, request: HttpRequest, obj: Model, form: forms.Form, change: Any) -> None:
        """Record in the row and in the log who suspends the campaign, or lifts a suspension."""
        assert isinstance(obj, Campaign)  # noqa: S101  (The admin's own model.)
        if not {"suspension_reason", "suspended_until"}.isdisjoint(form.changed_data):
            suspension, message = NOT_SUSPENDED, "Lifted the suspension."
            if obj.suspension_reason:
                suspension = {
                    "suspension_reason": obj.suspension_reason,
                    "suspended_until": obj.suspended_until,
                    "suspended_by": request.user.get_username(),
                    "suspended_at": Now(),
                }
                message = f"Suspended until {obj.suspended_until or 'further notice'}: {obj.suspension_reason}"
            Campaign.objects.filter(id=obj.id).update(**suspension)
            self.log_change(request, obj, message)
        super().save_model(request, obj, form, change)

    def get_form(
        self, request: HttpRequest, obj: Campaign | None = None, change: bool = False, **kwargs: Any
    ) -> "type[forms.ModelForm[Any]]":
        """Offer only the brands of the campaign's organization."""
        form: type[forms.ModelForm[Any]] = super().get_form(request, obj, change, **kwargs)
        if obj is not None and "brand" in form.base_fields:
            form.base_fields["brand"].widget.widget = WithinOrganization(
                Campaign._meta.get_field("brand"),
                self.admin_site,
                choices=form.base_fields["brand"].choices,  # type: ignore[attr-defined]  # A ModelChoiceField has them.
                organization_id=obj.organization_id,
            )
        return form

    @display(description="status", ordering="status", label=STATUS_COLORS)
    def tcr_status(self, campaign: Campaign) -> str:
        return campaign.status

    @display(description="carrier", ordering="carrier_status", label=STATUS_COLORS)
    def carrier(self, campaign: Campaign) -> str:
        return campaign.effective_carrier_status
