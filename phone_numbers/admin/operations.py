"""What operators do to numbers. Each operation calls one service and says in words why a number failed."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms

from accounts.actors import Actor
from agentmessage.errors import DomainError, NotFound
from brands.errors import BrandNotVerified
from campaigns.errors import CampaignNotActive
from campaigns.models import Campaign
from phone_numbers.admin.forms import AttachForm
from phone_numbers.admin.pages import Chosen, Kind, Operation, RowOutcome
from phone_numbers.errors import NotFailed, NumberNotAssigned
from phone_numbers.services.attach import detach_campaign
from phone_numbers.services.bulk_attach import Outcome, Row, RowResult, bulk_attach
from phone_numbers.services.release import release_phone_number
from phone_numbers.services.retry import retry_attachment

# More than that is for `manage.py attach_campaign`, which takes any number and can be interrupted.
MAX_ATTACHED = 200_000
# The others take a transaction for each number.
MAX_ROWS = 100
# Numbers attached in one transaction, and how long it waits for one that another transaction holds.
_BATCH = 10_000
_LOCK_SECONDS = 5.0

_IN_WORDS: dict[type[DomainError], str] = {
    CampaignNotActive: "The campaign is not active.",
    BrandNotVerified: "The campaign's brand is not verified.",
    NumberNotAssigned: "The number is not assigned.",
    NotFailed: "Its propagation has not failed.",
}
_KINDS: dict[Outcome, Kind] = {
    Outcome.ATTACHED: "changed",
    Outcome.UNCHANGED: "unchanged",
    Outcome.FAILED: "failed",
    Outcome.BUSY: "busy",
}


class AttachOperation(Operation):
    """Attach a campaign of the numbers' organization, after a preview."""

    action = "attach_selected"
    submits = "campaign"
    title = "Attach a campaign"
    button = "Attach to"
    consequence = "The campaign takes the place of the one that a number has now. The carrier hears of it afterwards."
    words = {"changed": "attached", "unchanged": "unchanged", "failed": "failed", "busy": "busy"}

    @cached_property
    def _organization_ids(self) -> list[UUID | None]:
        return list(self.chosen.order_by().values_list("organization_id", flat=True).distinct()[:2])

    def refusal(self) -> str | None:
        """A campaign belongs to one organization, and so must the numbers."""
        if not self.count:
            return "These numbers are gone."
        if None in self._organization_ids:
            return "A number without an organization takes no campaign: choose numbers of one organization."
        if len(self._organization_ids) > 1:
            return "The numbers belong to several organizations: choose numbers of one organization."
        if self.count > MAX_ATTACHED:
            return (
                f"{self.count:,} numbers are more than a page should wait for: "
                "manage.py attach_campaign takes any number."
            )
        return None

    def form(self, data: Any) -> forms.Form:
        """Ask for the campaign."""
        return AttachForm(data, campaigns=Campaign.objects.filter(organization_id__in=self._organization_ids))

    def subject(self, form: forms.Form) -> str:
        """Name the campaign."""
        return f": {form.cleaned_data['campaign'].name}"

    def run(self, numbers: Sequence[Chosen], form: forms.Form, actor: Actor, *, dry_run: bool) -> list[RowOutcome]:
        """Attach it, a batch at a time."""
        campaign = form.cleaned_data["campaign"]
        rows = [Row(number.id, campaign.id) for number in numbers]
        return [
            RowOutcome(_KINDS[result.outcome], _why(result))
            for start in range(0, len(rows), _BATCH)
            for result in bulk_attach(
                organization_id=campaign.organization_id,
                rows=rows[start : start + _BATCH],
                actor=actor,
                lock_seconds=_LOCK_SECONDS,
                dry_run=dry_run,
            )
        ]


class _OneByOne(Operation):
    """An operation on numbers of any organizations, with a transaction for each of them."""

    def refusal(self) -> str | None:
        """Limit how long a page takes."""
        if not self.count:
            return "These numbers are gone."
        return f"At most {MAX_ROWS} numbers at once." if self.count > MAX_ROWS else None

    def run(self, numbers: Sequence[Chosen], form: forms.Form, actor: Actor, *, dry_run: bool) -> list[RowOutcome]:
        """Call the service for each number. There is no preview."""
        return [self._outcome(number, actor) for number in numbers]

    def _outcome(self, number: Chosen, actor: Actor) -> RowOutcome:
        try:
            changed = self.run_one(number, actor)
        except DomainError as error:
            return RowOutcome("failed", _in_words(error))
        return RowOutcome("changed" if changed else "unchanged")

    @abstractmethod
    def run_one(self, number: Chosen, actor: Actor) -> bool:
        """Call the service. Return whether it changed the number."""


class DetachOperation(_OneByOne):
    """Take numbers off their campaigns."""

    action = "detach_selected"
    title = "Detach campaigns"
    button = "Detach"
    consequence = "A number without a campaign must not send. The carrier hears of it afterwards."
    words = {"changed": "detached", "unchanged": "had none", "failed": "failed"}
    dangerous = True

    def run_one(self, number: Chosen, actor: Actor) -> bool:
        """Detach the campaign, if there is one."""
        _, was_attached = detach_campaign(
            organization_id=_organization_id(number), phone_number_id=number.id, actor=actor
        )
        return was_attached


class ReleaseOperation(_OneByOne):
    """Release numbers from their organizations."""

    action = "release_selected"
    title = "Release numbers"
    button = "Release"
    consequence = "Released numbers are quarantined and lose their campaign. The organization can no longer use them."
    words = {"changed": "released", "failed": "failed"}
    dangerous = True

    def run_one(self, number: Chosen, actor: Actor) -> bool:
        """Release the number."""
        release_phone_number(organization_id=_organization_id(number), phone_number_id=number.id, actor=actor)
        return True


class RetryOperation(_OneByOne):
    """Send failed propagations again."""

    action = "retry_selected"
    title = "Send failed propagations again"
    button = "Send again to"
    consequence = "The carrier is told once more of the attach or detach that it has refused or never heard of."
    words = {"changed": "sent again", "failed": "left alone"}

    def run_one(self, number: Chosen, actor: Actor) -> bool:
        """Make the propagation due, wherever the number is now."""
        if number.attachment_id is None:
            raise NotFailed
        retry_attachment(attachment_id=number.attachment_id)
        return True


def _organization_id(number: Chosen) -> UUID:
    if number.organization_id is None:
        raise NumberNotAssigned
    return number.organization_id


def _why(result: RowResult) -> str:
    if result.outcome is Outcome.BUSY:
        return "Somebody else is changing the number just now: try it again."
    return _in_words(result.error) if result.error is not None else ""


def _in_words(error: DomainError) -> str:
    if isinstance(error, NotFound):
        return "The number or the campaign is not in this organization any more."
    return _IN_WORDS.get(type(error), error.sentence)
