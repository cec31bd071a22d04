"""POST /v1/campaigns/{id}/phone-numbers."""

from typing import Any
from uuid import uuid4

import pytest

from brands.models import IdentityStatus
from campaigns.models import CampaignStatus
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import PhoneNumberFactory
from tests.support.worlds import World

NO_UUID = "must be a UUID, as 36 characters in the hyphenated form"
NO_LIST = "must be a list of 1 to 1000 ids"
NO_SWITCH = "must be true or false"


def _path(world: World) -> str:
    return f"/v1/campaigns/{world.campaign.id}/phone-numbers"


def _everything() -> tuple[list[Any], list[Any]]:
    return list(PhoneNumber.objects.order_by("id").values()), list(CampaignAttachment.objects.values())


def _mixed(world: World) -> tuple[list[str], list[dict[str, Any]]]:
    """Numbers of every kind, and what each of them gets."""
    there = PhoneNumberFactory.create(campaign=world.campaign, propagated=True)
    moving = PhoneNumberFactory.create(campaign=world.other_campaign, propagated=True)
    porting = PhoneNumberFactory.create(organization=world.organization, porting=True)
    missing = {"code": "NOT_FOUND", "message": "not found"}
    rows: list[tuple[object, dict[str, Any]]] = [
        (world.phone_number.id, {"outcome": "attached"}),
        (there.id, {"outcome": "unchanged"}),
        (uuid4(), {"outcome": "failed", "error": missing}),
        (moving.id, {"outcome": "attached"}),
        (world.stranger.phone_number.id, {"outcome": "failed", "error": missing}),
        (
            porting.id,
            {"outcome": "failed", "error": {"code": "NUMBER_NOT_ASSIGNED", "message": "number is not assigned"}},
        ),
        (world.phone_number.id, {"outcome": "unchanged"}),
    ]
    return [str(row[0]) for row in rows], [{"phone_number_id": str(row[0])} | row[1] for row in rows]


def test_results_are_in_the_order_sent(world: World, api: ApiClient) -> None:
    ids, results = _mixed(world)
    stranger = PhoneNumber.objects.filter(id=world.stranger.phone_number.id).values().get()
    response = api.post(_path(world), {"phone_number_ids": [ids[0].upper(), *ids[1:]]})
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "data": {"attached": 2, "unchanged": 2, "failed": 3, "rolled_back": 0, "results": results},
    }
    assert PhoneNumber.objects.filter(campaign=world.campaign).count() == 3
    assert CampaignAttachment.objects.count() == 2
    assert {entry.request_id for entry in CampaignAttachment.objects.all()} == {response["X-Request-Id"]}
    assert PhoneNumber.objects.filter(id=world.stranger.phone_number.id).values().get() == stranger


def test_a_dry_run_answers_the_same_and_writes_nothing(world: World, api: ApiClient) -> None:
    ids, _told = _mixed(world)
    before = _everything()
    dry = api.post(_path(world), {"phone_number_ids": ids, "dry_run": True}).json()
    assert _everything() == before
    (warning,) = dry["data"].pop("warnings")
    assert (warning["code"], warning["campaign_id"]) == ("LAST_NUMBER_LEAVES", str(world.other_campaign.id))
    assert api.post(_path(world), {"phone_number_ids": ids, "dry_run": False}).json() == dry


def test_atomic_attaches_all_or_nothing(world: World, api: ApiClient) -> None:
    ids, results = _mixed(world)
    before = _everything()
    response = api.post(_path(world), {"phone_number_ids": ids, "atomic": True})
    # The last row repeats the first, which was undone: it is not on the campaign either.
    undone = [row | {"outcome": "rolled_back"} if index in (0, 3, 6) else row for index, row in enumerate(results)]
    assert response.json()["data"] == {"attached": 0, "unchanged": 1, "failed": 3, "rolled_back": 3, "results": undone}
    assert _everything() == before
    response = api.post(_path(world), {"phone_number_ids": [ids[0], ids[1]], "atomic": True})
    assert response.json()["data"]["attached"] == 1


