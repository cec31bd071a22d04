"""The exact counter: windows of a rate, attempts with a rising delay, races of both."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from agentmessage import counter
from agentmessage.counter import Usage
from agentmessage.models import Counter
from agentmessage.rates import Rate

HOURLY = Rate(limit=100, seconds=3600)
# So long that none ends while a test runs, however slow the machine is.
DELAYS = (0, 0, 1000, 2000, 4000, 6000)


def _of_eight_threads(times: int, passes: Callable[[], bool]) -> int:
    """How often `passes` is true if eight threads call it `times` times each, all at once."""
    start = threading.Barrier(8)

    def run() -> int:
        start.wait(30)
        passed = sum(passes() for _ in range(times))
        connection.close()
        return passed

    with ThreadPoolExecutor(8) as pool:
        return sum(future.result(60) for future in [pool.submit(run) for _ in range(8)])


def _move_clock(**by: float) -> None:
    """Let the time pass for all subjects: what decides is the database's clock."""
    Counter.objects.update(ends_at=F("ends_at") - timedelta(**by))


@pytest.mark.django_db(transaction=True)
def test_exactly_a_hundred_of_four_hundred_hits_pass(transactional_db: None) -> None:
    assert _of_eight_threads(50, lambda: not counter.count_hit("key:race", HOURLY).is_over) == 100
    assert Counter.objects.get().hits == 400


def test_a_window_that_is_over_begins_again(db: None) -> None:
    assert [counter.count_hit("key:x", HOURLY).hits for _ in range(3)] == [1, 2, 3]
    _move_clock(seconds=3601)
    assert counter.count_hit("key:x", HOURLY) == Usage(rate=HOURLY, hits=1, reset=3600)


def test_subjects_have_windows_of_their_own(db: None) -> None:
    assert [counter.count_hit(subject, HOURLY).hits for subject in ("key:x", "key:y", "key:x")] == [1, 1, 2]


def test_a_clock_that_was_set_back_locks_no_one_out(db: None) -> None:
    counter.count_hit("key:x", HOURLY)
    Counter.objects.update(ends_at=timezone.now() + timedelta(days=9), hits=1000)
    assert counter.count_hit("key:x", HOURLY) == Usage(rate=HOURLY, hits=1, reset=3600)


def test_attempts_wait_longer_and_longer(db: None) -> None:
    assert [counter.count_attempt("sign-in:x", DELAYS) for _ in range(7)] == [0, 0, 0, 2000, 4000, 6000, 6000]
    assert counter.count_attempt("sign-in:y", DELAYS) == 0


def test_an_attempt_passes_after_its_delay(db: None) -> None:
    for _ in range(3):
        assert counter.count_attempt("sign-in:x", DELAYS) == 0
    _move_clock(seconds=1000)
    assert counter.count_attempt("sign-in:x", DELAYS) == 0
    # The fourth one was let through, and doubled the delay.
    _move_clock(seconds=1900)
    assert counter.count_attempt("sign-in:x", DELAYS) == 4000
    _move_clock(seconds=4000)
    assert counter.count_attempt("sign-in:x", DELAYS) == 0


def test_attempts_are_forgotten_on_success_and_after_a_day(db: None) -> None:
    for _ in range(4):
        counter.count_attempt("sign-in:x", DELAYS)
    counter.forget("sign-in:x")
    assert [counter.count_attempt("sign-in:x", DELAYS) for _ in range(4)] == [0, 0, 0, 2000]
    _move_clock(days=1, seconds=2001)
    assert [counter.count_attempt("sign-in:x", DELAYS) for _ in range(4)] == [0, 0, 0, 2000]


def test_an_old_attempt_still_counts_within_the_day(db: None) -> None:
    for _ in range(3):
        counter.count_attempt("sign-in:x", DELAYS)
    _move_clock(hours=23)
    assert [counter.count_attempt("sign-in:x", DELAYS) for _ in range(2)] == [0, 4000]


def test_ten_thousand_attempts_do_not_overflow(db: None) -> None:
    counter.count_attempt("sign-in:x", DELAYS)
    Counter.objects.update(hits=10_000)
    assert [counter.count_attempt("sign-in:x", DELAYS) for _ in range(2)] == [0, 6000]


def test_attempts_under_a_clock_that_was_set_back(db: None) -> None:
    counter.count_attempt("sign-in:x", DELAYS)
    Counter.objects.update(ends_at=timezone.now() + timedelta(days=9), hits=1000)
    assert [counter.count_attempt("sign-in:x", DELAYS) for _ in range(4)] == [0, 0, 0, 2000]


@pytest.mark.django_db(transaction=True)
def test_exactly_the_free_attempts_of_many_concurrent_ones_pass(transactional_db: None) -> None:
    delays = [0] * 9 + [3600]
    assert _of_eight_threads(10, lambda: counter.count_attempt("sign-in:race", delays) == 0) == 10
    assert Counter.objects.get().hits == 80


@pytest.mark.django_db(transaction=True)
def test_a_concurrent_success_does_not_break_an_attempt(transactional_db: None) -> None:
    delays = (0, 3600)

    def attempt() -> bool:
        passed = counter.count_attempt("sign-in:race", delays) == 0
        counter.forget("sign-in:race")
        return passed

    assert _of_eight_threads(20, attempt) >= 1
    assert not Counter.objects.exists()


def test_rows_of_the_day_before_are_deleted(db: None) -> None:
    for subject in ("old", "older", "new"):
        counter.count_hit(subject, HOURLY)
    Counter.objects.filter(subject__startswith="old").update(ends_at=timezone.now() - timedelta(hours=25))
    assert counter.purge() == 2
    assert Counter.objects.get().subject == "new"


def test_the_table_is_not_logged(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'agentmessage_counter'")
        assert cursor.fetchone() == ("u",)
