"""Which campaign numbers were on at a time, since when, by whom, and what the carrier had confirmed by then."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from operator import attrgetter
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from accounts.models import Organization
from agentmessage.admin.export import PAGE, in_pages
from phone_numbers.admin.history import actor_of, with_actors
from phone_numbers.models import CampaignAttachment, PhoneNumber

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class PastTimeField(forms.DateTimeField):
    """A time that is over. One without a zone is read as UTC."""

    def clean(self, value: Any) -> Any:
        """Return the time in UTC."""
        moment = super().clean(value)
        if moment is not None and not _EARLIEST <= moment <= timezone.now():
            raise ValidationError("The time must be between the year 2000 and now.")
        return moment and moment.astimezone(UTC)


class State(StrEnum):
    """What the records say of a number at a time."""

    ATTACHED = "attached"
    DETACHED = "detached"
    NEVER_ATTACHED = "never_attached"
    NOT_RECORDED = "not_recorded"
    """The number was added later, so the records begin later."""


class Confirmation(StrEnum):
    """Whether the carrier had confirmed an attachment by a time."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """It was sent again later, because it had failed or because the carrier had lost it: no row says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A number at a time. `last` is the newest attachment that the carrier had confirmed, or may have."""

    at: datetime
    phone_number: PhoneNumber
    in_force: CampaignAttachment | None
    last: CampaignAttachment | None

    @property
    def state(self) -> State:
        """Return whether it was on a campaign."""
        if self.in_force is None:
            return State.NOT_RECORDED if self.phone_number.created_at > self.at else State.NEVER_ATTACHED
        return State.DETACHED if self.in_force.campaign_id is None else State.ATTACHED

    @property
    def confirmed(self) -> CampaignAttachment | None:
        """Return the attachment that the carrier had confirmed last, if that is known."""
        return self.last if self.last and self.last.propagated_at and self.last.propagated_at <= self.at else None

    @property
    def confirmation(self) -> Confirmation:
        """Return whether the carrier had confirmed the attachment in force."""
        if self.in_force is not None and self.in_force == self.confirmed:
            return Confirmation.YES
        resumed_at = self.in_force and self.in_force.resumed_at
        return Confirmation.UNKNOWN if resumed_at and resumed_at > self.at else Confirmation.NO

    @property
    def is_certain(self) -> bool:
        """Whether it is known what the carrier had confirmed last."""
        return self.confirmed == self.last


def read_answers(
    numbers: QuerySet[PhoneNumber], at: datetime, *, organization: Organization | None = None
) -> Iterator[Answer]:
    """Yield an answer for each number: two statements for each page of them.

    With an organization, for the numbers whose attachment in force was its own, and for those of its present numbers
    that had none.
    """
    earlier = CampaignAttachment.objects.filter(phone_number=OuterRef("pk"), created_at__lte=at)
    earlier = earlier.order_by("-created_at", "-id")
    rows = numbers.annotate(
        in_force_id=Subquery(earlier.values("id")[:1]),
        last_id=Subquery(earlier.filter(Q(propagated_at__lte=at) | Q(resumed_at__isnull=False)).values("id")[:1]),
    )
    if organization is not None:
        rows = rows.alias(owner_id=Subquery(earlier.values("organization_id")[:1])).filter(
            Q(owner_id=organization.id) | Q(owner_id__isnull=True, organization=organization)
        )
    found = in_pages(rows.order_by("id"))
    while page := list(islice(found, PAGE)):
        ids = {entry_id for row in page for entry_id in (row.in_force_id, row.last_id) if entry_id}
        entries = with_actors(CampaignAttachment.objects.select_related("organization", "campaign")).in_bulk(ids)
        for row in page:
            yield Answer(at, row, entries.get(row.in_force_id), entries.get(row.last_id))


HEADER = (
    "phone_number_id", "number", "at", "state",
    "organization", "since", "attachment_id", "actor_kind", "actor_id", "request_id", "reason", "batch_id", "actor",
    "campaign_id", "tcr_campaign_id", "campaign", "confirmed",
    "carrier_known", "carrier_confirmed_at", "carrier_campaign_id", "carrier_tcr_campaign_id",
)  # fmt: skip


def as_cells(answer: Answer) -> list[object]:
    """Return the cells below HEADER. What begins with `carrier` is what the carrier had confirmed last."""
    entry, confirmed = answer.in_force, answer.confirmed
    of_entry = ("organization.slug", "created_at", "id", "actor_kind", "actor_id", "request_id", "reason", "batch_id")
    return [
        *(answer.phone_number.id, answer.phone_number.number, answer.at, answer.state),
        *_values(entry, *of_entry),
        entry and actor_of(entry),
        *_values(entry and entry.campaign, "id", "tcr_campaign_id", "name"),
        entry and answer.confirmation,
        answer.is_certain,
        *_values(confirmed, "propagated_at", "campaign_id"),
        *_values(confirmed and confirmed.campaign, "tcr_campaign_id"),
    ]


def _values(row: Model | None, *paths: str) -> list[object]:
    return [None if row is None else attrgetter(path)(row) for path in paths]
