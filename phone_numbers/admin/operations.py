"""What operators do to numbers: each calls one service and tells what became of each row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from accounts.actors import Actor
from agentmessage.errors import DomainError, NotFound
from brands.errors import BrandNotVerified
from campaigns.errors import CampaignNotActive
from phone_numbers.errors import NotFailed, NumberNotAssigned
from phone_numbers.models import PhoneNumber
from phone_numbers.services.attach import detach_campaign
from phone_numbers.services.bulk_attach import Outcome, Row, RowResult, bulk_attach
from phone_numbers.services.propagation.retry import retry_propagation
from phone_numbers.services.release import release_phone_number

_IN_WORDS: dict[type[DomainError], str] = {
    NotFound: "The number or the campaign is not in this organization any more.",
    CampaignNotActive: "The campaign is not active.",
    BrandNotVerified: "The campaign's brand is not verified.",
    NumberNotAssigned: "The number is not assigned.",
    NotFailed: "Its propagation has not failed.",
}

Kind = Literal["changed", "unchanged", "failed"]
_KINDS: dict[Outcome, Kind] = {
    Outcome.ATTACHED: "changed",
    Outcome.UNCHANGED: "unchanged",
    Outcome.FAILED: "failed",
    Outcome.BUSY: "failed",
}
# How long a page waits for a number that somebody else is changing.
LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one number. `reason` says why it failed."""

    phone_number_id: UUID
    outcome: Kind
    reason: str = ""


def attach_to_rows(
    *, organization_id: UUID, phone_number_ids: Sequence[UUID], campaign_id: UUID, actor: Actor
) -> list[RowOutcome]:
    """Attaches the campaign to the numbers, in one transaction; one that fails holds up no other."""
    results = bulk_attach(
        organization_id=organization_id,
        rows=[Row(phone_number_id, campaign_id) for phone_number_id in phone_number_ids],
        actor=actor,
        lock_seconds=LOCK_SECONDS,
    )
    return [
        RowOutcome(phone_number_id, _KINDS[result.outcome], why(result))
        for phone_number_id, result in zip(phone_number_ids, results, strict=True)
    ]


def detach_rows(*, phone_numbers: Sequence[PhoneNumber], actor: Actor) -> list[RowOutcome]:
    """Takes each of the numbers off its campaign, of whatever organization, each in a transaction of its own."""

    def detach(organization_id: UUID, phone_number_id: UUID) -> bool:
        _, was_attached = detach_campaign(organization_id=organization_id, phone_number_id=phone_number_id, actor=actor)
        return was_attached

    return _each_of_its_organization(phone_numbers, detach)


def release_rows(*, phone_numbers: Sequence[PhoneNumber], actor: Actor) -> list[RowOutcome]:
    """Releases each of the numbers, of whatever organization, each in a transaction of its own."""

    def release(organization_id: UUID, phone_number_id: UUID) -> bool:
        release_phone_number(organization_id=organization_id, phone_number_id=phone_number_id, actor=actor)
        return True

    return _each_of_its_organization(phone_numbers, release)


def retry_rows(*, phone_numbers: Sequence[PhoneNumber]) -> list[RowOutcome]:
    """Sends the failed propagation of each of the numbers again, released ones too."""

    def retry(organization_id: UUID, phone_number_id: UUID) -> bool:
        retry_propagation(organization_id=organization_id, phone_number_id=phone_number_id, released_too=True)
        return True

    return _each_of_its_organization(phone_numbers, retry)


def _each_of_its_organization(
    phone_numbers: Sequence[PhoneNumber], operation: Callable[[UUID, UUID], bool]
) -> list[RowOutcome]:
    organizations = {phone_number.id: phone_number.organization_id for phone_number in phone_numbers}

    def operate(phone_number_id: UUID) -> bool:
        organization_id = organizations[phone_number_id]
        if organization_id is None:
            raise NumberNotAssigned
        return operation(organization_id, phone_number_id)

    return [_outcome(operate, phone_number_id) for phone_number_id in organizations]


def why(result: RowResult) -> str:
    """Why a row failed, as an operator would say it; nothing of a row that did not."""
    if result.outcome is Outcome.BUSY:
        return "Somebody else is changing the number just now: try it again."
    return _in_words(result.error) if result.error is not None else ""


def _in_words(error: DomainError) -> str:
    return _IN_WORDS.get(type(error), error.sentence)


def _outcome(operation: Callable[[UUID], bool], phone_number_id: UUID) -> RowOutcome:
    try:
        changed = operation(phone_number_id)
    except DomainError as error:
        return RowOutcome(phone_number_id, "failed", _in_words(error))
    return RowOutcome(phone_number_id, "changed" if changed else "unchanged")
