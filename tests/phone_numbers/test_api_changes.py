"""PATCH, DELETE of the campaign, the attachment's status, and its history."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Scope
from campaigns.models import CampaignStatus
from phone_numbers.models import CampaignAttachment, LineOptionStatus, NumberState, PhoneNumber
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.worlds import World

NO_UUID = "must be a UUID, as 36 characters in the hyphenated form"
NO_URL = "must be a valid https URL"
TOO_LONG = "must have at most {} characters"
NO_LABEL = "must not contain line breaks or control characters"
NO_TEXT = "must be a string, or null to leave it unchanged"


@pytest.fixture
def api(world: World) -> ApiClient:
    """A client that may read and write numbers."""
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ, Scope.NUMBERS_WRITE)
    return ApiClient(plain)


def _row(world: World) -> dict[str, Any]:
    return dict(PhoneNumber.objects.filter(id=world.phone_number.id).values().get())


def _moment(text: str | None) -> str | None:
    return text and text.replace("+00:00", "Z")


def test_patch_changes_what_it_names(world: World, api: ApiClient) -> None:
    before = _row(world)
    body = {"label": "Front desk", "inbound_url": "https://example.com/in?x=1", "status_url": None}
    data = api.patch(world.phone_number.id, body).json()["data"]
    after = _row(world)
    assert (data["label"], data["inbound_url"], data["status_url"]) == (
        "Front desk",
        "https://example.com/in?x=1",
        None,
    )
    assert after == before | {
        "label": "Front desk",
        "inbound_url": "https://example.com/in?x=1",
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]


def test_patch_clears_with_an_empty_string_and_leaves_null_alone(world: World, api: ApiClient) -> None:
    filled = {"label": "x", "inbound_url": "https://example.com/a", "status_url": "https://example.com/b"}
    api.patch(world.phone_number.id, filled)
    assert api.patch(world.phone_number.id, dict.fromkeys(filled)).json()["data"]["label"] == "x"
    data = api.patch(world.phone_number.id, dict.fromkeys(filled, "")).json()["data"]
    assert [data[name] for name in filled] == [None, None, None]


@pytest.mark.parametrize("body", [{}, {"label": None}, {"label": "Front desk"}, {"campaign_id": None}])
def test_a_patch_of_what_is_there_changes_nothing(body: dict[str, Any], world: World, api: ApiClient) -> None:
    api.patch(world.phone_number.id, {"label": "Front desk"})
    before = _row(world)
    assert api.patch(world.phone_number.id, body).status_code == 200
    assert _row(world) == before


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"label": 1}, {"label": f"1 {NO_TEXT}"}),
        ({"label": ["x"]}, {"label": f"[\u2026] {NO_TEXT}"}),
        ({"label": False}, {"label": f"false {NO_TEXT}"}),
        ({"label": "x" * 101}, {"label": f'"{"x" * 60}\u2026" {TOO_LONG.format(100)}'}),
        ({"label": "a\nb"}, {"label": f'"a\\nb" {NO_LABEL}'}),
        ({"label": "a\u0000"}, {"label": f'"a\\u0000" {NO_LABEL}'}),
        ({"label": " "}, {"label": '" " must not be blank'}),
        ({"inbound_url": "http://example.com"}, {"inbound_url": f'"http://example.com" {NO_URL}'}),
        ({"inbound_url": "https://"}, {"inbound_url": f'"https://" {NO_URL}'}),
        ({"inbound_url": "https://example.com/\n"}, {"inbound_url": f'"https://example.com/\\n" {NO_URL}'}),
        (
            {"status_url": "https://example.com/" + "x" * 2048},
            {"status_url": f'"https://example.com/{"x" * 40}\u2026" {TOO_LONG.format(2048)}'},
        ),
        ({"status_url": 7}, {"status_url": f"7 {NO_TEXT}"}),
        ({"campaign_id": ""}, {"campaign_id": f'"" {NO_UUID}'}),
        ({"campaign_id": 7}, {"campaign_id": f"7 {NO_UUID}"}),
        (
            {"label": 1, "campaign_id": "x", "status_url": ""},
            {"label": f"1 {NO_TEXT}", "campaign_id": f'"x" {NO_UUID}'},
        ),
        ("[]", {"body": "must come in a JSON object; this body is JSON of another kind"}),
    ],
)
def test_patch_refuses_a_field_with_a_message(body: Any, details: dict[str, str], world: World, api: ApiClient) -> None:
    before = _row(world)
    response = api.patch(world.phone_number.id, body)
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)
    assert _row(world) == before


@pytest.mark.parametrize("name", ["number", "id", "sms_enabled", "Label", ""])
def test_patch_refuses_a_field_that_it_does_not_take(name: str, world: World, api: ApiClient) -> None:
    before = _row(world)
    response = api.patch(world.phone_number.id, {"label": "x", name: "y"})
    message = f"unknown field {name!r}; the fields are inbound_url, status_url, label, campaign_id"
    assert_refused(response, 400, "INVALID_INPUT", message)
    assert _row(world) == before


def test_patch_attaches_by_the_same_rules_all_or_nothing(world: World, api: ApiClient) -> None:
    body = {"label": "x", "campaign_id": str(world.campaign.id)}
    data = api.patch(world.phone_number.id, body).json()["data"]
    assert (data["label"], data["campaign_id"], data["carrier_line_option_status"]) == (
        "x",
        str(world.campaign.id),
        "pending",
    )
    assert CampaignAttachment.objects.count() == 1

    world.other_campaign.status = CampaignStatus.EXPIRED
    world.other_campaign.save()
    before = _row(world)
    response = api.patch(world.phone_number.id, {"label": "y", "campaign_id": str(world.other_campaign.id)})
    assert_refused(response, 409, "CAMPAIGN_NOT_ACTIVE", "campaign is not active")
    response = api.patch(world.phone_number.id, {"label": "y", "campaign_id": str(world.stranger.campaign.id)})
    assert_refused(response, 404, "NOT_FOUND", "not found")
    assert _row(world) == before
    assert CampaignAttachment.objects.count() == 1


def test_patch_of_a_number_that_is_not_assigned(world: World, api: ApiClient) -> None:
    PhoneNumber.objects.filter(id=world.phone_number.id).update(state=NumberState.QUARANTINED)
    assert_refused(api.patch(world.phone_number.id, {"label": "x"}), 404, "NOT_FOUND", "not found")
    response = api.patch(world.phone_number.id, {"campaign_id": str(world.campaign.id)})
    assert_refused(response, 409, "NUMBER_NOT_ASSIGNED", "number is not assigned")


def test_detach_takes_the_number_off_and_writes_history(world: World, api: ApiClient) -> None:
    api.attach(world.phone_number.id, world.campaign.id)
    before = _row(world)
    with CaptureQueriesContext(connection) as captured:
        response = api.detach(world.phone_number.id)
    data = response.json()["data"]
    entry = CampaignAttachment.objects.latest("created_at")
    assert (response.status_code, data["campaign_id"], data["carrier_line_option_status"]) == (200, None, "removing")
    assert _row(world) == before | {
        "campaign_id": None,
        "carrier_line_option_status": "removing",
        "current_attachment_id": entry.id,
        "updated_at": entry.created_at,
    }
    assert (entry.previous_campaign_id, entry.campaign_id) == (world.campaign.id, None)
    assert entry.next_attempt_at == entry.created_at
    assert (entry.actor_kind, entry.request_id) == ("api_key", response["X-Request-Id"])
    # The key, the lock, entry and row in one; around them a savepoint in place of the transaction, as tests have it.
    assert len(captured) == 5


def test_detach_of_a_number_without_a_campaign_changes_nothing(world: World, api: ApiClient) -> None:
    before = _row(world)
    assert api.detach(world.phone_number.id).status_code == 200
    assert _row(world) == before
    api.attach(world.phone_number.id, world.campaign.id)
    api.detach(world.phone_number.id)
    before = _row(world)
    assert api.detach(world.phone_number.id).json()["data"]["carrier_line_option_status"] == "removing"
    assert _row(world) == before
    assert CampaignAttachment.objects.count() == 2


def test_detach_of_a_number_that_is_not_assigned(world: World, api: ApiClient) -> None:
    api.attach(world.phone_number.id, world.campaign.id)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(state=NumberState.QUARANTINED)
    before = _row(world)
    assert_refused(api.detach(world.phone_number.id), 409, "NUMBER_NOT_ASSIGNED", "number is not assigned")
    assert _row(world) == before


def _status(world: World, api: ApiClient) -> dict[str, Any]:
    body = api.get(f"/v1/phone-numbers/{world.phone_number.id}/campaign").json()
    assert body["success"] is True
    data: dict[str, Any] = body["data"]
    return data


def test_the_status_of_an_attachment(world: World, api: ApiClient) -> None:
    nothing: dict[str, Any] = {
        "campaign_id": None,
        "status": None,
        "attached_at": None,
        "submitted_at": None,
        "propagated_at": None,
        "attempts": 0,
        "next_attempt_at": None,
        "failure": None,
        "steps": [],
    }
    assert _status(world, api) == nothing
    api.attach(world.phone_number.id, world.campaign.id)
    entry = CampaignAttachment.objects.get()
    attached_at = _moment(entry.created_at.isoformat())
    attached = nothing | {
        "campaign_id": str(world.campaign.id),
        "status": "pending",
        "attached_at": attached_at,
        "next_attempt_at": attached_at,
    }
    assert _status(world, api) == attached
    CampaignAttachment.objects.update(
        status="failed",
        attempts=3,
        next_attempt_at=None,
        failure_code="REJECTED",
        failure_carrier_code="12189",
        failure_message="campaign unknown",
    )
    PhoneNumber.objects.filter(id=world.phone_number.id).update(carrier_line_option_status=LineOptionStatus.FAILED)
    assert _status(world, api) == attached | {
        "status": "failed",
        "attempts": 3,
        "next_attempt_at": None,
        "failure": {
            "code": "REJECTED",
            "carrier_code": "12189",
            "message": "campaign unknown",
            "retried_automatically": False,
            "can_retry": True,
            "resolution": "The carrier does not accept this number on this campaign. Read its message, then attach "
            "another campaign.",
        },
    }
    api.detach(world.phone_number.id)
    status = _status(world, api)
    assert (status["campaign_id"], status["status"], status["attached_at"]) == (
        None,
        "removing",
        None,
    )


def test_the_last_organizations_attachment_is_not_the_next_ones_business(world: World, api: ApiClient) -> None:
    api.attach(world.phone_number.id, world.campaign.id)
    api.detach(world.phone_number.id)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(organization=world.stranger.organization)
    _key, plain = make_key(world.stranger.organization, Scope.NUMBERS_READ)
    next_one = ApiClient(plain)
    shown = _status(world, next_one)
    assert (shown.pop("attempts"), shown.pop("steps")) == (0, [])
    assert set(shown.values()) == {None}
    history = next_one.get(f"/v1/phone-numbers/{world.phone_number.id}/campaign/history").json()
    assert (history["data"], history["meta"]["total"]) == ([], 0)


def test_history_is_newest_first_and_says_who(world: World, api: ApiClient) -> None:
    requests = [
        api.attach(world.phone_number.id, world.campaign.id)["X-Request-Id"],
        api.attach(world.phone_number.id, world.other_campaign.id)["X-Request-Id"],
        api.detach(world.phone_number.id)["X-Request-Id"],
    ]
    first, second, third = CampaignAttachment.objects.order_by("created_at")
    propagated_at = timezone.now()
    CampaignAttachment.objects.filter(id=first.id).update(status="propagated", propagated_at=propagated_at)
    key = world.organization.api_keys.get()

    def shown(entry: CampaignAttachment, request_id: str, **fields: Any) -> dict[str, Any]:
        return {
            "id": str(entry.id),
            "campaign_id": entry.campaign_id and str(entry.campaign_id),
            "previous_campaign_id": entry.previous_campaign_id and str(entry.previous_campaign_id),
            "actor": {"kind": "api_key", "id": str(key.id)},
            "request_id": request_id,
            "reason": None,
            "created_at": _moment(entry.created_at.isoformat()),
            "propagated_at": None,
            "failure": None,
        } | fields

    path = f"/v1/phone-numbers/{world.phone_number.id}/campaign/history"
    whole = api.get(path).json()
    assert whole["data"] == [
        shown(third, requests[2], status="pending"),
        shown(second, requests[1], status="superseded"),
        shown(first, requests[0], status="propagated", propagated_at=_moment(propagated_at.isoformat())),
    ]
    page = api.get(f"{path}?limit=2").json()
    rest = api.get(f"{path}?limit=2&cursor={page['meta']['next_cursor']}").json()
    assert page["data"] + rest["data"] == whole["data"]
    assert [part["meta"]["total"] for part in (whole, page, rest)] == [3, 3, 3]
