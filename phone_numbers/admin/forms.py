"""What operators type on the pages of numbers."""

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.forms.models import ModelChoiceIteratorValue
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminSelectWidget

from agentmessage.admin.forms import ReasonForm, RowForm
from agentmessage.errors import DomainError, shown
from campaigns.models import Campaign
from phone_numbers.e164 import to_e164
from phone_numbers.services.attach import check_campaign


class PhoneNumberForm(RowForm):
    """A number. Its campaign and the carrier's side are no fields of it: they change through services."""

    def clean(self) -> dict[str, Any] | None:
        """Read the number as people write it, and compare it with its type."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"number", "number_type"} <= cleaned.keys():
            written = cleaned["number"]
            try:
                cleaned["number"] = to_e164(written, number_type=cleaned["number_type"])
            except forms.ValidationError as error:
                self.add_error("number", f"{shown(written)} {error.message}.")
        return cleaned

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "carrier" in self.fields:
            accounts = dict.fromkeys([*settings.CARRIERS, self.instance.carrier])
            self.fields["carrier"].widget = UnfoldAdminSelectWidget(choices=[(name, name) for name in accounts])
            self.fields["carrier"].required = False

    def clean_carrier(self) -> str:
        """Return an account that is configured, or the one that the number has."""
        account: str = self.cleaned_data["carrier"] or self.instance.carrier
        if account not in settings.CARRIERS and account != self.initial.get("carrier"):
            raise forms.ValidationError("There is no such account in CARRIERS.")
        return account


class CampaignSelect(UnfoldAdminSelect2Widget):
    """A choice of campaigns. Those that take no numbers are shown, but disabled."""

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Disable a campaign that breaks one of rules 2 to 4."""
        option: dict[str, Any] = super().create_option(name, value, label, *args, **kwargs)
        if isinstance(value, ModelChoiceIteratorValue):
            try:
                check_campaign(value.instance)  # type: ignore[attr-defined]  # Documented.
            except DomainError:
                option["attrs"]["disabled"] = True
        return option


class CampaignField(forms.ModelChoiceField):  # type: ignore[type-arg]  # Generic for type checkers only.
    """A campaign, labeled with what decides whether it takes numbers."""

    def label_from_instance(self, obj: Any) -> str:
        """Name the campaign, and say why it takes no numbers."""
        parts = [obj.name, obj.tcr_campaign_id, obj.get_usecase_display()]
        if not obj.is_active:
            parts.append(f"takes no numbers: {obj.status}")
        elif not obj.brand.is_verified:
            parts.append(
                f"takes no numbers: brand {obj.brand.name} is {obj.brand.identity_status or 'not verified yet'}"
            )
        elif not obj.is_carrier_approved:
            parts.append(f"carrier: {obj.effective_carrier_status}")
        return " · ".join(part for part in parts if part)


class AttachForm(ReasonForm):
    """Which campaign of the organization to attach, and why."""

    campaign = CampaignField(
        queryset=Campaign.objects.none(), widget=CampaignSelect({"data-placeholder": "Choose a campaign"})
    )

    def __init__(self, *args: Any, campaigns: QuerySet[Campaign], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["campaign"]
        assert isinstance(field, CampaignField)  # noqa: S101  (Declared above.)
        field.queryset = campaigns.select_related("brand")
