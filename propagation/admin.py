"""Carrier orders in the admin, read-only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from procrastinate.contrib.django.models import ProcrastinateJob
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from agentmessage.admin.base import MomentRangeFilter, RowAdmin
from agentmessage.admin.unfold_typing import display
from propagation.models import CarrierOrder

# Jobs are short-lived; the orders say all there is to know.
admin.site.unregister(ProcrastinateJob)


@admin.register(CarrierOrder)
class CarrierOrderAdmin(RowAdmin):
    """The carrier orders of the last 30 days, of all organizations."""

    list_display = ("created_at", "status", "carrier", "action", "organization", "campaign", "succeeded", "failed")
    list_select_related = ("organization", "campaign")
    list_filter = (
        ("organization", AutocompleteSelectFilter),
        "carrier",
        "action",
        ("created_at", MomentRangeFilter),
        ("ended_at", MomentRangeFilter),
    )
    # By ID, which is as old as the order and has an index.
    ordering = ("-id",)
    search_fields = ("carrier_order_id__exact",)
    search_help_text = "Our ID of the order, or the carrier's"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    @display(description="status", label={"to be sent": "warning", "at the carrier": "info", "ended": "success"})
    def status(self, order: CarrierOrder) -> str:
        """Whether the order is to be sent, at the carrier, or ended."""
        if order.ended_at is not None:
            return "ended"
        return "to be sent" if order.sent_at is None else "at the carrier"
