"""What an organization sees of its numbers. Reads only, nothing is locked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Upper

from agentmessage.db.prepared import fetch_all, fetch_one
from agentmessage.errors import NotFound
from phone_numbers.models import SEARCHED, CampaignAttachment, NumberState, PhoneNumber


class Place(Protocol):
    """Where a page ends: a row of the list."""

    @property
    def created_at(self) -> datetime: ...

    @property
    def id(self) -> UUID: ...


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
# The statements of the reads that come most often.
_SHOW = f"SELECT {', '.join(SHOWN)}"
_VISIBLE = "FROM numbers_phonenumber WHERE organization_id = %s AND state = 'ASSIGNED'"
_ONE = f"{_SHOW} {_VISIBLE} AND id = %s"
_FIRST_PAGE = f"{_SHOW} {_VISIBLE} ORDER BY created_at DESC, id DESC LIMIT %s"
# Compared as one row value, which is a range of the index.
_NEXT_PAGE = f"{_SHOW} {_VISIBLE} AND (created_at, id) < (%s, %s) ORDER BY created_at DESC, id DESC LIMIT %s"
_COUNT = f"SELECT count(*) {_VISIBLE}"


def visible_phone_numbers(*, organization_id: UUID) -> QuerySet[PhoneNumber]:
    """The organization's ASSIGNED numbers."""
    return PhoneNumber.objects.filter(organization_id=organization_id, state=NumberState.ASSIGNED)


def search_phone_numbers(rows: QuerySet[PhoneNumber], text: str) -> QuerySet[PhoneNumber]:
    """Those whose number or label has `text` in it, in either case."""
    if len(text) > PhoneNumber.LABEL_LENGTH:
        # Nothing is that long, and the trigrams of a long text take the index seconds.
        return rows.none()
    # The database makes both sides upper case. Python would make SS of ß, and find no label that has it.
    return rows.alias(searched=SEARCHED).filter(searched__contains=Upper(Value(text)))


def read_phone_number(*, organization_id: UUID, phone_number_id: UUID) -> dict[str, Any]:
    """What is shown of one ASSIGNED number of the organization. Raises NotFound."""
    row = fetch_one(_ONE, [organization_id, phone_number_id])
    if row is None:
        raise NotFound
    return dict(zip(SHOWN, row, strict=True))


@dataclass(frozen=True, slots=True)
class AllVisible:
    """The list of the organization's ASSIGNED numbers, unfiltered: each row is what is shown of it."""

    organization_id: UUID

    def page(self, *, after: Place | None, most: int) -> list[dict[str, Any]]:
        """The newest `most`, of those that come after the place."""
        if after is None:
            rows = fetch_all(_FIRST_PAGE, [self.organization_id, most])
        else:
            rows = fetch_all(_NEXT_PAGE, [self.organization_id, after.created_at, after.id, most])
        return [dict(zip(SHOWN, row, strict=True)) for row in rows]

    def count(self) -> int:
        """How many there are in all."""
        row = fetch_one(_COUNT, [self.organization_id])
        return 0 if row is None else int(row[0])


def get_attached_phone_number(*, organization_id: UUID, phone_number_id: UUID) -> PhoneNumber:
    """One ASSIGNED number of the organization, with the attachment that counts. Raises NotFound."""
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
    """The number's history with this organization. What another one did with the number before is not its business."""
    return CampaignAttachment.objects.filter(organization_id=organization_id, phone_number_id=phone_number_id)
