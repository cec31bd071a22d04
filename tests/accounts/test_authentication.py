"""Authentication: one 401 message for every bad key, 403 for a missing scope, both before the body is read."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Scope
from accounts.services import generate_key, revoke_api_key
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.worlds import World


def _assert_unauthorized(client: ApiClient, world: World) -> None:
    response = client.attach(world.phone_number.id, world.campaign.id)
    assert_refused(response, 401, "UNAUTHORIZED", "authentication failed")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "{key}",
        "Basic {key}",
        "Token {key}",
        "Bearer {key} {key}",
        "Bearer {key}x",
        "Bearer {key},",
        "Bearer {prefix}",
        'Bearer "{key}"',
        "Bearer {upper}",
        "Bearer am_live_",
        "Bearer \u00e9\u00ff",
        "Bearer am_live_\x00",
    ],
)
def test_what_is_no_key(header: str | None, world: World) -> None:
    key, plain = make_key(world.organization)
    client = ApiClient(None)
    if header is not None:
        value = header.format(key=plain, prefix=key.prefix, upper=plain.upper())
        client.client = Client(headers={"Authorization": value})
    _assert_unauthorized(client, world)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_schemes_case_does_not_matter(scheme: str, world: World) -> None:
    _key, plain = make_key(world.organization)
    client = ApiClient(None)
    client.client = Client(headers={"Authorization": f"{scheme} {plain}"})
    assert client.attach(world.phone_number.id, world.campaign.id).status_code == 200


def test_a_revoked_key_stops_at_the_next_request(world: World) -> None:
    key, plain = make_key(world.organization)
    client = ApiClient(plain)
    assert client.attach(world.phone_number.id, world.campaign.id).status_code == 200
    revoke_api_key(organization_id=world.organization.id, api_key_id=key.id)
    _assert_unauthorized(client, world)


def test_a_key_stops_at_the_moment_of_its_expiry(world: World) -> None:
    expires_at = timezone.now() + timedelta(days=1)
    _key, plain = make_key(world.organization, expires_at=expires_at)
    client = ApiClient(plain)
    with time_machine.travel(expires_at - timedelta(seconds=1), tick=False):
        assert client.attach(world.phone_number.id, world.campaign.id).status_code == 200
    with time_machine.travel(expires_at, tick=False):
        _assert_unauthorized(client, world)


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope != Scope.NUMBERS_WRITE])
def test_a_key_without_the_scope(scope: Scope, world: World) -> None:
    _key, plain = make_key(world.organization, scope)
    response = ApiClient(plain).attach(world.phone_number.id, world.campaign.id)
    assert_refused(response, 403, "FORBIDDEN", "missing required scope")


def test_a_missing_scope_comes_before_the_body(world: World) -> None:
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    for body, content_type in [("[", "application/json"), ("x" * 2_000_000, "text/plain")]:
        path = f"/v1/phone-numbers/{world.phone_number.id}/campaign"
        response = ApiClient(plain).post(path, body, content_type=content_type)
        assert_refused(response, 403, "FORBIDDEN", "missing required scope")


def test_what_is_kept_of_a_key(world: World) -> None:
    key, plain = make_key(world.organization)
    assert plain.startswith("am_live_")
    assert len(plain) == len("am_live_") + 43
    assert key.prefix == plain[:16]
    row = ApiKey.objects.filter(id=key.id).values().get()
    assert plain[16:] not in repr(row)
    assert len(bytes(row["digest"])) == 32


def test_a_new_key_is_never_shown_by_accident() -> None:
    new = generate_key()
    assert new.plain not in repr(new)
    assert new.plain not in str(new)
