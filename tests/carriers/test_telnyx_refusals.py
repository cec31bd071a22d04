"""Telnyx refuses, answers what cannot be read, or is not asked at all: a wrong key, a wrong address."""

import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from carriers.base import (
    CarrierRefused,
    CarrierUnavailable,
    Failure,
    FailureKind,
    OrderReport,
    OrderRequest,
)
from carriers.choose import build_carrier
from carriers.telnyx import TelnyxCarrier
from tests.support.fake_telnyx import ATTACH, DETACH, KEY, NUMBER, OTHER, RECORD, TCR, FakeTelnyx, error, own_id
from tests.support.serving import Fault, Reply, foreign, json_reply

HTML = {"Content-Type": "text/html; charset=utf-8"}
DONE, OPEN = OrderReport(), OrderReport(is_open=True)


@pytest.mark.parametrize(
    ("reply", "code", "carrier_code"),
    [
        (error("10016"), FailureKind.REJECTED, "10016"),
        (error("10005"), FailureKind.REJECTED, "10005"),
        (error("99999"), FailureKind.UNKNOWN_CARRIER_ANSWER, "99999"),
        (error("40310"), FailureKind.UNKNOWN_CARRIER_ANSWER, "40310"),
        (error("10009", status=400), FailureKind.NOT_CONFIGURED, "10009"),
        (error("10010", status=400), FailureKind.NOT_CONFIGURED, "10010"),
        (error("10009"), FailureKind.NOT_CONFIGURED, "10009"),
        (error("10010", status=403), FailureKind.NOT_CONFIGURED, "10010"),
        (error("12345", status=403), FailureKind.NOT_CONFIGURED, "12345"),
        (error("99999", status=402), FailureKind.NOT_CONFIGURED, "99999"),
        *(
            (error(str(code)), FailureKind.NOT_CONFIGURED, str(code))
            for code in (10038, 10039, *range(20012, 20018), 20100)
        ),
        (error("20013", status=404), FailureKind.NOT_CONFIGURED, "20013"),
        (foreign(401, b"<html>", {"WWW-Authenticate": "Bearer"}), FailureKind.NOT_CONFIGURED, "401"),
        (json_reply(422, {"detail": [{"loc": [], "msg": "value is wrong", "type": "x"}]}), FailureKind.REJECTED, "422"),
        (foreign(400, b'{"errors": [{"code": 10016, "title": "No"}]}'), FailureKind.REJECTED, "10016"),
    ],
)
def test_refusals(fake: FakeTelnyx, carrier: TelnyxCarrier, reply: Reply, code: FailureKind, carrier_code: str) -> None:
    fake.campaigns.clear()
    fake.faults = [Fault("POST", reply, times=9)]
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(ATTACH)
    assert (raised.value.failure.kind, raised.value.failure.carrier_code) == (code, carrier_code)
    assert KEY not in raised.value.failure.message


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {"x-ratelimit-reset": "7", "x-ratelimit-remaining": "0"}])
def test_too_fast(fake: FakeTelnyx, carrier: TelnyxCarrier, headers: dict[str, str]) -> None:
    fake.faults = [Fault("POST", replace(error("10011", status=429), headers=headers))]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(ATTACH)
    assert (raised.value.retry_after, raised.value.was_sent) == (7, False)


