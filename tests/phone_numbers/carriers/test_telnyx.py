"""The Telnyx adapter against a server that speaks its format."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from campaigns.models import CarrierStatus
from phone_numbers.carriers.choose import build_carrier
from phone_numbers.carriers.protocol import Carrier, CarrierRefused, CarrierUnavailable, OrderAction, OrderRequest
from phone_numbers.failures import FailureCode
from tests.phone_numbers.carriers.fake_telnyx import FakeTelnyx, error
from tests.phone_numbers.carriers.serving import Reply

A = "+19195550100"
PATH = f"/v2/10dlc/phone_number_campaigns/{A}"


@pytest.fixture(params=["bare", "wrapped", "own ids"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeTelnyx]:
    fake = FakeTelnyx()
    fake.is_wrapped = request.param == "wrapped"
    fake.has_own_ids = request.param == "own ids"
    yield fake
    fake.stop()


@pytest.fixture
def one() -> Iterator[FakeTelnyx]:
    """One form is enough where the form makes no difference."""
    fake = FakeTelnyx()
    yield fake
    fake.stop()


@pytest.fixture
def carrier(request: pytest.FixtureRequest) -> Iterator[Carrier]:
    fake: FakeTelnyx = request.getfixturevalue("one" if "one" in request.fixturenames else "fake")
    carrier = build_carrier(fake.url, pace=lambda: None)
    yield carrier
    carrier.close()


def _attach(campaign: str = "CABC123", number: str = A) -> OrderRequest:
    return OrderRequest(str(uuid4()), OrderAction.ATTACH, campaign, (number,))


def _detach() -> OrderRequest:
    return OrderRequest(str(uuid4()), OrderAction.DETACH, None, (A,))


def test_attach_move_detach(fake: FakeTelnyx, carrier: Carrier) -> None:
    assert carrier.submit(_attach()).is_open is False
    assert fake.asked() == ["POST /v2/10dlc/phone_number_campaigns"]
    assert carrier.submit(_attach("CXYZ789")).failure is None
    assert fake.asked()[1:] == ["POST /v2/10dlc/phone_number_campaigns", f"PUT {PATH}"]
    assert fake.records[A]["tcrCampaignId"] == "CXYZ789"
    assert dict(carrier.assignments([A, "+19195550199"])) == {A: "CXYZ789", "+19195550199": None}
    assert carrier.submit(_detach()).failure is None
    assert fake.records == {}
    assert carrier.submit(_detach()).failure is None, "What is not there need not be taken away."


def test_what_takes_its_time_is_asked_after(fake: FakeTelnyx, carrier: Carrier) -> None:
    fake.is_slow = True
    attach, detach = _attach(), _detach()
    assert carrier.find(attach) is None
    assert carrier.submit(attach).is_open
    found = carrier.find(attach)
    assert found is not None
    assert found.is_open
    fake.settle()
    assert carrier.find(attach) == carrier.submit(_attach()).__class__()
    assert carrier.find(_attach("CXYZ789")) is None, "The record is of another order."
    assert carrier.find(detach) is None
    fake.is_slow = True
    assert carrier.submit(detach).is_open
    pending = carrier.find(detach)
    assert pending is not None
    assert pending.is_open
    fake.settle()
    gone = carrier.find(detach)
    assert gone is not None
    assert not gone.is_open


@pytest.mark.parametrize(
    ("status", "order"),
    [("FAILED_ASSIGNMENT", _attach()), ("FAILED_UNASSIGNMENT", _detach())],
    ids=["attach", "detach"],
)
@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ("Number is not messaging enabled", "Number is not messaging enabled"),
        ([{"code": "1", "description": "First"}, "second"], "First; second"),
        (None, "Telnyx gave no reason."),
    ],
)
def test_failures_are_explained(
    one: FakeTelnyx, carrier: Carrier, status: str, order: OrderRequest, reasons: object, words: str
) -> None:
    carrier.submit(_attach())
    one.records[A] |= {"assignmentStatus": status, "failureReasons": reasons}
    report = carrier.find(order)
    assert report is not None
    assert report.failure is not None
    assert (report.failure.code, report.failure.message, report.failure.carrier_code) == (
        FailureCode.REJECTED, words, status,
    )  # fmt: skip


def test_a_failed_assignment_is_tried_again_by_put(one: FakeTelnyx, carrier: Carrier) -> None:
    carrier.submit(_attach())
    one.records[A]["assignmentStatus"] = "FAILED_ASSIGNMENT"
    assert dict(carrier.assignments([A])) == {A: None}
    assert carrier.submit(_attach()).failure is None
    assert one.records[A]["assignmentStatus"] == "ASSIGNED"


def test_put_where_it_is_already_may_be_refused(one: FakeTelnyx, carrier: Carrier) -> None:
    carrier.submit(_attach())
    one.next_replies = [None, error(422, "10015", "Already assigned")]
    assert carrier.submit(_attach()).failure is None
    one.next_replies = [None, error(422, "10015", "Not possible")]
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(_attach("CXYZ789"))
    assert raised.value.failure.carrier_code == "10015"


def test_a_number_that_loses_its_campaign_in_between(one: FakeTelnyx, carrier: Carrier) -> None:
    one.next_replies = [error(409, "10012", "Duplicate"), None, None]
    assert carrier.submit(_attach()).failure is None
    assert [call.split()[0] for call in one.asked()] == ["POST", "PUT", "POST"]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "10009", FailureCode.NOT_CONFIGURED),
        (403, "10010", FailureCode.NOT_CONFIGURED),
        (404, "10005", FailureCode.REJECTED),
        (400, "10016", FailureCode.REJECTED),
        (422, "10099", FailureCode.REJECTED),
    ],
)
def test_refusals(one: FakeTelnyx, carrier: Carrier, status: int, code: str, expected: FailureCode) -> None:
    one.next_replies = [error(status, code, "Title", "In detail"), error(404, "10005", "Not found")]
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(_attach())
    assert (raised.value.failure.code, raised.value.failure.carrier_code) == (expected, code)


def test_a_rate_limit_says_when(one: FakeTelnyx, carrier: Carrier) -> None:
    limits = {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}
    one.next_replies = [Reply(429, error(429, "10011", "Too many requests").body, limits)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(_attach())
    assert (raised.value.retry_after, raised.value.was_sent) == (9, False)


def test_the_plus_is_encoded(one: FakeTelnyx, carrier: Carrier) -> None:
    one.next_replies = [Reply(404)]
    carrier.find(_attach())
    assert one.calls[0].path == PATH, "As a server reads it."


def test_an_answer_that_is_lost_is_found_again(fake: FakeTelnyx, carrier: Carrier) -> None:
    order = _attach()
    fake.next_replies = [Reply(0, cut=True)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(order)
    assert raised.value.was_sent
    found = carrier.find(order)
    assert found is not None
    assert found.failure is None


def test_many_are_read_from_the_list(one: FakeTelnyx, carrier: Carrier) -> None:
    numbers = [f"+1919555{index:04d}" for index in range(600)]
    for number in numbers[:500]:
        one._assign(number, "CABC123")
    one.calls.clear()
    assert dict(carrier.assignments(numbers)) == {
        number: "CABC123" if index < 500 else None for index, number in enumerate(numbers)
    }
    assert len(one.calls) == 2


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (None, None),
        ({"10017": "APPROVED", "10035": "APPROVED"}, CarrierStatus.APPROVED),
        ({"10017": "APPROVED", "10035": "REVIEW"}, CarrierStatus.PENDING),
        ({"10017": "APPROVED", "10035": "REJECTED"}, CarrierStatus.REJECTED),
        ({"10017": "SUSPENDED", "10035": "REJECTED"}, CarrierStatus.SUSPENDED),
        ({}, CarrierStatus.PENDING),
    ],
)
def test_a_campaigns_approval(
    one: FakeTelnyx, carrier: Carrier, statuses: dict[str, str] | None, expected: CarrierStatus | None
) -> None:
    if statuses is not None:
        one.campaign_statuses["CABC123"] = statuses
    assert carrier.campaign_status("CABC123") == expected


WRONG = {
    "an HTML page": b"<!doctype html><html>",
    "cut short": b'{"data": {"phoneNumber": "+1919',
    "empty": b"",
    "a list": b"[]",
    "a word": b'"fine"',
    "no status": b'{"phoneNumber": "+19195550100", "campaignId": "CABC123"}',
    "an unknown status": b'{"phoneNumber": "+19195550100", "campaignId": "CABC123", "assignmentStatus": "ODD"}',
    "no campaign": b'{"phoneNumber": "+19195550100", "assignmentStatus": "ASSIGNED"}',
    "another campaign": b'{"phoneNumber": "+19195550100", "campaignId": "CZ", "assignmentStatus": "ASSIGNED"}',
    "deep": b"[" * 100_000,
    "not UTF-8": b'{"phoneNumber": "\xff"}',
    "too large": b'{"data": "' + b"x" * 10_000_000 + b'"}',
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("status", [200, 400])
def test_what_cannot_be_read_may_have_been_carried_out(
    one: FakeTelnyx, carrier: Carrier, status: int, body: bytes
) -> None:
    one.next_replies = [Reply(status, body)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(_attach())
    assert raised.value.was_sent
