"""Rate limits: exact under concurrency, said in headers on every answer, and free where they are off."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ThrottleWindow
from accounts.scopes import Scope
from accounts.services import revoke_api_key
from accounts.throttling import Usage, count_hit, redis_server
from accounts.throttling.blocked import BlockedNetworks, blocked_networks
from agentmessage import counter
from agentmessage.rates import Rate
from tests.api import ApiClient, assert_refused
from tests.factories import make_key
from tests.worlds import World

HOURLY = Rate(limit=100, seconds=3600)


@pytest.fixture(autouse=True)
def _nothing_is_blocked() -> Iterator[None]:
    blocked_networks.clear()
    yield
    blocked_networks.clear()


@pytest.fixture
def redis_url(tmp_path: Path, settings: Settings) -> Iterator[str]:
    """A Redis of the test's own."""
    command = shutil.which("redis-server")
    if command is None:
        pytest.skip("needs redis-server: the PostgreSQL counter is tested without it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [command, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    redis_server._Pause.until = 0.0
    yield settings.REDIS_URL
    redis_server._counter(settings.REDIS_URL).registered_client.close()  # type: ignore[attr-defined]  # redis-py's Script.
    redis_server._counter.cache_clear()
    redis_server._Pause.until = 0.0
    server.terminate()
    server.wait(20)


def _passes_of_eight_threads(subject: str) -> int:
    """How many of 8 times 50 hits pass, all threads at once."""
    start = threading.Barrier(8)

    def hit() -> int:
        start.wait(30)
        usages = [count_hit(subject, HOURLY) for _ in range(50)]
        connection.close()
        return sum(usage is not None and not usage.is_over for usage in usages)

    with ThreadPoolExecutor(8) as pool:
        return sum(future.result(60) for future in [pool.submit(hit) for _ in range(8)])


@pytest.mark.django_db(transaction=True)
def test_exactly_a_hundred_of_four_hundred_hits_pass(transactional_db: None) -> None:
    assert _passes_of_eight_threads("key:race") == 100
    assert ThrottleWindow.objects.get().hits == 400


def test_exactly_a_hundred_of_four_hundred_hits_pass_in_redis(redis_url: str) -> None:
    assert _passes_of_eight_threads("key:race") == 100


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
    settings.THROTTLE_RATE = Rate(limit=2, seconds=60)
    key, plain = make_key(world.organization, Scope.NUMBERS_WRITE)
    api = ApiClient(plain)
    first = api.attach(world.phone_number.id, world.campaign.id)
    assert first.status_code == 200
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    assert 1 <= int(first["RateLimit-Reset"]) <= 60
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
    assert ThrottleWindow.objects.get(subject=f"key:{key.id}").hits == 3


def test_a_missing_scope_and_a_wrong_method_count_too(settings: Settings, world: World) -> None:
    settings.THROTTLE_RATE = Rate(limit=5, seconds=60)
    _key, plain = make_key(world.organization, Scope.BRANDS_READ)
    api = ApiClient(plain)
    refused = api.attach(world.phone_number.id, world.campaign.id)
    assert (refused.status_code, refused["RateLimit-Remaining"]) == (403, "4")
    wrong = api.client.put(f"/v1/phone-numbers/{world.phone_number.id}/campaign")
    assert (wrong.status_code, wrong["RateLimit-Remaining"]) == (405, "3")


def test_a_window_that_is_over_begins_anew(db: None) -> None:
    assert [counter.count_hit("key:x", HOURLY).hits for _ in range(3)] == [1, 2, 3]
    ThrottleWindow.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    usage = counter.count_hit("key:x", HOURLY)
    assert usage == Usage(rate=HOURLY, hits=1, reset=3600)


def test_a_clock_that_was_set_back_locks_nobody_out(db: None) -> None:
    counter.count_hit("key:x", HOURLY)
    ThrottleWindow.objects.update(ends_at=timezone.now() + timedelta(days=9), hits=1000)
    assert counter.count_hit("key:x", HOURLY) == Usage(rate=HOURLY, hits=1, reset=3600)


def test_windows_that_are_over_are_cleared_away(db: None) -> None:
    for subject in ("old", "older", "new"):
        counter.count_hit(subject, HOURLY)
    ThrottleWindow.objects.filter(subject__startswith="old").update(ends_at=timezone.now() - timedelta(minutes=2))
    assert counter.purge() == 2
    assert ThrottleWindow.objects.get().subject == "new"


def test_the_table_is_not_logged(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'accounts_throttlewindow'")
        assert cursor.fetchone() == ("u",)


def test_wrong_keys_are_limited_by_address(settings: Settings, world: World) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=3, seconds=60)
    key, plain = make_key(world.organization)
    guesser, customer = ApiClient("am_live_guess"), ApiClient(plain)
    for remaining in ("2", "1", "0"):
        assert customer.attach(world.phone_number.id, world.campaign.id).status_code == 200
        refused = guesser.attach(world.phone_number.id, world.campaign.id)
        assert_refused(refused, 401, "UNAUTHORIZED", "authentication failed")
        assert refused["RateLimit-Remaining"] == remaining
    over = guesser.attach(world.phone_number.id, world.campaign.id)
    assert_refused(over, 429, "RATE_LIMITED", "rate limit exceeded")
    assert 1 <= int(over["Retry-After"]) <= 60
    # From now on not even a good key is looked at from there, and none from elsewhere is hindered.
    blocked = customer.attach(world.phone_number.id, world.campaign.id)
    assert_refused(blocked, 429, "RATE_LIMITED", "rate limit exceeded")
    elsewhere = customer.client.get("/v1/phone-numbers/x/campaign", REMOTE_ADDR="192.0.2.9")
    assert elsewhere.status_code != 429
    revoke_api_key(organization_id=world.organization.id, api_key_id=key.id)
    elsewhere = customer.client.get("/v1/phone-numbers/x/campaign", REMOTE_ADDR="192.0.2.9")
    assert (elsewhere.status_code, elsewhere["RateLimit-Remaining"]) == (401, "2")


def test_a_blocked_address_asks_the_database_nothing(settings: Settings, world: World, api: ApiClient) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=60)
    blocked_networks.block("127.0.0.1", seconds=60)
    with connection.execute_wrapper(_no_statement):
        response = api.attach(world.phone_number.id, world.campaign.id)
    assert_refused(response, 429, "RATE_LIMITED", "rate limit exceeded")


