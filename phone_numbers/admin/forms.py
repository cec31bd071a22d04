"""Forms of the numbers' pages."""

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.forms.models import ModelChoiceIteratorValue
from unfold.widgets import UnfoldAdminSelect2Widget

from agentmessage.admin.forms import RowForm
from campaigns.models import Campaign


class PhoneNumberForm(RowForm):
    """A number. Its campaign and the carrier's side are no fields of it: they change through services."""

    sentences = {
        "numbers_phonenumber_number_key": ("number", "Phone number with this Number already exists."),
        "numbers_phonenumber_number_e164": (
            "number",
            "E.164, as in +19195550100: a plus and 7 to 15 digits. A short code has 5 or 6 digits and that type.",
        ),
        "numbers_phonenumber_number_type_known": ("number_type", "There is no such type."),
        "numbers_phonenumber_state_known": ("state", "There is no such state."),
        "numbers_phonenumber_state_organization": (
            "organization",
            "An available number has no organization; a pending or assigned one has.",
        ),
    }

    def clean_inbound_url(self) -> str | None:
        """HTTPS, as /v1 asks for it."""
        return self._https("inbound_url")

    def clean_status_url(self) -> str | None:
        """HTTPS, as /v1 asks for it."""
        return self._https("status_url")

    def _https(self, name: str) -> str | None:
        url: str | None = self.cleaned_data[name]
        if url is not None and not url.lower().startswith("https://"):
            raise forms.ValidationError("The URL begins with https://.")
        return url


class CampaignSelect(UnfoldAdminSelect2Widget):
    """Campaigns to choose from; those that take no numbers are shown and cannot be chosen."""

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """One campaign."""
        option: dict[str, Any] = super().create_option(name, value, label, *args, **kwargs)
        if isinstance(value, ModelChoiceIteratorValue) and not takes_numbers(value.instance):  # type: ignore[attr-defined]  # Documented.
            option["attrs"]["disabled"] = True
        return option


class CampaignField(forms.ModelChoiceField):  # type: ignore[type-arg]  # Generic for type checkers only.
    """A campaign, with what decides whether it takes numbers."""

    def label_from_instance(self, obj: Any) -> str:
        """Its name, and its standing where that is in the way."""
        parts = [obj.name, obj.tcr_campaign_id, obj.get_usecase_display()]
        if not obj.is_active:
            parts.append(f"takes no numbers: {obj.status}")
        elif not obj.brand.is_verified:
            parts.append(
                f"takes no numbers: brand {obj.brand.name} is {obj.brand.identity_status or 'not verified yet'}"
            )
        elif not obj.is_carrier_approved:
            parts.append(f"carrier: {obj.carrier_status}")
        return " · ".join(part for part in parts if part)


class AttachForm(forms.Form):
    """Which campaign of the organization to attach."""

    campaign = CampaignField(
        queryset=Campaign.objects.none(), widget=CampaignSelect({"data-placeholder": "Choose a campaign"})
    )

    def __init__(self, *args: Any, organization_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        campaigns: QuerySet[Campaign] = Campaign.objects.filter(organization_id=organization_id)
        field = self.fields["campaign"]
        assert isinstance(field, CampaignField)  # noqa: S101  (It stands above.)
        field.queryset = campaigns.select_related("brand")


def takes_numbers(campaign: Campaign) -> bool:
    """Whether the attach would pass its rules about the campaign, as far as one can tell before it is made."""
    return campaign.is_active and campaign.brand.is_verified
