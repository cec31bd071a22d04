"""How operators find numbers among a million: filters and searches, whose every condition is a lookup in an index."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet, Subquery
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from agentmessage.admin.lists import NamedFilter
from campaigns.models import Campaign
from phone_numbers.e164 import number_fragment, to_e164
from phone_numbers.failures import FailureCode
from phone_numbers.models import LineOptionStatus, PhoneNumber
from phone_numbers.selectors import contains

# What the index of parts, one of trigrams, can look up.
SHORTEST = 3
_LAST_DIGITS = 4


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
        return [(code, code) for code in FailureCode.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PhoneNumber]) -> QuerySet[PhoneNumber]:
        """Return the numbers that failed so, a code of an earlier version included."""
        code = self.value()
        failed = {"carrier_line_option_status": LineOptionStatus.FAILED, "current_attachment__failure_code": code}
        return queryset.filter(**failed) if code else queryset


def number_condition(term: str) -> Q | None:
    """Match what people write of a number: all of it, a part of it, its last four digits. None: it is no number."""
    fragment = number_fragment(term)
    if fragment is None:
        return None
    begins = Q(number__startswith=fragment)
    if not fragment.startswith("+"):
        begins |= Q(number__startswith=f"+{fragment}") | Q(number__startswith=f"+1{fragment}")
    if len(fragment) < SHORTEST:
        return begins
    if len(fragment) == _LAST_DIGITS and fragment.isdigit():
        # Too many numbers have four digits in the middle.
        return contains(fragment) & (begins | Q(number__endswith=fragment) | Q(label__contains=fragment))
    condition = contains(fragment) | contains(term.strip())
    try:
        return condition | Q(number=to_e164(term))
    except ValidationError:
        return condition


def on_campaign(campaign_id: UUID) -> Q:
    """Match the campaign's numbers; the index of numbers by campaign begins with the organization."""
    organization = Campaign.objects.filter(id=campaign_id).values("organization_id")
    return Q(campaign_id=campaign_id, organization_id=Subquery(organization))
