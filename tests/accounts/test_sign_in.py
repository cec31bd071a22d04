"""Signing in to the admin: a guessing client waits longer and longer, others do not."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import sign_in
from accounts.models import Operator
from agentmessage.models import Counter
from tests.support.factories import OperatorFactory

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

PASSWORD, WRONG = "right-password-9", "wrong"
HERE, ELSEWHERE = "198.51.100.7", "203.0.113.66"
FREE = 5
# So long that none ends while a test runs, however slow the machine is.
DELAYS = tuple(1000 * seconds for seconds in sign_in.DELAYS)


@pytest.fixture(autouse=True)
def _long_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "DELAYS", DELAYS)


@pytest.fixture
def ada(db: None) -> Operator:
    """An operator with a password."""
    return _operator("ada")


def _operator(username: str, **fields: Any) -> Operator:
    operator: Operator = OperatorFactory.create(username=username, is_superuser=False, **fields)
    operator.set_password(PASSWORD)
    operator.save()
    return operator


def _sign_in(username: str = "ada", password: str = WRONG, address: str = HERE, **extra: Any) -> "Answer":
    form = {"username": username, "password": password}
    return Client().post("/admin/login/?next=/admin/", form, REMOTE_ADDR=address, **extra)


def _guess(times: int, **fields: Any) -> list[int]:
    return [_sign_in(**fields).status_code for _ in range(times)]


def _wait(seconds: float) -> None:
    """Let the time pass: what decides is the database's clock."""
    Counter.objects.update(ends_at=F("ends_at") - timedelta(seconds=seconds))


def test_a_guesser_waits_longer_and_longer(ada: Operator) -> None:
    answers = [_sign_in() for _ in range(FREE + 10)]
    assert [answer.status_code for answer in answers] == [200] * FREE + [429] * 10
    assert [int(answer["Retry-After"]) for answer in answers[FREE:]] == [*DELAYS[FREE:], DELAYS[-1], DELAYS[-1]]
    assert list(DELAYS[FREE:]) == sorted(set(DELAYS[FREE:]))
    # Even the right password has to wait now.
    assert _sign_in(password=PASSWORD).status_code == 429