def test_too_fast_in_words_only(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.faults = [Fault("POST", error("10011", status=400))]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(ATTACH)
    assert (raised.value.carrier_code, raised.value.was_sent) == ("10011", False)


@pytest.mark.parametrize(
    ("code", "was_sent"),
    [("10036", False), ("10035", False), ("10007", True), ("10008", True), ("10037", True)],
)
def test_temporary_codes(fake: FakeTelnyx, carrier: TelnyxCarrier, code: str, was_sent: bool) -> None:
    """What may have been carried out is looked up before it is repeated."""
    fake.faults = [Fault("POST", error(code))]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(ATTACH)
    assert (raised.value.carrier_code, raised.value.was_sent) == (code, was_sent)


def test_a_refusal_keeps_the_words_and_no_secret(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.faults = [Fault("POST", error("10010", status=403, detail=f"{KEY} may\x1b not do\n this."))]
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(ATTACH)
    assert raised.value.failure.message == "Error: *** may not do this."


def test_a_record_without_a_status(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    """The status is optional: without it nothing is known yet, and nothing is wrong."""
    fake.tells_status = False
    assert carrier.submit(ATTACH) == OPEN
    assert carrier.find(ATTACH) == OPEN
    assert list(carrier.assignments([NUMBER])) == []
    assert carrier.find(DETACH) == OPEN
    fake.records.clear()
    assert carrier.find(DETACH) == DONE


def test_a_status_that_is_not_documented(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.faults = [Fault("GET", foreign(200, json.dumps({**RECORD, "assignmentStatus": "ODD\x07"}).encode()), times=3)]
    unknown = OrderReport(failure=Failure(FailureKind.UNKNOWN_CARRIER_ANSWER, "Telnyx gave no reason.", "ODD"))
    assert carrier.find(ATTACH) == carrier.find(DETACH) == unknown
    assert list(carrier.assignments([NUMBER])) == []


UNREADABLE = {
    "html": b"<!DOCTYPE html><html><body>Maintenance</body></html>",
    "nothing": b"",
    "cut": json.dumps(RECORD).encode()[:-9],
    "no object": b"[]",
    "no object in data": b'{"data": []}',
    "another number": json.dumps({**RECORD, "phoneNumber": "+19192491009", "campaignStatus": 1}).encode(),
    "no number": b'{"assignmentStatus": "ASSIGNED", "campaignId": "x", "campaignStatus": 1}',
    "a status of another type": json.dumps({**RECORD, "assignmentStatus": {"a": 1}, "campaignStatus": 1}).encode(),
    "a deep nest": b'{"data":' + b"[" * 1_000_000,
    "10 MB": b'{"x": "' + b"x" * 10_000_000 + b'"}',
    "no UTF-8": b'{"phoneNumber": "\xff"}',
}
CALLS: dict[str, Callable[[TelnyxCarrier], object]] = {
    "attach": lambda carrier: carrier.submit(ATTACH),
    "find": lambda carrier: carrier.find(ATTACH),
    "assignments": lambda carrier: list(carrier.assignments([NUMBER])),
    "list": lambda carrier: list(carrier.assignment_pages()),
    "status": lambda carrier: carrier.campaign_status(TCR),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_answers(
    fake: FakeTelnyx, carrier: TelnyxCarrier, body: bytes, call: Callable[[TelnyxCarrier], object]
) -> None:
    fake.faults = [Fault(None, foreign(200, body), times=99)]
    with pytest.raises(CarrierUnavailable) as raised:
        call(carrier)
    assert raised.value.was_sent
    assert len(str(raised.value)) < 200


def test_an_unreadable_answer_to_a_detach(fake: FakeTelnyx, carrier: TelnyxCarrier) -> None:
    fake.faults = [Fault(None, foreign(200, b"<html>"))]
    with pytest.raises(CarrierUnavailable):
        carrier.submit(DETACH)


@pytest.mark.parametrize("order", [ATTACH, DETACH], ids=["attach", "detach"])
@pytest.mark.parametrize("step", ["submit", "find"])
@pytest.mark.parametrize(
    "reply",
    [
        *(foreign(status, b"<html>no such page</html>", HTML) for status in (200, 400, 401, 402, 403, 404, 409, 422)),
        foreign(404, b"{}"), foreign(404, b'{"errors": []}'), foreign(403), foreign(302, b"", {"Location": "/x"}),
        foreign(500), foreign(408), replace(error("10005"), headers=HTML, is_foreign=True),
    ],
)  # fmt: skip
def test_the_page_of_another_server_says_nothing_of_the_number(
    fake: FakeTelnyx, carrier: TelnyxCarrier, order: OrderRequest, step: str, reply: Reply
) -> None:
    """Least of all that it has no campaign, which would end a detach."""
    fake.faults = [Fault(None, reply, times=99)]
    with pytest.raises(CarrierUnavailable):
        getattr(carrier, step)(order)
    with pytest.raises(CarrierUnavailable):
        carrier.campaign_status(TCR)
    with pytest.raises(CarrierUnavailable):
        list(carrier.assignments([NUMBER]))


def test_a_wrong_key(fake: FakeTelnyx) -> None:
    carrier = build_carrier(fake.url.replace(KEY, "KEYwrong"), pace=lambda: None)
    assert "KEYwrong" not in repr(carrier)
    for call in (carrier.submit, carrier.find):
        with pytest.raises(CarrierRefused) as raised:
            call(ATTACH)
        assert raised.value.failure.kind == FailureKind.NOT_CONFIGURED
        assert "KEYwrong" not in str(raised.value)
    carrier.close()


def test_the_pace_is_asked_before_each_call(fake: FakeTelnyx) -> None:
    paced: list[int] = []
    carrier = TelnyxCarrier.from_url(urlsplit(fake.url), pace=lambda: paced.append(1))
    fake.put(NUMBER, own_id(fake, OTHER))
    carrier.submit(ATTACH)
    assert len(paced) == len(fake.calls) == 3
    carrier.close()


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("telnyx://:KEY1@", "https://api.telnyx.com/v2/10dlc"),
        ("telnyx://:KEY1@/", "https://api.telnyx.com/v2/10dlc"),
        ("telnyx://:KEY1@example.com:8443", "https://example.com:8443/v2/10dlc"),
        ("telnyx://:KEY1@[::1]:80?scheme=http", "http://[::1]:80/v2/10dlc"),
    ],
)
def test_addresses(url: str, base: str) -> None:
    assert TelnyxCarrier.from_url(urlsplit(url), pace=lambda: None)._base == base


@pytest.mark.parametrize(
    "url",
    [
        "telnyx://", "telnyx://api.telnyx.com", "telnyx://SECRET@host", "telnyx://:SECRET%0Ax@host",
        "telnyx://:SECR%20ET@host", "telnyx://:SECRÉT@host", "telnyx://:SECRET@host/v2", "telnyx://:SECRET@host:SECRET",
        "telnyx://:SECRET@host?scheme=ftp", "telnyx://:SECRET@host?colour=red", "telnyx://x:SECRET@host",
        "telnyx://:SECRET/x@host",
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_understood(url: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as raised:
        TelnyxCarrier.from_url(urlsplit(url), pace=lambda: None)
    assert "SECR" not in str(raised.value)
