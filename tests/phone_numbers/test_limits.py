"""The rules that an operator can add after rule 6: number types, and numbers per campaign."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts.actors import Actor
from accounts.models import Scope
from agentmessage.api.errors import ERRORS
from agentmessage.errors import CampaignNumberLimit, DomainError, ErrorCode
from campaigns.models import Campaign, Usecase
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services import assignment, attach
from phone_numbers.services.attach import attach_campaign
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import PhoneNumberFactory, make_key
from tests.support.waiting import DEADLINE
from tests.support.worlds import World

ACTOR = Actor.for_command("test")


@pytest.fixture
def enforced(settings: Settings) -> Settings:
    settings.ENFORCE_CAMPAIGN_LIMIT = True
    settings.CAMPAIGN_NUMBER_LIMIT = 2
    return settings


def _fill(world: World, count: int) -> list[PhoneNumber]:
    numbers = PhoneNumberFactory.create_batch(count, organization=world.organization)
    for number in numbers:
        _attach(number, world.campaign)
    return numbers


def _assert_refused(response: Any, code: ErrorCode) -> None:
    assert_refused(response, ERRORS[code].status, code.value, code.message)


def _attach(number: PhoneNumber, campaign: Campaign) -> PhoneNumber:
    assert number.organization_id is not None
    return attach_campaign(
        organization_id=number.organization_id, phone_number_id=number.id, campaign_id=campaign.id, actor=ACTOR
    )


@pytest.mark.parametrize(
    ("usecase", "number_pool", "limit"),
    [
        (Usecase.MIXED, False, 49),
        (Usecase.MIXED, True, None),
        (Usecase.SOLE_PROPRIETOR, False, 1),
        (Usecase.SOLE_PROPRIETOR, True, 1),
    ],
)
def test_the_limit_of_a_campaign(usecase: Usecase, number_pool: bool, limit: int | None) -> None:
    assert Campaign(usecase=usecase, number_pool=number_pool).number_limit == limit


def test_off_by_default(world: World, settings: Settings) -> None:
    settings.CAMPAIGN_NUMBER_LIMIT = 1
    _fill(world, 3)
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 3


def test_the_last_place_can_be_taken_and_no_more(world: World, api: ApiClient, enforced: Settings) -> None:
    first, _second = _fill(world, 2)
    path = f"/v1/phone-numbers/{world.phone_number.id}/campaign"
    body = {"campaign_id": str(world.campaign.id)}
    before = CampaignAttachment.objects.count()
    _assert_refused(api.post(path, body), ErrorCode.CAMPAIGN_NUMBER_LIMIT)
    assert CampaignAttachment.objects.count() == before
    # One that is on the campaign already needs no room.
    assert api.post(f"/v1/phone-numbers/{first.id}/campaign", body).status_code == 200
    # PATCH attaches by the same rules.
    _assert_refused(
        api.patch(world.phone_number.id, body | {"label": "new"}),
        ErrorCode.CAMPAIGN_NUMBER_LIMIT,
    )
    # A place that becomes free can be taken.
    _attach(first, world.other_campaign)
    assert api.post(path, body).status_code == 200


def test_the_earlier_rules_come_first(world: World, api: ApiClient, enforced: Settings) -> None:
    _fill(world, 2)
    enforced.ATTACH_NUMBER_TYPES = ["toll_free"]
    path = f"/v1/phone-numbers/{world.phone_number.id}/campaign"
    body = {"campaign_id": str(world.campaign.id)}
    _assert_refused(api.post(path, body), ErrorCode.NUMBER_TYPE_NOT_ELIGIBLE)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(state="PENDING")
    _assert_refused(api.post(path, body), ErrorCode.NUMBER_NOT_ASSIGNED)
    _assert_refused(api.post("/v1/phone-numbers/x/campaign", body), ErrorCode.NOT_FOUND)


def test_number_types(world: World, api: ApiClient, settings: Settings) -> None:
    toll_free = PhoneNumberFactory.create(organization=world.organization, toll_free=True)
    body = {"campaign_id": str(world.campaign.id)}
    assert api.post(f"/v1/phone-numbers/{toll_free.id}/campaign", body).status_code == 200
    settings.ATTACH_NUMBER_TYPES = ["local"]
    _assert_refused(api.post(f"/v1/phone-numbers/{toll_free.id}/campaign", body), ErrorCode.NUMBER_TYPE_NOT_ELIGIBLE)
    assert api.post(f"/v1/phone-numbers/{world.phone_number.id}/campaign", body).status_code == 200


def test_many_at_once_take_the_places_in_order(world: World, api: ApiClient, enforced: Settings) -> None:
    _fill(world, 1)
    numbers = PhoneNumberFactory.create_batch(2, organization=world.organization)
    path = f"/v1/campaigns/{world.campaign.id}/phone-numbers"
    ids = [str(number.id) for number in numbers]
    for body in ({"dry_run": True}, {}):
        answer = api.post(path, {"phone_number_ids": ids} | body).json()["data"]
        assert (answer["attached"], answer["failed"]) == (1, 1)
        assert answer["results"][1]["error"]["code"] == "CAMPAIGN_NUMBER_LIMIT"
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 2


def test_a_campaign_without_a_limit_costs_nothing(
    world: World, enforced: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Campaign.objects.update(number_pool=True)
    with django_assert_num_queries(5):
        _attach(world.phone_number, world.campaign)


def test_a_campaign_shows_its_numbers(world: World, settings: Settings) -> None:
    _fill(world, 3)
    _key, plain = make_key(world.organization, Scope.CAMPAIGNS_READ)
    api = ApiClient(plain)
    shown = api.get(f"/v1/campaigns/{world.campaign.id}").json()["data"]
    assert (shown["number_pool"], shown["numbers"]) == (False, {"attached": 3, "limit": 49})
    listed = {row["id"]: row["numbers"] for row in api.get("/v1/campaigns").json()["data"]}
    assert listed == {
        str(world.campaign.id): {"attached": 3, "limit": 49},
        str(world.other_campaign.id): {"attached": 0, "limit": 49},
    }


def _race(world: World, count: int) -> list[object]:
    numbers = PhoneNumberFactory.create_batch(count, organization=world.organization)
    start = threading.Barrier(count)

    def attach_one(number: PhoneNumber) -> object:
        try:
            start.wait(DEADLINE)
            return _attach(number, world.campaign)
        except DomainError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attach_one, numbers, timeout=DEADLINE))


@pytest.mark.django_db(transaction=True)
def test_sixty_at_once_fill_forty_nine_places(transactional_db: None, settings: Settings) -> None:
    settings.ENFORCE_CAMPAIGN_LIMIT = True
    world = World()
    _fill(world, 29)
    results = _race(world, 30)
    assert sum(isinstance(result, PhoneNumber) for result in results) == 20
    assert sum(isinstance(result, CampaignNumberLimit) for result in results) == 10
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 49


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_race_is_lost(
    transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENFORCE_CAMPAIGN_LIMIT = True
    settings.CAMPAIGN_NUMBER_LIMIT = 1
    world = World()
    counted = threading.Barrier(2)
    monkeypatch.setattr(attach, "lock_campaigns", lambda _ids: None)
    real_move = assignment.move_to_campaign

    def wait_and_move(phone_number: PhoneNumber, *, campaign: Campaign | None, actor: Actor) -> None:
        counted.wait(DEADLINE)
        real_move(phone_number, campaign=campaign, actor=actor)

    monkeypatch.setattr(attach, "move_to_campaign", wait_and_move)
    _race(world, 2)
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 2