def _no_statement(*args: object) -> None:
    raise AssertionError("a statement was sent")


def test_a_process_that_has_not_heard_of_a_block_learns_of_it(settings: Settings, world: World) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=60)
    guesser = ApiClient(None)
    path = "/v1/phone-numbers/x/campaign"
    assert [guesser.get(path).status_code for _ in range(2)] == [401, 429]
    blocked_networks.clear()
    assert guesser.get(path).status_code == 429
    assert blocked_networks.seconds_left("127.0.0.1") > 0


def test_a_block_ends_and_the_memory_of_blocks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.throttling.blocked._MOST", 2)
    blocked = BlockedNetworks()
    blocked.block("a", seconds=0)
    blocked.block("b", seconds=60)
    assert (blocked.seconds_left("a"), blocked.seconds_left("b")) == (0, 60)
    blocked.block("c", seconds=60)
    blocked.block("d", seconds=60)
    assert [blocked.seconds_left(name) for name in "abcd"] == [0, 60, 60, 0]


def test_off_means_no_header(world: World, api: ApiClient) -> None:
    response = api.attach(world.phone_number.id, world.campaign.id)
    assert response.status_code == 200
    assert not [name for name in response.headers if name.lower().startswith("ratelimit")]
    assert ThrottleWindow.objects.count() == 0


def test_a_hit_is_one_statement(settings: Settings, world: World, api: ApiClient) -> None:
    # The key's first use in a minute is written down, and one window in a hundred clears others away as it begins; this
    # is neither any more.
    settings.THROTTLE_RATE = HOURLY
    api.attach(world.phone_number.id, world.campaign.id)
    statements: list[str] = []

    def note(execute: object, sql: str, *args: object) -> object:
        statements.append(sql.split(maxsplit=1)[0] + " " + sql.split()[2])
        return execute(sql, *args)  # type: ignore[operator]  # Django's wrapper protocol.

    with connection.execute_wrapper(note):
        api.attach(world.phone_number.id, world.campaign.id)
    assert [sql for sql in statements if "throttle" in sql] == ["INSERT accounts_throttlewindow"]
    assert statements[1] == "INSERT accounts_throttlewindow"


def test_redis_says_where_the_window_ends(redis_url: str) -> None:
    rate = Rate(limit=2, seconds=60)
    usages = [redis_server.count_hit("key:x", rate) for _ in range(3)]
    assert [(usage.hits, usage.is_over, usage.remaining) for usage in usages if usage] == [
        (1, False, 1),
        (2, False, 0),
        (3, True, 0),
    ]
    assert all(usage and 59 <= usage.reset <= 60 for usage in usages)
    assert redis_server.count_hit("key:y", Rate(limit=1, seconds=1)) == Usage(Rate(limit=1, seconds=1), 1, 1)
    time.sleep(1.1)
    assert redis_server.count_hit("key:y", Rate(limit=1, seconds=1)) == Usage(Rate(limit=1, seconds=1), 1, 1)


def test_a_redis_that_is_away_limits_nobody_and_is_left_alone_for_a_while(
    settings: Settings, world: World, api: ApiClient
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
        settings.THROTTLE_RATE = Rate(limit=1, seconds=60)
        redis_server._Pause.until = 0.0
        responses = [api.attach(world.phone_number.id, world.campaign.id) for _ in range(3)]
        assert redis_server._Pause.until > time.monotonic()
        redis_server._Pause.until = 0.0
    assert [response.status_code for response in responses] == [200, 200, 200]
    assert "RateLimit-Limit" not in responses[0]


def test_an_address_is_not_a_path_into_the_subject(settings: Settings, db: None) -> None:
    """What a client writes into X-Forwarded-For never becomes a row of its own unless it is an address."""
    settings.TRUST_PROXY = True
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=9, seconds=60)
    client = ApiClient(None).client
    client.get("/v1/phone-numbers/x/campaign", headers={"X-Forwarded-For": "x" * 5000})
    assert RequestFactory().get("/").META["REMOTE_ADDR"] == "127.0.0.1"
    assert ThrottleWindow.objects.get().subject == "unauthorized:unknown"