def test_a_thousand_at_once(world: World, api: ApiClient) -> None:
    numbers = PhoneNumberFactory.create_batch(999, organization=world.organization)
    ids = [str(number.id) for number in [world.phone_number, *numbers]]
    data = api.post(_path(world), {"phone_number_ids": ids}).json()["data"]
    assert (data["attached"], [row["phone_number_id"] for row in data["results"]]) == (1000, ids)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"status": CampaignStatus.PENDING}, "CAMPAIGN_NOT_ACTIVE", "campaign is not active"),
        ({"status": CampaignStatus.EXPIRED}, "CAMPAIGN_NOT_ACTIVE", "campaign is not active"),
        ({"identity_status": IdentityStatus.UNVERIFIED}, "BRAND_NOT_VERIFIED", "brand is not verified"),
        ({"identity_status": None}, "BRAND_NOT_VERIFIED", "brand is not verified"),
    ],
)
def test_the_campaigns_rules_refuse_the_call(
    change: dict[str, Any], code: str, message: str, world: World, api: ApiClient
) -> None:
    thing = world.campaign if "status" in change else world.brand
    for name, value in change.items():
        setattr(thing, name, value)
    thing.save()
    before = _everything()
    for ids in ([str(world.phone_number.id)], [str(uuid4())]):
        assert_refused(api.post(_path(world), {"phone_number_ids": ids}), 409, code, message)
    assert _everything() == before


def test_a_missing_or_foreign_campaign(world: World, api: ApiClient) -> None:
    body = {"phone_number_ids": [str(world.phone_number.id)]}
    for identifier in (uuid4(), world.stranger.campaign.id, "not-a-uuid", world.campaign.id.hex):
        response = api.post(f"/v1/campaigns/{identifier}/phone-numbers", body)
        assert_refused(response, 404, "NOT_FOUND", "not found")


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, {"phone_number_ids": "is required"}),
        ({"phone_number_ids": None}, {"phone_number_ids": f"null {NO_LIST}"}),
        ({"phone_number_ids": []}, {"phone_number_ids": f"[] {NO_LIST}"}),
        ({"phone_number_ids": "x"}, {"phone_number_ids": f'"x" {NO_LIST}'}),
        ({"phone_number_ids": {"0": "x"}}, {"phone_number_ids": f"{{\u2026}} {NO_LIST}"}),
        ({"phone_number_ids": [str(uuid4())] * 1001}, {"phone_number_ids": f"[\u2026] {NO_LIST}"}),
        ({"phone_number_ids": [str(uuid4()), None]}, {"phone_number_ids[1]": f"null {NO_UUID}"}),
        (
            {"phone_number_ids": ["x", [], 7]},
            {
                "phone_number_ids[0]": f'"x" {NO_UUID}',
                "phone_number_ids[1]": f"[] {NO_UUID}",
                "phone_number_ids[2]": f"7 {NO_UUID}",
            },
        ),
        (
            {"phone_number_ids": [*map(str, range(999)), str(uuid4())]},
            {f"phone_number_ids[{index}]": f'"{index}" {NO_UUID}' for index in range(20)}
            | {"phone_number_ids": "979 more of its entries cannot be accepted"},
        ),
        ({"phone_number_ids": [str(uuid4())], "dry_run": "yes"}, {"dry_run": f'"yes" {NO_SWITCH}'}),
        ({"phone_number_ids": [str(uuid4())], "atomic": 1}, {"atomic": f"1 {NO_SWITCH}"}),
        (
            {"dry_run": None, "atomic": []},
            {"dry_run": f"null {NO_SWITCH}", "atomic": f"[] {NO_SWITCH}", "phone_number_ids": "is required"},
        ),
        ("[]", {"phone_number_ids": "must come in a JSON object; this body is JSON of another kind"}),
    ],
)
def test_a_bad_body_comes_before_the_rules(body: Any, details: dict[str, str], world: World, api: ApiClient) -> None:
    for path in (_path(world), f"/v1/campaigns/{uuid4()}/phone-numbers"):
        response = api.post(path, body)
        assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)
