"""Cross-origin requests: off unless an origin is named, and then for /v1 alone."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.support.api import ULID, ApiClient
from tests.support.worlds import World

ORIGIN = "https://dashboard.example.com"


@pytest.fixture
def _origin(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]


def test_off_by_default(world: World, api: ApiClient) -> None:
    path = f"/v1/phone-numbers/{world.phone_number.id}/campaign"
    answer = api.post(path, {"campaign_id": str(world.campaign.id)}, headers={"Origin": ORIGIN})
    assert answer.status_code == 200
    preflight = Client().options(path, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    for response in (answer, preflight):
        assert not [name for name in response.headers if name.lower().startswith("access-control-")]


@pytest.mark.usefixtures("_origin")
def test_a_preflight_needs_no_key(db: None) -> None:
    response = Client().options(
        "/v1/phone-numbers/x/campaign",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert response["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST, PATCH, DELETE"
    assert response["Access-Control-Allow-Headers"] == (
        "authorization, content-type, if-match, if-none-match, if-unmodified-since"
    )
    assert "Access-Control-Allow-Credentials" not in response
    assert ULID.fullmatch(response["X-Request-Id"])


@pytest.mark.usefixtures("_origin")
def test_the_page_may_read_answers_and_our_headers(world: World, api: ApiClient) -> None:
    good = api.post(
        f"/v1/phone-numbers/{world.phone_number.id}/campaign",
        {"campaign_id": str(world.campaign.id)},
        headers={"Origin": ORIGIN},
    )
    refused = Client().get("/v1/nothing", headers={"Origin": ORIGIN})
    assert (good.status_code, refused.status_code) == (200, 404)
    for response in (good, refused):
        assert response["Access-Control-Allow-Origin"] == ORIGIN
        assert response["Access-Control-Expose-Headers"] == (
            "X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, ETag, X-Next-Cursor"
        )
        assert "origin" in response["Vary"].lower()


@pytest.mark.usefixtures("_origin")
@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/v1/phone-numbers/x/campaign", "https://elsewhere.example.com"),
        ("/v1/phone-numbers/x/campaign", "null"),
        ("/healthz", ORIGIN),
        ("/admin/login/", ORIGIN),
        ("/v1x", ORIGIN),
    ],
)
def test_other_origins_and_other_paths(path: str, origin: str, db: None) -> None:
    response = Client().get(path, headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response
