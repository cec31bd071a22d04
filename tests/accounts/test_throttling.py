"""Rate limits of /v1: exact under concurrency, described in headers, free where they are off, and fair to others."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.api.base import wrong_keys
from accounts.models import Scope
from accounts.services import revoke_api_key
from agentmessage.models import Counter
from agentmessage.rates import Rate
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.worlds import World

HOURLY = Rate(limit=100, seconds=3600)
PATH = "/v1/phone-numbers/x/campaign"
PUBLIC = "198.51.100.7"
ELSEWHERE = "203.0.113.66"


@pytest.fixture(autouse=True)
def _nothing_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_keys, "_blocked_until", {})


@pytest.mark.django_db(transaction=True)
def test_exactly_a_hundred_requests_pass(settings: Settings, transactional_db: None) -> None:
    settings.THROTTLE_RATE = HOURLY
    world = World()
    _key, plain = make_key(world.organization)
    start = threading.Barrier(8)

    def call() -> list[int]:
        api = ApiClient(plain)
        start.wait(30)
        statuses = [api.attach(world.phone_number.id, world.campaign.id).status_code for _ in range(20)]
        connection.close()
        return statuses

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for future in [pool.submit(call) for _ in range(8)] for status in future.result(60)]
    assert (statuses.count(200), statuses.count(429)) == (100, 60)


def test_what_the_answers_say(settings: Settings, world: World) -> None:
    settings.THROTTLE_RATE = Rate(limit=2, seconds=3600)
    key, plain = make_key(world.organization, Scope.NUMBERS_WRITE)
    api = ApiClient(plain)
    first = api.attach(world.phone_number.id, world.campaign.id)
    assert first.status_code == 200
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    assert 1 <= int(first["RateLimit-Reset"]) <= 3600
    assert "Retry-After" not in first
    refused = api.post(f"/v1/phone-numbers/{world.phone_number.id}/campaign", "[")
    assert (refused.status_code, refused["RateLimit-Remaining"]) == (422, "0")
    over = api.attach(world.phone_number.id, world.other_campaign.id)
    assert_refused(over, 429, "RATE_LIMITED", "rate limit exceeded")
    assert (over["RateLimit-Limit"], over["RateLimit-Remaining"]) == ("2", "0")
    assert over["Retry-After"] == over["RateLimit-Reset"]
    world.phone_number.refresh_from_db()
    assert world.phone_number.campaign_id == world.campaign.id
    # Another key of the same organization has a window of its own.
    _other, other_plain = make_key(world.organization)
    assert ApiClient(other_plain).attach(world.phone_number.id, world.campaign.id).status_code == 200
    assert Counter.objects.get(subject=f"key:{key.id}").hits == 3


def test_a_missing_scope_and_a_wrong_method_count_too(settings: Settings, world: World) -> None:
    settings.THROTTLE_RATE = Rate(limit=5, seconds=3600)
    _key, plain = make_key(world.organization, Scope.BRANDS_READ)
    api = ApiClient(plain)
    refused = api.attach(world.phone_number.id, world.campaign.id)
    assert (refused.status_code, refused["RateLimit-Remaining"]) == (403, "4")
    wrong = api.client.put(f"/v1/phone-numbers/{world.phone_number.id}/campaign")
    assert (wrong.status_code, wrong["RateLimit-Remaining"]) == (405, "3")


def test_wrong_keys_are_limited_by_address(settings: Settings, world: World) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=3, seconds=3600)
    key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    guesser, customer = ApiClient("am_live_guess"), ApiClient(plain)
    for remaining in ("2", "1", "0"):
        assert customer.get("/v1/phone-numbers", REMOTE_ADDR=PUBLIC).status_code == 200
        refused = guesser.get(PATH, REMOTE_ADDR=PUBLIC)
        assert_refused(refused, 401, "UNAUTHORIZED", "authentication failed")
        assert refused["RateLimit-Remaining"] == remaining
    over = guesser.get(PATH, REMOTE_ADDR=PUBLIC)
    assert_refused(over, 429, "RATE_LIMITED", "rate limit exceeded")
    assert 1 <= int(over["Retry-After"]) <= 3600
    # From now on not even a right key is looked up from there, and no one elsewhere is affected.
    blocked = customer.get("/v1/phone-numbers", REMOTE_ADDR=PUBLIC)
    assert_refused(blocked, 429, "RATE_LIMITED", "rate limit exceeded")
    assert blocked["Retry-After"] == blocked["RateLimit-Reset"]
    assert customer.get("/v1/phone-numbers", REMOTE_ADDR=ELSEWHERE).status_code == 200
    revoke_api_key(organization_id=world.organization.id, api_key_id=key.id)
    revoked = customer.get("/v1/phone-numbers", REMOTE_ADDR=ELSEWHERE)
    assert (revoked.status_code, revoked["RateLimit-Remaining"]) == (401, "2")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.31.0.9", "192.168.7.7", "100.64.3.2", "fd00::1", ""])
def test_a_right_key_from_a_private_network_is_never_blocked(address: str, settings: Settings, world: World) -> None:
    """Behind a proxy without TRUST_PROXY all clients have the proxy's address."""
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=3600)
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    guesser, customer = ApiClient("am_live_guess"), ApiClient(plain)
    assert [guesser.get(PATH, REMOTE_ADDR=address).status_code for _ in range(3)] == [401, 429, 429]
    allowed = customer.get("/v1/phone-numbers", REMOTE_ADDR=address)
    assert allowed.status_code == 200
    assert guesser.get(PATH, REMOTE_ADDR=address).status_code == 429


