"""Carrier orders in the admin, read-only."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from agentmessage.admin.base import MomentRangeFilter, ReadOnlyMixin, RowAdmin, link
from agentmessage.admin.lists import NamedFilter, counted
from agentmessage.admin.unfold_typing import display
from phone_numbers.models import CampaignAttachment
from propagation.models import CarrierOrder, CarrierReading

_SHOWN = 100

# Jobs are short-lived; the orders say all there is to know.
admin.site.unregister(ProcrastinateJob)


_OPEN = Q(ended_at__isnull=True)


class ProgressFilter(NamedFilter):
    """Filter orders by whether the carrier is done with them."""

    title = "progress"
    parameter_name = "progress"
    conditions = {
        "open": ("Open", _OPEN),
        "slow": ("Orders open for over an hour", _OPEN & Q(created_at__lt=Now() - timedelta(hours=1))),
        "ended": ("Ended", ~_OPEN),
    }


@admin.register(CarrierOrder)
class CarrierOrderAdmin(ReadOnlyMixin, RowAdmin):
    """The carrier orders of the last 30 days, of all organizations."""

    list_display = ("created_at", "status", "carrier", "action", "organization", "campaign", "succeeded", "failed")
    list_select_related = ("organization", "campaign")
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        ProgressFilter,
        "carrier",
        "action",
        ("created_at", MomentRangeFilter),
        ("ended_at", MomentRangeFilter),
    )
    # By ID, which is as old as the order and has an index.
    ordering = ("-id",)
    search_fields = ("carrier_order_id__exact",)
    when_empty = "Attach a campaign to a number, and a worker sends an order to the carrier."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "action", "campaign", "organization", "carrier", "carrier_order_id", "created_at", "sent_at",
                    "ended_at", "succeeded", "failed",
                )
            },
        ),
        ("Polling", {"classes": ("collapse",), "fields": ("next_poll_at", "is_leased", "has_news", "id")}),
    )  # fmt: skip
    search_help_text = "Our ID of the order, or the carrier's"

    def describe(self, request: HttpRequest, row: CarrierOrder) -> dict[str, Any]:
        """Return its numbers."""
        if not request.user.has_perm("numbers.view_phonenumber"):
            return {}
        entries = CampaignAttachment.objects.filter(order_id=row.id).select_related("phone_number").order_by("id")
        rows = [
            [
                link(
                    reverse("admin:numbers_phonenumber_change", args=[entry.phone_number_id]), entry.phone_number.number
                ),
                link(reverse("admin:numbers_campaignattachment_change", args=[entry.id]), entry.status),
                entry.failure_message or entry.failure_code or "",
            ]
            for entry in entries[:_SHOWN]
        ]
        said = "" if rows else "None: its numbers have been sent in later orders."
        if len(rows) == _SHOWN:
            said = f"The first {_SHOWN} of {counted(entries)}."
        return {"panels": [{"title": "Numbers", "rows": rows, "said": said}]}

    @display(description="status", label={"to be sent": "warning", "at the carrier": "info", "ended": "success"})
    def status(self, order: CarrierOrder) -> str:
        """Whether the order is to be sent, at the carrier, or ended."""
        if order.ended_at is not None:
            return "ended"
        return "to be sent" if order.sent_at is None else "at the carrier"


@admin.register(CarrierReading)
class CarrierReadingAdmin(ReadOnlyMixin, RowAdmin):
    """What came of each reconciliation and sync."""

    list_display = ("started_at", "subject", "organization", "is_dry_run", "compared", "drifted", "left", "ended_at")
    list_select_related = ("organization",)
    list_filter = ("subject", ("started_at", MomentRangeFilter), ("ended_at", MomentRangeFilter))
    # By ID, which is as old as the reading and has an index.
    ordering = ("-id",)
    when_empty = "Workers compare every account with the carrier; manage.py reconcile_carrier does it now."
