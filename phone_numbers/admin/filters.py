"""Filters of the list of numbers, by what their carrier says."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from agentmessage.admin.lists import NamedFilter
from phone_numbers.failures import FailureCode
from phone_numbers.models import LineOptionStatus, PhoneNumber


class CarrierSideFilter(NamedFilter):
    """Filter numbers by how far the carrier has come with their campaign."""

    title = "carrier side"
    parameter_name = "carrier_side"
    conditions = {
        "propagated": ("Propagated", Q(carrier_line_option_status=LineOptionStatus.PROPAGATED)),
        "pending": ("Pending", Q(carrier_line_option_status=LineOptionStatus.PENDING)),
        "removing": ("Removing", Q(carrier_line_option_status=LineOptionStatus.REMOVING)),
        "failed": ("Failed", Q(carrier_line_option_status=LineOptionStatus.FAILED)),
        "none": ("No campaign", Q(carrier_line_option_status__isnull=True)),
    }


class HasCampaignFilter(NamedFilter):
    """Filter numbers by whether they send under a campaign."""

    title = "whether it has a campaign"
    parameter_name = "has_campaign"
    conditions = {"yes": ("Yes", Q(campaign__isnull=False)), "no": ("No", Q(campaign__isnull=True))}


class FailureFilter(DropdownFilter):
    """Filter numbers whose propagation has failed by the code of the failure."""

    title = "failure"
    parameter_name = "failure"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(code, code) for code in FailureCode.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> QuerySet[PhoneNumber]:
        """Return the numbers that failed so, a code of an earlier version included."""
        code = self.value()
        failed = {"carrier_line_option_status": LineOptionStatus.FAILED, "current_attachment__failure_code": code}
        return queryset.filter(**failed) if code else queryset
