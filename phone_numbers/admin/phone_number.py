"""The operators' pages of phone numbers."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.enums import ActionVariant

from agentmessage.admin.base import MomentRangeFilter, RowAdmin
from agentmessage.admin.unfold_typing import action, display
from agentmessage.ids import parse_uuid
from campaigns.models import Campaign
from phone_numbers.admin.filters import CarrierSideFilter, FailureFilter, HasCampaignFilter
from phone_numbers.admin.forms import PhoneNumberForm
from phone_numbers.admin.operations import begin_operation
from phone_numbers.admin.search import SHORTEST, number_condition, on_campaign
from phone_numbers.admin.state import describe_number
from phone_numbers.bulk_operations import BulkAction
from phone_numbers.e164 import LONGEST_WRITTEN
from phone_numbers.models import LineOptionStatus, NumberState, PhoneNumber
from phone_numbers.selectors import contains
from phone_numbers.services.retry import can_retry


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
    search_help_text = "Number or its last four digits, words of the label, or the ID of the number or its campaign"
    autocomplete_fields = ("organization",)
    change_form_outer_before_template = "admin/numbers/phonenumber/state.html"
    instead_of_deleting = "Release it instead."
    fieldsets = (
        (None, {"fields": ("label", "sms_enabled", "mms_enabled", "inbound_url", "status_url")}),
        (
            "More of the number",
            {
                "classes": ("collapse",),
                "fields": (
                    "number", "number_type", "organization", "state", "carrier",
                    "campaign", "carrier_line_option_status", "carrier_line_option_propagated_at", "current_entry",
                    "created_at", "updated_at", "id",
                ),
            },
        ),
    )  # fmt: skip
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
        """Everything but the label, how messages go, and the account while nothing binds the number to it."""
        if obj is None:
            return ()
        return (
            *(() if obj.may_change_account else ("carrier",)),
            "number", "number_type", "organization", "state",
            "campaign", "carrier_line_option_status", "carrier_line_option_propagated_at", "current_entry",
            "created_at", "updated_at", "id",
        )  # fmt: skip

    def describe(self, request: HttpRequest, row: PhoneNumber) -> dict[str, Any]:
        """Return the number's state, what to do, and its history."""
        return describe_number(row, request)

    def has_history(self, row: PhoneNumber) -> bool:
        """Whether it has ever been attached."""
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

    @display(
        description="state",
        ordering="state",
        label={
            NumberState.AVAILABLE: "info",
            NumberState.PENDING: "warning",
            NumberState.ASSIGNED: "success",
            NumberState.QUARANTINED: "danger",
            NumberState.LOST: "danger",
        },
    )
    def state_label(self, phone_number: PhoneNumber) -> str:
        """The state of the number."""
        return phone_number.state

    @display(
        description="carrier side",
        ordering="carrier_line_option_status",
        label={
            LineOptionStatus.PENDING: "warning",
            LineOptionStatus.PROPAGATED: "success",
            LineOptionStatus.FAILED: "danger",
            LineOptionStatus.REMOVING: "warning",
        },
    )
    def carrier_side(self, phone_number: PhoneNumber) -> str | None:
        """What is known of the carrier's side of its campaign."""
        return phone_number.carrier_line_option_status

    @display(description="current attachment", empty_value="-")
    def current_entry(self, phone_number: PhoneNumber) -> str | None:
        """The entry of history that says how the number came to its campaign."""
        entry = phone_number.current_attachment
        if entry is None:
            return None
        address = reverse("admin:numbers_campaignattachment_change", args=[entry.id])
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, entry.id)

    # Operations. Each leads to the page of a bulk operation, which asks before it changes anything.

    @action(description="Attach campaign…", permissions=["change"])
    def attach_selected(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> HttpResponse:
        """Attach a campaign to the selected numbers."""
        return begin_operation(request, BulkAction.ATTACH, queryset)

    @action(description="Detach campaign…", permissions=["change"])
    def detach_selected(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> HttpResponse:
        """Detach the campaigns of the selected numbers."""
        return begin_operation(request, BulkAction.DETACH, queryset)

    @action(description="Send failed again…", permissions=["change"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> HttpResponse:
        """Send the failed propagations of the selected numbers again."""
        return begin_operation(request, BulkAction.RETRY, queryset)

    @action(description="Release…", permissions=["change"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> HttpResponse:
        """Release the selected numbers."""
        return begin_operation(request, BulkAction.RELEASE, queryset)

    @action(
        description="Attach campaign…",
        permissions=["change"],
        url_path="attach",
        icon="add_link",
        variant=ActionVariant.PRIMARY,
    )
    def attach_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Attach a campaign, from the page of a number."""
        return self._begin_with_one(request, BulkAction.ATTACH, object_id)

    @action(description="Detach campaign…", permissions=["change"], url_path="detach", icon="link_off")
    def detach_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Detach the campaign, from the page of a number."""
        return self._begin_with_one(request, BulkAction.DETACH, object_id)

    @action(description="Send again…", permissions=["change"], url_path="retry", icon="replay")
    def retry_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Retry a failed propagation, from the page of a number."""
        return self._begin_with_one(request, BulkAction.RETRY, object_id)

    @action(description="Release…", permissions=["change"], url_path="release", icon="block")
    def release_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Release the number, from its page."""
        return self._begin_with_one(request, BulkAction.RELEASE, object_id)

    def _begin_with_one(self, request: HttpRequest, chosen_action: BulkAction, object_id: str) -> HttpResponse:
        number = self.get_row(request, object_id)
        return begin_operation(request, chosen_action, self.get_queryset(request).filter(id=number.id))
