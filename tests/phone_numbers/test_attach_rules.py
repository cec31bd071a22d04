"""The six rules: each alone, and every pair of them broken at once, where the earlier one answers."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from brands.models import IdentityStatus
from campaigns.models import CampaignStatus
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from tests.support.api import ApiClient, assert_refused
from tests.support.worlds import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer


@dataclass
class Call:
    """An attach that is going to be sent."""

    world: World
    phone_number_id: str = ""
    body: object = None
    campaign_id: str = ""

    def __post_init__(self) -> None:
        self.phone_number_id = str(self.world.phone_number.id)
        self.campaign_id = str(self.world.campaign.id)

    def send(self, api: ApiClient) -> "Answer":
        body = {"campaign_id": self.campaign_id} if self.body is None else self.body
        return api.post(f"/v1/phone-numbers/{self.phone_number_id}/campaign", body)


@dataclass(frozen=True)
class Breach:
    """One way of breaking one rule, and what it answers."""

    rule: int
    name: str
    commit: Callable[[Call], None]
    status: int
    code: str
    message: str
    details: dict[str, str] | None = field(default=None)

    def __str__(self) -> str:
        return f"{self.rule}-{self.name}"


def _body(value: object) -> Callable[[Call], None]:
    def commit(call: Call) -> None:
        call.body = value

    return commit


def _campaign_nowhere(call: Call) -> None:
    call.campaign_id = str(uuid4())


def _campaign_elsewhere(call: Call) -> None:
    call.campaign_id = str(call.world.stranger.campaign.id)


def _campaign_status(status: CampaignStatus) -> Callable[[Call], None]:
    def commit(call: Call) -> None:
        for campaign in (call.world.campaign, call.world.stranger.campaign):
            campaign.status = status
            campaign.save()

    return commit


def _identity_status(status: IdentityStatus | None) -> Callable[[Call], None]:
    def commit(call: Call) -> None:
        for brand in (call.world.brand, call.world.stranger.brand):
            brand.identity_status = status
            brand.save()

    return commit


def _number_nowhere(call: Call) -> None:
    call.phone_number_id = str(uuid4())


def _number_elsewhere(call: Call) -> None:
    call.phone_number_id = str(call.world.stranger.phone_number.id)


def _number_malformed(call: Call) -> None:
    call.phone_number_id = "not-a-uuid"


def _number_state(state: NumberState) -> Callable[[Call], None]:
    def commit(call: Call) -> None:
        PhoneNumber.objects.filter(id__in=[call.world.phone_number.id, call.world.stranger.phone_number.id]).update(
            state=state
        )

    return commit


_INACTIVE = (409, "CAMPAIGN_NOT_ACTIVE", "campaign is not active")
_UNVERIFIED = (409, "BRAND_NOT_VERIFIED", "brand is not verified")
_NOT_FOUND = (404, "NOT_FOUND", "not found")
_UNASSIGNED = (409, "NUMBER_NOT_ASSIGNED", "number is not assigned")
_INVALID = (422, "VALIDATION_FAILED", "validation failed")

BREACHES = [
    Breach(1, "missing", _body({}), *_INVALID, {"campaign_id": "is required"}),
    Breach(
        1,
        "no-id",
        _body({"campaign_id": "x"}),
        *_INVALID,
        {"campaign_id": '"x" must be a UUID, as 36 characters in the hyphenated form'},
    ),
    Breach(2, "nowhere", _campaign_nowhere, *_NOT_FOUND),
    Breach(2, "elsewhere", _campaign_elsewhere, *_NOT_FOUND),
    Breach(3, "pending", _campaign_status(CampaignStatus.PENDING), *_INACTIVE),
    Breach(3, "expired", _campaign_status(CampaignStatus.EXPIRED), *_INACTIVE),
    Breach(3, "rejected", _campaign_status(CampaignStatus.REJECTED), *_INACTIVE),
    Breach(4, "unset", _identity_status(None), *_UNVERIFIED),
    Breach(4, "self-declared", _identity_status(IdentityStatus.SELF_DECLARED), *_UNVERIFIED),
    Breach(4, "unverified", _identity_status(IdentityStatus.UNVERIFIED), *_UNVERIFIED),
    Breach(5, "nowhere", _number_nowhere, *_NOT_FOUND),
    Breach(5, "elsewhere", _number_elsewhere, *_NOT_FOUND),
    Breach(5, "malformed", _number_malformed, *_NOT_FOUND),
    Breach(6, "pending", _number_state(NumberState.PENDING), *_UNASSIGNED),
    Breach(6, "quarantined", _number_state(NumberState.QUARANTINED), *_UNASSIGNED),
]
# A campaign that is nowhere has no status. Such a pair tests the earlier rule all the same: the later breach is
# committed on the rows that would have been found.
PAIRS = [
    pytest.param(first, second, id=f"{first}+{second}")
    for first, second in itertools.combinations(BREACHES, 2)
    if first.rule < second.rule
]


def _everything(world: World) -> tuple[list[object], list[object]]:
    return list(PhoneNumber.objects.order_by("id").values()), list(CampaignAttachment.objects.values())


def _assert_refused_without_a_trace(call: Call, api: ApiClient, breach: Breach) -> None:
    before = _everything(call.world)
    response = call.send(api)
    assert_refused(response, breach.status, breach.code, breach.message, details=breach.details)
    assert _everything(call.world) == before


@pytest.mark.parametrize("breach", BREACHES, ids=str)
def test_a_broken_rule_is_refused_and_changes_nothing(breach: Breach, world: World, api: ApiClient) -> None:
    call = Call(world)
    breach.commit(call)
    _assert_refused_without_a_trace(call, api, breach)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_broken_rules_the_earlier_one_answers(
    first: Breach, second: Breach, world: World, api: ApiClient
) -> None:
    call = Call(world)
    first.commit(call)
    second.commit(call)
    _assert_refused_without_a_trace(call, api, first)


@pytest.mark.parametrize("breach", [breach for breach in BREACHES if breach.rule in (3, 4, 6)], ids=str)
def test_the_rules_come_before_the_idempotency(breach: Breach, world: World, api: ApiClient) -> None:
    """Attaching the campaign that is on the number already is refused too, once a rule is broken."""
    assert api.attach(world.phone_number.id, world.campaign.id).status_code == 200
    call = Call(world)
    breach.commit(call)
    _assert_refused_without_a_trace(call, api, breach)


@pytest.mark.parametrize("status", [IdentityStatus.VERIFIED, IdentityStatus.VETTED_VERIFIED])
def test_both_verified_identities_pass(status: IdentityStatus, world: World, api: ApiClient) -> None:
    world.brand.identity_status = status
    world.brand.save()
    assert api.attach(world.phone_number.id, world.campaign.id).status_code == 200


def test_available_stock_is_not_found(world: World, api: ApiClient) -> None:
    PhoneNumber.objects.filter(id=world.phone_number.id).update(state=NumberState.AVAILABLE, organization=None)
    assert_refused(api.attach(world.phone_number.id, world.campaign.id), 404, "NOT_FOUND", "not found")
