"""How fast a carrier is asked, by all workers together."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from carriers.base import CarrierUnavailable
from carriers.http import HttpCaller
from propagation.models import CarrierRateLimit
from propagation.services import calling
from propagation.services.calling import RateLimited, RateLimiter, wait_for_campaign_lookup
from propagation.services.delays import campaign_delay, poll_delay, retry_delay

RATE, WORKERS, TURNS = 20, 6, 10


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting fails the test."""

    def sleep(seconds: float) -> None:
        assert seconds == 0

    monkeypatch.setattr(time, "sleep", sleep)


def test_many_workers_share_one_rate(transactional_db: None) -> None:
    rate_limiter = RateLimiter("shared", RATE)

    def work() -> None:
        for _ in range(TURNS):
            rate_limiter.wait_for_turn()
        connection.close()

    started = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        for worker in [pool.submit(work) for _ in range(WORKERS)]:
            worker.result()
    # A second's worth is at once, the rest at the pace. A slow machine takes longer, no machine takes less.
    assert time.monotonic() - started > (WORKERS * TURNS - 1) / RATE - 1.05


def test_a_seconds_worth_is_at_once(transactional_db: None, no_sleep: None) -> None:
    for _ in range(RATE):
        RateLimiter("burst", RATE).wait_for_turn()


def test_without_a_limit_only_a_pause_is_asked_for(transactional_db: None, no_sleep: None) -> None:
    for _ in range(100):
        RateLimiter("free", 0).wait_for_turn()
    assert not CarrierRateLimit.objects.exists()
    RateLimiter("free", 0).pause(3600)
    with pytest.raises(RateLimited) as raised:
        RateLimiter("free", 0).wait_for_turn()
    assert raised.value.retry_after == pytest.approx(3600, abs=600)


def test_a_turn_that_is_far_off_is_not_waited_for(transactional_db: None, no_sleep: None) -> None:
    rate_limiter = RateLimiter("slow", 1 / 3600)
    rate_limiter.wait_for_turn()
    with pytest.raises(RateLimited) as raised:
        rate_limiter.wait_for_turn()
    assert raised.value.retry_after is not None
    assert not raised.value.was_sent
    assert isinstance(raised.value, CarrierUnavailable)


def test_a_pause_that_the_carrier_asks_for_holds_for_all(transactional_db: None, no_sleep: None) -> None:
    RateLimiter("paused", 100).pause(3600)
    with pytest.raises(RateLimited):
        RateLimiter("paused", 100).wait_for_turn()
    RateLimiter("paused", 100).pause(1)
    with pytest.raises(RateLimited):
        RateLimiter("paused", 100).wait_for_turn()
    RateLimiter("other", 100).wait_for_turn()


def test_a_pause_that_begins_while_a_worker_waits_holds_for_it(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP 429 came to another worker."""
    rate_limiter = RateLimiter("shared", 20)
    monkeypatch.setattr(calling, "sleep", lambda _seconds: rate_limiter.pause(3600))

    def work() -> None:
        while True:
            rate_limiter.wait_for_turn()

    with pytest.raises(RateLimited) as raised:
        work()
    assert raised.value.retry_after == pytest.approx(3600, abs=600)


@pytest.mark.parametrize("rate", [0, 100])
def test_a_429_pauses_all_workers_of_the_account(
    transactional_db: None, no_sleep: None, rate: float, httpserver: HTTPServer
) -> None:
    """To whichever call it came, reconciliation's and a token's among them."""
    httpserver.expect_request("/").respond_with_data(status=429, headers={"Retry-After": "3600"})
    caller = HttpCaller(pace=RateLimiter("main", rate).pace)
    with pytest.raises(CarrierUnavailable):
        caller.call("GET", httpserver.url_for("/"))
    caller.close()
    with pytest.raises(RateLimited) as raised:
        RateLimiter("main", rate).wait_for_turn()
    assert raised.value.retry_after == pytest.approx(3600, abs=600)
    RateLimiter("other", rate).wait_for_turn()


def test_a_reserved_turn_is_that_of_the_next_request(transactional_db: None, no_sleep: None) -> None:
    rate_limiter = RateLimiter("main", 1 / 3600)
    with rate_limiter.reserve():
        rate_limiter.pace()
        with pytest.raises(RateLimited):
            rate_limiter.pace()
    with pytest.raises(RateLimited):
        rate_limiter.pace()


def test_campaign_lookups_have_a_separate_rate(transactional_db: None, settings: Settings) -> None:
    """Thirty a minute at Bandwidth: one now, and then one every two seconds."""
    settings.CARRIERS = {"main": "bandwidth://u:s@/accounts/1", "other": "telnyx://:key@"}
    wait_for_campaign_lookup("main")
    limit = CarrierRateLimit.objects.get()
    assert limit.name == "main/campaigns"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE propagation_carrierratelimit SET next_at = next_at + interval '1 hour'")
    with pytest.raises(RateLimited):
        wait_for_campaign_lookup("main")
    RateLimiter("main", 5).wait_for_turn()
    wait_for_campaign_lookup("other")


def test_retries_double_up_to_an_hour_with_jitter() -> None:
    for attempts, seconds in ((0, 2), (1, 2), (2, 4), (5, 32), (11, 2048), (12, 3600), (500, 3600)):
        delays = [retry_delay(attempts) for _ in range(200)]
        assert 0.75 * seconds <= min(delays) < max(delays) <= 1.25 * seconds
        assert len(set(delays)) > 100
    assert retry_delay(1, retry_after=500) == 500
    assert retry_delay(12, retry_after=5) > 2000


def test_poll_delays_grow_with_the_orders_age() -> None:
    for age in (0, 3, 6):
        assert poll_delay(age) == 2, "Right after sending, the second poll is not before the first."
    for age, seconds in ((40, 10), (7200, 1800), (300_000, 1800)):
        delays = [poll_delay(age) for _ in range(200)]
        assert 0.75 * seconds <= min(delays) < max(delays) <= 1.25 * seconds
    assert poll_delay(0, retry_after=60) == 60


def test_a_campaign_that_is_not_ready_is_asked_for_within_the_hour() -> None:
    assert 225 <= campaign_delay(1) <= 375
    assert 2700 <= campaign_delay(99) <= 4500
