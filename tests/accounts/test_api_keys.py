"""/v1/api-keys: a key is shown once, gives what it has, and its use is written down."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.models import ApiKey, Scope
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.worlds import World

SCOPES = ", ".join(Scope.values)
NO_MOMENT = "must be a time in RFC 3339, with its offset, or null"


@pytest.fixture
def api(world: World) -> ApiClient:
    """A client that may manage keys and write numbers."""
    _key, plain = make_key(world.organization, Scope.APIKEYS_READ, Scope.APIKEYS_WRITE, Scope.NUMBERS_WRITE)
    return ApiClient(plain)


def test_a_new_key_is_shown_once_and_works(world: World, api: ApiClient) -> None:
    body = {"label": "ci", "scopes": ["numbers:write"], "expires_at": "2999-01-01T00:00:00+02:00"}
    response = api.post("/v1/api-keys", body)
    key = ApiKey.objects.get(label="ci")
    data = response.json()["data"]
    plain = data.pop("key")
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    assert data == {
        "id": str(key.id),
        "label": "ci",
        "prefix": plain[:16],
        "scopes": ["numbers:write"],
        "created_at": key.created_at.isoformat().replace("+00:00", "Z"),
        "last_used_at": None,
        "expires_at": "2998-12-31T22:00:00Z",
        "revoked_at": None,
    }
    assert key.organization == world.organization
    assert ApiClient(plain).attach(world.phone_number.id, world.campaign.id).status_code == 200
    shown = api.get("/v1/api-keys")
    assert plain.encode() not in shown.content
    assert [row["label"] for row in shown.json()["data"]] == ["ci", "test"]
    assert all("digest" not in row and "key" not in row for row in shown.json()["data"])


def test_a_key_can_only_give_what_it_has(world: World, api: ApiClient) -> None:
    response = api.post("/v1/api-keys", {"label": "x", "scopes": ["numbers:write", "brands:read"]})
    assert_refused(response, 403, "FORBIDDEN", "missing required scope")
    assert ApiKey.objects.filter(label="x").count() == 0


EXPIRES_AT = datetime(2099, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)


@pytest.fixture
def expiring(world: World) -> ApiClient:
    """A client whose key expires."""
    return ApiClient(make_key(world.organization, Scope.APIKEYS_WRITE, expires_at=EXPIRES_AT)[1])


@pytest.mark.parametrize(
    "expires_at", ["2100-01-01T00:00:00Z", "2099-12-31T23:59:59.500001Z", "2099-12-31T23:59:59.6-00:30", None]
)
def test_a_key_grants_no_key_that_outlives_it(world: World, expiring: ApiClient, expires_at: str | None) -> None:
    response = expiring.post("/v1/api-keys", {"label": "x", "scopes": ["apikeys:write"], "expires_at": expires_at})
    details = {"expires_at": "must not be later than your own key's, 2099-12-31T23:59:59Z"}
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)
    assert not ApiKey.objects.filter(label="x").exists()


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, EXPIRES_AT),
        ({"expires_at": "2099-12-31T23:59:59.5Z"}, EXPIRES_AT),
        ({"expires_at": "2100-01-01T00:59:59+01:00"}, EXPIRES_AT.replace(microsecond=0)),
        ({"expires_at": "2098-01-01T00:00:00Z"}, datetime(2098, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_key_grants_the_time_that_it_has(
    world: World, expiring: ApiClient, given: dict[str, str], stored: datetime
) -> None:
    response = expiring.post("/v1/api-keys", {"label": "x", "scopes": ["apikeys:write"]} | given)
    assert response.status_code == 201
    assert ApiKey.objects.get(label="x").expires_at == stored
    # The same holds for the key that it has granted.
    granted = ApiClient(response.json()["data"]["key"])
    assert granted.post("/v1/api-keys", {"label": "y", "scopes": ["apikeys:write"]}).status_code == 201
    assert ApiKey.objects.get(label="y").expires_at == stored


@pytest.mark.parametrize(("given", "stored"), [({}, None), ({"expires_at": None}, None)])
def test_a_key_that_does_not_expire_grants_one_that_does_not(
    api: ApiClient, given: dict[str, None], stored: None
) -> None:
    assert api.post("/v1/api-keys", {"label": "x", "scopes": ["numbers:write"]} | given).status_code == 201
    assert ApiKey.objects.get(label="x").expires_at is stored


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({"scopes": []}, {"scopes": "must name at least one scope"}),
        ({"scopes": ["numbers:write", "numbers:write"]}, {"scopes": '"numbers:write" is repeated'}),
        ({"scopes": ["numbers:all"]}, {"scopes": f'"numbers:all" is not one of {SCOPES}'}),
        ({"scopes": [""]}, {"scopes": f'"" is not one of {SCOPES}'}),
        ({"label": ""}, {"label": '"" must not be blank'}),
        ({"label": "x" * 101}, {"label": f'"{"x" * 60}\u2026" must have at most 100 characters'}),
        (
            {"label": "\u0000", "expires_at": "2000-01-01T00:00:00Z"},
            {
                "label": '"\\u0000" must not contain line breaks or control characters',
                "expires_at": '"2000-01-01T00:00:00+00:00" is not in the future',
            },
        ),
    ],
)
def test_what_cannot_be_accepted(fields: dict[str, Any], details: dict[str, str], world: World, api: ApiClient) -> None:
    before = ApiKey.objects.count()
    response = api.post("/v1/api-keys", {"label": "x", "scopes": ["numbers:write"]} | fields)
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)
    assert ApiKey.objects.count() == before


def test_a_field_that_a_key_does_not_have(world: World, api: ApiClient) -> None:
    response = api.post("/v1/api-keys", {"label": "x", "scopes": ["numbers:write"], "expire_at": None})
    message = "unknown field 'expire_at'; the fields are label, scopes, expires_at"
    assert_refused(response, 400, "INVALID_INPUT", message)


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, {"label": "is required", "scopes": "is required"}),
        (
            {"label": None, "scopes": None},
            {"label": "null must be a string", "scopes": "null must be a list of strings"},
        ),
        ({"label": "x", "scopes": "numbers:write"}, {"scopes": '"numbers:write" must be a list of strings'}),
        ({"label": "x", "scopes": [1]}, {"scopes": "[\u2026] must be a list of strings"}),
    ],
)
def test_bodies_of_the_wrong_kind(body: Any, details: dict[str, str], world: World, api: ApiClient) -> None:
    response = api.post("/v1/api-keys", body)
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)


@pytest.mark.parametrize(
    "moment",
    [
        "tomorrow",
        "2999-01-01T00:00:00",
        "2999-13-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "2999-W01-1T00:00:00Z",
        "29990101T000000Z",
        "2999-01-01T00:00Z",
        "2999-02-30T00:00:00Z",
        1,
    ],
)
def test_what_is_not_a_time(moment: object, world: World, api: ApiClient) -> None:
    response = api.post("/v1/api-keys", {"label": "x", "scopes": ["numbers:write"], "expires_at": moment})
    details = {"expires_at": f"{json.dumps(moment)} {NO_MOMENT}"}
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)


def test_revoking_acts_on_the_next_request_and_keeps_its_moment(world: World, api: ApiClient) -> None:
    key, plain = make_key(world.organization)
    first = api.client.delete(f"/v1/api-keys/{key.id}").json()["data"]
    assert first["revoked_at"] is not None
    response = ApiClient(plain).attach(world.phone_number.id, world.campaign.id)
    assert_refused(response, 401, "UNAUTHORIZED", "authentication failed")
    assert api.client.delete(f"/v1/api-keys/{key.id}").json()["data"] == first


def test_use_is_written_down_once_a_minute(world: World) -> None:
    key, plain = make_key(world.organization)
    client = ApiClient(plain)

    def last_used() -> Any:
        return ApiKey.objects.values_list("last_used_at", flat=True).get(id=key.id)

    started = timezone.now() - timedelta(minutes=10)
    ApiKey.objects.filter(id=key.id).update(last_used_at=started)
    client.attach(world.phone_number.id, world.campaign.id)
    assert last_used() > started
    # Ahead of the database's clock: however slow the machine, no minute has passed since.
    recent = timezone.now() + timedelta(hours=1)
    ApiKey.objects.filter(id=key.id).update(last_used_at=recent)
    client.attach(world.phone_number.id, world.campaign.id)
    assert last_used() == recent
    # A machine whose clock runs ahead does not write with every request: the database's own clock decides.
    with time_machine.travel(recent + timedelta(minutes=10), tick=False):
        client.attach(world.phone_number.id, world.campaign.id)
    assert last_used() == recent
    ApiClient(plain + "x").attach(world.phone_number.id, world.campaign.id)
    assert last_used() == recent


@pytest.mark.django_db(transaction=True)
def test_recording_the_use_does_not_wait(transactional_db: None) -> None:
    world = World()
    key, plain = make_key(world.organization)
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM accounts_apikey WHERE id = %s FOR UPDATE", [key.id])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        assert ApiClient(plain).attach(world.phone_number.id, world.campaign.id).status_code == 200
        assert ApiKey.objects.get(id=key.id).last_used_at is None
        other.rollback()
    finally:
        other.close()
        connection.close()