@pytest.mark.parametrize(
    ("attempts", "seconds", "words"),
    [
        (FREE, "10", "10 seconds"),
        (FREE + 3, "80", "80 seconds"),
        (FREE + 4, "160", "3 minutes"),
        (99, "900", "15 minutes"),
    ],
)
def test_what_an_operator_reads(
    attempts: int, seconds: str, words: str, ada: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _guess(FREE)
    Counter.objects.update(hits=attempts)
    monkeypatch.undo()
    Counter.objects.update(ends_at=timezone.now() + timedelta(seconds=sign_in.DELAYS[-1] - 1))
    refused = _sign_in()
    content = refused.content.decode()
    assert (refused.status_code, refused["Retry-After"]) == (429, seconds)
    assert f"Too many attempts with a wrong password. Try again in {words}." in content
    assert 'value="ada"' in content


def test_after_the_delay_the_right_password_signs_in_and_the_attempts_are_forgotten(ada: Operator) -> None:
    _guess(FREE)
    _wait(DELAYS[FREE - 1])
    client = Client()
    right = client.post("/admin/login/?next=/admin/", {"username": "ada", "password": PASSWORD}, REMOTE_ADDR=HERE)
    assert (right.status_code, right["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    assert _guess(FREE + 1) == [200] * FREE + [429]


def test_one_wrong_password_after_the_delay_doubles_it(ada: Operator) -> None:
    _guess(FREE)
    _wait(DELAYS[FREE - 1])
    assert _sign_in().status_code == 200
    _wait(DELAYS[FREE - 1])
    assert _sign_in(password=PASSWORD).status_code == 429


def test_other_clients_do_not_wait(ada: Operator) -> None:
    _operator("grace")
    _guess(FREE + 3)
    assert _sign_in(password=PASSWORD).status_code == 429
    assert _sign_in("grace", PASSWORD).status_code == 302
    assert _sign_in(password=PASSWORD, address=ELSEWHERE).status_code == 302
    # A success of another operator, or elsewhere, helps the guesser nothing.
    assert _sign_in(password=PASSWORD).status_code == 429


def test_an_ipv6_network_is_one_client(ada: Operator) -> None:
    answers = [_sign_in(address=f"2001:db8:1:2::{n}").status_code for n in range(FREE + 1)]
    assert answers == [200] * FREE + [429]
    assert _sign_in(password=PASSWORD, address="2001:db8:1:3::1").status_code == 302


def test_behind_a_trusted_proxy_the_clients_network_counts(settings: Settings, ada: Operator) -> None:
    settings.TRUST_PROXY = True
    guesses = [_sign_in(headers={"X-Forwarded-For": f"192.0.2.{n}, {HERE}"}).status_code for n in range(FREE + 1)]
    assert guesses == [200] * FREE + [429]
    assert _sign_in(password=PASSWORD, headers={"X-Forwarded-For": ELSEWHERE}).status_code == 302


def test_other_spellings_of_a_name_count_as_one(ada: Operator) -> None:
    """Django reads a name without the spaces around it and in the normal form of Unicode."""
    spellings = ["ada", " ada", "ada ", "\uff41da", "a\uff44a", "ad\uff41"]
    assert [_sign_in(name).status_code for name in spellings] == [200] * FREE + [429]


@pytest.mark.parametrize("name", ["nobody", "x" * 150, "retired", "outsider"])
def test_names_that_cannot_sign_in_are_treated_alike(name: str, ada: Operator) -> None:
    _operator("retired", is_active=False)
    _operator("outsider", is_staff=False)
    assert _guess(FREE + 1, username=name, password=PASSWORD) == [200] * FREE + [429]


def test_an_empty_form_does_not_count(ada: Operator) -> None:
    assert _guess(FREE + 3, password="") == [200] * (FREE + 3)
    assert not Counter.objects.exists()


def test_the_name_is_not_stored(ada: Operator) -> None:
    """A user may have typed a password there."""
    _sign_in("hunter2-hunter2")
    assert "hunter2" not in Counter.objects.get().subject


@pytest.mark.django_db(transaction=True)
def test_of_many_concurrent_guesses_exactly_the_free_ones_are_checked(transactional_db: None) -> None:
    _operator("ada")
    start = threading.Barrier(8)

    def guess() -> list[int]:
        start.wait(30)
        statuses = _guess(5)
        connection.close()
        return statuses

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for future in [pool.submit(guess) for _ in range(8)] for status in future.result(60)]
    assert (statuses.count(200), statuses.count(429)) == (FREE, 35)
    assert Counter.objects.get().hits == 40


def test_guessing_the_old_password_is_slowed_down_too(ada: Operator) -> None:
    """A session that was taken over must not help to find the password."""
    client = Client(REMOTE_ADDR=HERE)
    client.force_login(ada)

    def change(old: str) -> "Answer":
        new = "a-long-and-uncommon-one"
        form = {"old_password": old, "new_password1": new, "new_password2": new}
        return client.post("/admin/password_change/", form)

    assert client.get("/admin/password_change/").status_code == 200
    answers = [change("wrong") for _ in range(FREE + 1)]
    assert [answer.status_code for answer in answers] == [200] * FREE + [429]
    assert answers[-1]["Retry-After"] == str(DELAYS[FREE])
    assert "Too many attempts with a wrong password." in answers[-1].content.decode()
    assert change(PASSWORD).status_code == 429
    _wait(DELAYS[FREE + 1])
    assert change(PASSWORD).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password("a-long-and-uncommon-one")
    assert client.get("/admin/password_change/done/").status_code == 200
