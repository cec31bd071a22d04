"""Queries for an organization's phone numbers. They lock nothing."""

from typing import Any
from uuid import UUID

from django.db.models import CharField, Q, QuerySet, UUIDField, Value
from django.db.models.functions import Upper
from django.db.models.lookups import Contains

from agentmessage.db.prepared import CompiledQueryset, Param
from agentmessage.errors import NotFound
from agentmessage.validators import LABEL_LENGTH
from phone_numbers.e164 import number_fragment
from phone_numbers.models import SEARCHED, CampaignAttachment, NumberState, PhoneNumber

# What /v1 shows of a number, by the names that the columns have too.
SHOWN = (
    "id",
    "number",
    "number_type",
    "inbound_url",
    "status_url",
    "label",
    "campaign_id",
    "carrier_line_option_status",
    "carrier_line_option_propagated_at",
    "sms_enabled",
    "mms_enabled",
    "created_at",
    "updated_at",
)
_ONE = CompiledQueryset(
    lambda: (
        PhoneNumber.objects.filter(
            organization_id=Param("organization_id", UUIDField()),
            state=Param("state", CharField()),
            id=Param("phone_number_id", UUIDField()),
        )
        .order_by()
        .values_list(*SHOWN)
    )
)


def visible_phone_numbers(*, organization_id: UUID) -> QuerySet[PhoneNumber]:
    """Return the organization's ASSIGNED numbers."""
    return PhoneNumber.objects.filter(organization_id=organization_id, state=NumberState.ASSIGNED)


def search_phone_numbers(rows: QuerySet[PhoneNumber], text: str) -> QuerySet[PhoneNumber]:
    """Filter by a part of the number, in any common notation, or of the label, in either case."""
    fragment = number_fragment(text)
    return rows.filter(contains(text) | contains(fragment) if fragment else contains(text))


def contains(text: str) -> Q:
    """Match numbers that have the text in their number or label, in either case."""
    if len(text) > LABEL_LENGTH:
        # Nothing is that long, and the trigrams of a long text take the index seconds.
        return Q(pk__in=[])
    # The database makes both sides upper case. Python would make SS of ß, and find no label that has it.
    return Q(Contains(SEARCHED, Upper(Value(text))))


def read_phone_number(*, organization_id: UUID, phone_number_id: UUID) -> dict[str, Any]:
    """Return what /v1 shows of one ASSIGNED number of the organization. Raises NotFound."""
    row = _ONE.first_values(
        organization_id=organization_id, state=NumberState.ASSIGNED.value, phone_number_id=phone_number_id
    )
    if row is None:
        raise NotFound
    return dict(zip(SHOWN, row, strict=True))


def get_attached_phone_number(*, organization_id: UUID, phone_number_id: UUID) -> PhoneNumber:
    """Return one ASSIGNED number of the organization with its current attachment. Raises NotFound."""
    found = (
        visible_phone_numbers(organization_id=organization_id)
        .select_related("current_attachment")
        .filter(id=phone_number_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def attachment_history(*, organization_id: UUID, phone_number_id: UUID) -> QuerySet[CampaignAttachment]:
    """Return the number's history with this organization. Entries of earlier owners are left out."""
    return CampaignAttachment.objects.filter(organization_id=organization_id, phone_number_id=phone_number_id)
