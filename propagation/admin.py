"""Carrier orders in the admin, read-only."""

from django.contrib import admin
from procrastinate.contrib.django.models import ProcrastinateJob
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from agentmessage.admin.base import MomentRangeFilter, ReadOnlyMixin, RowAdmin
from agentmessage.admin.unfold_typing import display
from propagation.models import CarrierOrder

# Jobs are short-lived; the orders say all there is to know.
admin.site.unregister(ProcrastinateJob)


@admin.register(CarrierOrder)
class CarrierOrderAdmin(ReadOnlyMixin, RowAdmin):
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

    @display(description="status", label={"to be sent": "warning", "at the carrier": "info", "ended": "success"})
    def status(self, order: CarrierOrder) -> str:
        """Whether the order is to be sent, at the carrier, or ended."""
        if order.ended_at is not None:
            return "ended"
        return "to be sent" if order.sent_at is None else "at the carrier"
