"""How operators find numbers among a million: every condition is a lookup in an index."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, Subquery

from campaigns.models import Campaign
from phone_numbers.e164 import number_fragment, to_e164
from phone_numbers.selectors import contains

# What the index of parts, one of trigrams, can look up.
SHORTEST = 3
_LAST_DIGITS = 4


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
