"""The history of attachments, which is read-only."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, UUIDField, When
from django.db.models.functions import Cast
from django.http import Http404, HttpRequest, HttpResponse
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.actors import ActorKind
from accounts.models import ApiKey, Operator
from agentmessage.admin.base import MomentRangeFilter, ReadOnlyMixin, RowAdmin
from agentmessage.admin.lists import STATUS_COLORS
from agentmessage.admin.unfold_typing import action, display
from phone_numbers.admin.filters import number_condition
from phone_numbers.admin.operations import begin_undo
from phone_numbers.failures import remedy_of
from phone_numbers.models import AttachmentStatus, CampaignAttachment, PhoneNumber

_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def with_actors(entries: QuerySet[CampaignAttachment]) -> QuerySet[CampaignAttachment]:
    """Add `operator_name` and `key_label` to the entries, in the same statement: an actor is not a foreign key."""
    as_id = Case(When(actor_id__regex=_UUID, then=Cast("actor_id", UUIDField())), output_field=UUIDField())
    return entries.alias(actor_uuid=as_id).annotate(
        operator_name=Subquery(Operator.objects.filter(id=OuterRef("actor_uuid")).values("username")),
        key_label=Subquery(ApiKey.objects.filter(id=OuterRef("actor_uuid")).values("label")),
    )


def actor_of(entry: CampaignAttachment) -> str:
    """Say who it was, by name where there still is one. The entry comes from `with_actors`."""
    names = {ActorKind.OPERATOR: "operator_name", ActorKind.API_KEY: "key_label"}
    name = getattr(entry, names.get(ActorKind(entry.actor_kind), ""), None)
    return f"{entry.get_actor_kind_display()} {name or entry.actor_id}"


@admin.register(CampaignAttachment)
class CampaignAttachmentAdmin(ReadOnlyMixin, RowAdmin):
    """The history of all numbers."""

    list_display = ("created_at", "phone_number", "organization", "moved_from", "moved_to", "actor", "carrier_side")
    export_also = (
        "previous_campaign_id", "campaign_id", "actor_kind", "actor_id", "request_id", "reason", "batch_id",
        "propagated_at", "failure_code", "failure_carrier_code", "failure_message",
    )  # fmt: skip
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        ("campaign", AutocompleteSelectFilter),
        "status",
        "actor_kind",
        ("created_at", MomentRangeFilter),
    )
    # By id, which is as old as the entry and has an index over all organizations.
    ordering = ("-id",)
    search_fields = ("request_id__exact", "actor_id__exact")
    when_empty = "Attach a campaign to a number, and its history begins here."
    id_lookups = ("id", "phone_number_id", "campaign_id", "previous_campaign_id")
    search_help_text = "Number or its last four digits, request ID, or any ID but an order's"
    fieldsets = (
        (None, {"fields": ("phone_number", "organization", "previous_campaign", "campaign", "created_at")}),
        ("Who", {"fields": ("actor", "reason", "actor_kind", "actor_id", "request_id", "batch_id", "id")}),
        (
            "Carrier side",
            {
                "fields": (
                    "status", "attempts", "next_attempt_at", "order_id", "submitted_at", "propagated_at",
                    "failure_code", "failure_carrier_code", "failure_message", "what_to_do",
                )
            },
        ),
    )  # fmt: skip
    readonly_fields = ("actor", "what_to_do")
    actions_detail = ("undo_batch",)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer the undo of an entry that has a batch."""
        entry = self.get_object(request, object_id)
        return super().get_actions_detail(request, object_id) if entry is not None and entry.batch_id else []

    def has_undo_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("numbers.change_phonenumber")

    @action(description="Undo its bulk move…", permissions=["undo"], url_path="undo", icon="undo")
    def undo_batch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        entry = self.get_row(request, object_id)
        if entry.batch_id is None:
            raise Http404
        return begin_undo(request, entry.batch_id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CampaignAttachment]:
        """Return the entries, with everything that is shown of them."""
        entries = super().get_queryset(request)
        return with_actors(entries.select_related("organization", "phone_number", "campaign", "previous_campaign"))

    @display(description="from", empty_value="-")
    def moved_from(self, entry: CampaignAttachment) -> str | None:
        return entry.previous_campaign.name if entry.previous_campaign else None

    @display(description="to", empty_value="detached")
    def moved_to(self, entry: CampaignAttachment) -> str | None:
        return entry.campaign.name if entry.campaign else None

    @display(description="by")
    def actor(self, entry: CampaignAttachment) -> str:
        return actor_of(entry)

    @display(description="carrier side", ordering="status", label=STATUS_COLORS)
    def carrier_side(self, entry: CampaignAttachment) -> str:
        return entry.status

    @display(description="what to do", empty_value="-")
    def what_to_do(self, entry: CampaignAttachment) -> str | None:
        """Say what the API says of the failure."""
        if entry.failure_code is None:
            return None
        is_current = entry.phone_number.current_attachment_id == entry.id
        has_failed = entry.status == AttachmentStatus.FAILED
        return remedy_of(entry.failure_code, has_failed=has_failed, is_current=is_current).resolution

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the entries of a number as people write it, or by an ID."""
        condition = number_condition(search_term)
        if condition is not None:
            return queryset.filter(phone_number__in=PhoneNumber.objects.filter(condition)), False
        return super().get_search_results(request, queryset, search_term)

    def matches(self, word: str) -> Q:
        """Search an actor's ID, which is text here, as a UUID and as text."""
        return super().matches(word) | Q(actor_id=word)
