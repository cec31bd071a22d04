"""`GET /v1/phone-numbers/{id}/readiness` and `manage.py readiness`: can this number send now?"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts.actors import Actor
from accounts.models import Scope
from brands.models import Brand
from campaigns.models import Campaign, Usecase
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.readiness import BlockerCode, read_readiness
from phone_numbers.services.attach import attach_campaign
from tests.support.api import ApiClient
from tests.support.factories import PhoneNumberFactory, make_key
from tests.support.propagation import fail_propagation
from tests.support.worlds import World


@pytest.fixture
def ready(world: World) -> PhoneNumber:
    """A number with nothing in the way."""
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=world.phone_number.id,
        campaign_id=world.campaign.id,
        actor=Actor.for_command("test"),
    )
    CampaignAttachment.objects.update(status="propagated", next_attempt_at=None)
    PhoneNumber.objects.filter(campaign__isnull=False).update(carrier_line_option_status="propagated")
    return world.phone_number


def _answer(world: World, number: PhoneNumber) -> dict[str, Any]:
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    response = ApiClient(plain).get(f"/v1/phone-numbers/{number.id}/readiness")
    assert response.status_code == 200, response.content
    data: dict[str, Any] = response.json()["data"]
    assert set(data) == {"can_send", "observed_at", "blockers"}
    for blocker in data["blockers"]:
        assert set(blocker) == {"code", "message", "resolution", "retry_at"}
        assert blocker["message"]
        assert blocker["resolution"]
    return data


def _codes(data: dict[str, Any]) -> list[str]:
    return [blocker["code"] for blocker in data["blockers"]]


def test_nothing_in_the_way(world: World, ready: PhoneNumber) -> None:
    data = _answer(world, ready)
    assert (data["can_send"], data["blockers"]) == (True, [])


def _number(**values: Any) -> Callable[[], object]:
    return lambda: PhoneNumber.objects.filter(campaign__isnull=False).update(**values)


def _campaign(**values: Any) -> Callable[[], object]:
    return lambda: Campaign.objects.update(**values)


def _not_sent(**values: Any) -> Callable[[], object]:
    def change() -> None:
        CampaignAttachment.objects.update(status="pending", **values)
        PhoneNumber.objects.filter(campaign__isnull=False).update(carrier_line_option_status="pending")

    return change


BLOCKERS = {
    "no SMS": (_number(sms_enabled=False), False, ["SMS_DISABLED"]),
    "expired": (_campaign(status="EXPIRED"), False, ["CAMPAIGN_NOT_ACTIVE"]),
    "brand": (lambda: Brand.objects.update(identity_status=None), False, ["BRAND_NOT_VERIFIED"]),
    "rejected": (_campaign(carrier_status="REJECTED"), False, ["CAMPAIGN_REJECTED"]),
    "suspended": (_campaign(carrier_status="SUSPENDED"), False, ["CAMPAIGN_SUSPENDED"]),
    "not decided": (_campaign(carrier_status="PENDING"), None, ["CAMPAIGN_NOT_APPROVED"]),
    "not sent": (_not_sent(), False, ["NOT_PROPAGATED"]),
    "sent": (_not_sent(submitted_at="2026-11-01T00:00:00Z"), None, ["NOT_PROPAGATED"]),
}


@pytest.mark.parametrize("name", BLOCKERS)
def test_one_blocker(name: str, world: World, ready: PhoneNumber) -> None:
    change, can_send, codes = BLOCKERS[name]
    change()
    data = _answer(world, ready)
    assert (data["can_send"], _codes(data)) == (can_send, codes)


def test_a_number_that_needs_no_campaign(world: World) -> None:
    toll_free = PhoneNumberFactory.create(organization=world.organization, toll_free=True)
    data = _answer(world, toll_free)
    assert (data["can_send"], _codes(data)) == (None, ["NUMBER_TYPE_NOT_ELIGIBLE"])


def test_without_a_campaign(world: World) -> None:
    data = _answer(world, world.phone_number)
    assert (data["can_send"], _codes(data)) == (False, ["NO_CAMPAIGN"])


def test_all_blockers_in_the_documented_order(world: World, ready: PhoneNumber, settings: Settings) -> None:
    settings.CAMPAIGN_NUMBER_LIMIT = 1
    second = PhoneNumberFactory.create(organization=world.organization)
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=second.id,
        campaign_id=world.campaign.id,
        actor=Actor.for_command("test"),
    )
    PhoneNumber.objects.filter(id=second.id).update(state=NumberState.PENDING, sms_enabled=False)
    Campaign.objects.update(status="EXPIRED", carrier_status="SUSPENDED", usecase=Usecase.MIXED)
    Brand.objects.update(identity_status="UNVERIFIED")
    data = _answer(world, second)
    assert data["can_send"] is False
    assert _codes(data) == [
        "NUMBER_NOT_ASSIGNED",
        "SMS_DISABLED",
        "CAMPAIGN_NOT_ACTIVE",
        "BRAND_NOT_VERIFIED",
        "CAMPAIGN_SUSPENDED",
        "NOT_PROPAGATED",
        "CAMPAIGN_NUMBER_LIMIT",
    ]
    order = [code.value for code in BlockerCode]
    assert sorted(_codes(data), key=order.index) == _codes(data)


def test_a_failure_shows_its_reason_and_what_to_do(world: World) -> None:
    fail_propagation(world.phone_number, world.campaign)
    data = _answer(world, world.phone_number)
    attachment = CampaignAttachment.objects.get()
    assert data["can_send"] is False
    [blocker] = data["blockers"]
    assert attachment.failure_code is not None
    assert blocker["message"].startswith(attachment.failure_code)
    assert blocker["resolution"]


def test_over_the_limit_of_a_sole_proprietor(world: World, ready: PhoneNumber) -> None:
    Campaign.objects.update(usecase=Usecase.SOLE_PROPRIETOR)
    assert _answer(world, ready)["can_send"] is True
    second = PhoneNumberFactory.create(organization=world.organization)
    PhoneNumber.objects.filter(id=second.id).update(campaign=world.campaign, carrier_line_option_status="propagated")
    data = _answer(world, ready)
    assert (data["can_send"], _codes(data)) == (None, ["CAMPAIGN_NUMBER_LIMIT"])


def test_one_statement(world: World, ready: PhoneNumber, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        read_readiness(PhoneNumber.objects.all(), id=ready.id)


@pytest.mark.parametrize(
    ("carrier_status", "exit_code", "words"),
    [
        ("APPROVED", 0, "This number can send."),
        ("SUSPENDED", 3, "The carrier has suspended the campaign."),
        ("PENDING", 4, "It is not known whether this number can send."),
    ],
)
def test_the_command(
    carrier_status: str, exit_code: int, words: str, ready: PhoneNumber, capsys: pytest.CaptureFixture[str]
) -> None:
    Campaign.objects.update(carrier_status=carrier_status)
    national = f"({ready.number[2:5]}) {ready.number[5:8]}-{ready.number[8:]}"
    for arguments in ([national], [ready.number, "--json"]):
        with pytest.raises(SystemExit) as exited:
            call_command("readiness", *arguments)
        assert exited.value.code == exit_code
        out = capsys.readouterr().out
        if "--json" in arguments:
            assert json.loads(out)["can_send"] == {0: True, 3: False, 4: None}[exit_code]
        else:
            assert words in out
