"""The operators' pages of phone numbers."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from agentmessage.admin.base import MomentRangeFilter, RowAdmin, link
from agentmessage.admin.lists import STATUS_COLORS
from agentmessage.admin.unfold_typing import action, display
from agentmessage.ids import parse_uuid
from campaigns.models import Campaign
from phone_numbers.admin.filters import (
    SHORTEST,
    CarrierSideFilter,
    FailureFilter,
    HasCampaignFilter,
    number_condition,
    on_campaign,
)
from phone_numbers.admin.forms import PhoneNumberForm
from phone_numbers.admin.operations import begin_operation
from phone_numbers.admin.state import describe_number
from phone_numbers.bulk_operations import BulkAction
from phone_numbers.e164 import LONGEST_WRITTEN
from phone_numbers.models import PhoneNumber
from phone_numbers.selectors import contains
from phone_numbers.services.retry import can_retry

# What only operations change, and what nothing changes.
_FIXED = (
    "number", "number_type", "organization", "state", "campaign", "carrier_line_option_status",
    "carrier_line_option_propagated_at", "current_entry", "created_at", "updated_at", "id",
)  # fmt: skip

# Operations. Each leads to the page of a bulk operation, which asks before it changes anything.


def _on_selected(operation: BulkAction, description: str) -> Any:
    @action(description=description, permissions=["change"])
    def begin(_self: RowAdmin, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> HttpResponse:
        return begin_operation(request, operation, queryset)

    return begin


def _on_one(operation: BulkAction, description: str, **options: Any) -> Any:
    @action(description=description, permissions=["change"], url_path=operation.value, **options)
    def begin(self: RowAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        number = self.get_row(request, object_id)
        return begin_operation(request, operation, self.get_queryset(request).filter(id=number.id))

    return begin


@admin.register(PhoneNumber)
class PhoneNumberAdmin(RowAdmin):
    """The numbers of all organizations, and the stock.

    What a number is and who has it is said when it is added; its campaign and state change by the operations only.
    """

    form = PhoneNumberForm
    list_display = ("number", "organization", "state_label", "campaign", "carrier_side", "label", "number_type")
    export_also = (
        "carrier", "carrier_line_option_propagated_at", "sms_enabled", "mms_enabled", "inbound_url", "status_url",
        "created_at", "updated_at",
    )  # fmt: skip
    list_select_related = ("organization", "campaign")
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        ("campaign", AutocompleteSelectFilter),
        HasCampaignFilter,
        "state",
        CarrierSideFilter,
        FailureFilter,
        "number_type",
        ("created_at", MomentRangeFilter),
    )
    list_per_page = 100
    # As they came in. The index of the numbers cannot sort (docs/adr/0015), so their order would read the whole table.
    ordering = ("id",)
    search_fields = ("label",)
    when_empty = "Add one here, or load an inventory: manage.py load_inventory."
    search_help_text = "Number or its last four digits, words of the label, or the ID of the number or its campaign"
    autocomplete_fields = ("organization",)
    change_form_outer_before_template = "admin/numbers/phonenumber/state.html"
    instead_of_deleting = "Release it instead."
    fieldsets = (
        (None, {"fields": ("label", "sms_enabled", "mms_enabled", "inbound_url", "status_url")}),
        ("More of the number", {"classes": ("collapse",), "fields": (*_FIXED[:4], "carrier", *_FIXED[4:])}),
    )
    add_fieldsets = (
        (None, {"fields": ("number", "number_type", "organization", "state", "carrier", "label")}),
        ("Messages", {"fields": ("sms_enabled", "mms_enabled", "inbound_url", "status_url")}),
    )
    actions = ("attach_selected", "detach_selected", "retry_selected", "release_selected")
    actions_detail = ("attach_one", "detach_one", "retry_one", "release_one")

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        """Leave room for a number as people write it, which is longer than what is stored."""
        if db_field.name == "number":
            kwargs["max_length"] = LONGEST_WRITTEN
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Leave the label and the routing editable, and the account while nothing binds the number to it."""
        if obj is None:
            return ()
        return _FIXED if obj.may_change_account else ("carrier", *_FIXED)

    def describe(self, request: HttpRequest, row: PhoneNumber) -> dict[str, Any]:
        """Return the number's state, what to do, and its history."""
        return describe_number(row, request)

    def has_history(self, row: PhoneNumber) -> bool:
        return row.attachments.exists()

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what can be done to the number now."""
        number = self.get_object(request, object_id)
        if number is None or not number.is_assigned:
            possible = set()
        elif number.campaign_id is None:
            possible = {"attach", "release"}
        else:
            possible = {"attach", "detach", "release"}
        if number is not None and can_retry(number, attachment_id=number.current_attachment_id):
            possible.add("retry")
        return [offered for offered in super().get_actions_detail(request, object_id) if offered.path in possible]

    def get_urls(self) -> list[URLPattern]:
        """Add the way from a campaign's page."""
        view = self.admin_site.admin_view(self.move_view)
        return [path("move-from/<uuid:campaign_id>/", view, name="numbers_phonenumber_move"), *super().get_urls()]

    def move_view(self, request: HttpRequest, campaign_id: UUID) -> HttpResponse:
        """Begin to attach another campaign to all numbers of this one."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        campaign = get_object_or_404(Campaign, id=campaign_id)
        numbers = self.get_queryset(request).filter(organization_id=campaign.organization_id, campaign=campaign)
        return begin_operation(request, BulkAction.ATTACH, numbers)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a number as people write it, or numbers by the words of their label or by an ID."""
        condition = number_condition(search_term)
        if condition is not None:
            return queryset.filter(condition), False
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        is_too_short = max(map(len, search_term.split()), default=SHORTEST) < SHORTEST
        return found.none() if is_too_short else found, may_repeat

    def matches(self, word: str) -> Q:
        """Build the condition for one word; each part of it is a lookup in one index."""
        word_id = parse_uuid(word)
        return contains(word) if word_id is None else Q(id=word_id) | on_campaign(word_id)

    @display(description="state", ordering="state", label=STATUS_COLORS)
    def state_label(self, phone_number: PhoneNumber) -> str:
        return phone_number.state

    @display(description="carrier side", ordering="carrier_line_option_status", label=STATUS_COLORS)
    def carrier_side(self, phone_number: PhoneNumber) -> str | None:
        return phone_number.carrier_line_option_status

    @display(description="current attachment", empty_value="-")
    def current_entry(self, phone_number: PhoneNumber) -> str | None:
        """Link to the attachment that put the number on its campaign."""
        entry = phone_number.current_attachment
        if entry is None:
            return None
        address = reverse("admin:numbers_campaignattachment_change", args=[entry.id])
        return link(address, entry.id)

    attach_selected = _on_selected(BulkAction.ATTACH, "Attach campaign…")
    detach_selected = _on_selected(BulkAction.DETACH, "Detach campaign…")
    retry_selected = _on_selected(BulkAction.RETRY, "Send failed again…")
    release_selected = _on_selected(BulkAction.RELEASE, "Release…")
    attach_one = _on_one(BulkAction.ATTACH, "Attach campaign…", icon="add_link", variant=ActionVariant.PRIMARY)
    detach_one = _on_one(BulkAction.DETACH, "Detach campaign…", icon="link_off")
    retry_one = _on_one(BulkAction.RETRY, "Send again…", icon="replay")
    release_one = _on_one(BulkAction.RELEASE, "Release…", icon="block")