def test_behind_a_trusted_proxy_the_clients_network_counts(settings: Settings, world: World) -> None:
    settings.TRUST_PROXY = True
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=3600)
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    customer = ApiClient(plain)
    proxy = {"REMOTE_ADDR": "10.0.0.1"}
    statuses = [
        ApiClient("x").get(PATH, headers={"X-Forwarded-For": f"10.9.9.{n}, {PUBLIC}"}, **proxy).status_code
        for n in range(2)
    ]
    assert statuses == [401, 429]
    for address, status in ((PUBLIC, 429), (ELSEWHERE, 200)):
        response = customer.get("/v1/phone-numbers", headers={"X-Forwarded-For": address}, **proxy)
        assert response.status_code == status


def test_a_blocked_address_asks_the_database_nothing(settings: Settings, world: World) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=3600)
    _key, plain = make_key(world.organization)
    assert [ApiClient(None).get(PATH, REMOTE_ADDR=PUBLIC).status_code for _ in range(2)] == [401, 429]
    with connection.execute_wrapper(_no_statement):
        response = ApiClient(plain).get(PATH, REMOTE_ADDR=PUBLIC)
    assert_refused(response, 429, "RATE_LIMITED", "rate limit exceeded")


def _no_statement(*args: object) -> None:
    raise AssertionError("a statement was sent")


def test_off_means_no_header(world: World, api: ApiClient) -> None:
    response = api.attach(world.phone_number.id, world.campaign.id)
    assert response.status_code == 200
    assert not [name for name in response.headers if name.lower().startswith("ratelimit")]
    assert Counter.objects.count() == 0


def test_a_hit_is_one_statement(settings: Settings, world: World, api: ApiClient) -> None:
    # The first request also records the key's use, and sometimes deletes old rows of the counter.
    settings.THROTTLE_RATE = HOURLY
    api.attach(world.phone_number.id, world.campaign.id)
    statements: list[str] = []

    def note(execute: object, sql: str, *args: object) -> object:
        statements.append(sql.split(maxsplit=1)[0] + " " + sql.split()[2])
        return execute(sql, *args)  # type: ignore[operator]  # Django's wrapper protocol.

    with connection.execute_wrapper(note):
        api.attach(world.phone_number.id, world.campaign.id)
    assert [sql for sql in statements if "counter" in sql] == ["INSERT agentmessage_counter"]
    assert statements[1] == "INSERT agentmessage_counter"


def test_an_address_is_not_a_path_into_the_subject(settings: Settings, db: None) -> None:
    """What a client writes into X-Forwarded-For never becomes a row unless it is an address."""
    settings.TRUST_PROXY = True
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=9, seconds=3600)
    ApiClient(None).get(PATH, headers={"X-Forwarded-For": "x" * 5000})
    assert Counter.objects.get().subject == "unauthorized:v1:unknown"
