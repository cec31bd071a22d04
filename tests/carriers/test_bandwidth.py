"""The Bandwidth adapter against a server that speaks its format, both versions."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from carriers.base import (
    CampaignDecision,
    Carrier,
    CarrierRefused,
    CarrierUnavailable,
    Deadline,
    FailureKind,
    OrderAction,
    OrderRequest,
)
from carriers.choose import build_carrier
from tests.support.fake_bandwidth import XML, FakeBandwidth, error, refusal
from tests.support.propagation import decision
from tests.support.serving import Reply, foreign
from tests.support.waiting import DEADLINE

REFUSED = refusal(403, "12055", "Feature off")
A, B, C = "+19195550100", "+19195550101", "+19195550102"


@pytest.fixture(params=["1", "2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeBandwidth]:
    fake = FakeBandwidth(request.param)
    yield fake
    fake.stop()


@pytest.fixture
def carrier(fake: FakeBandwidth) -> Iterator[Carrier]:
    carrier = build_carrier(fake.url, pace=lambda: None)
    yield carrier
    carrier.close()


def _order(*numbers: str, action: OrderAction = OrderAction.ATTACH, **known: str) -> OrderRequest:
    campaign = "CABC123" if action is OrderAction.ATTACH else None
    return OrderRequest(str(uuid4()), action, campaign, numbers or (A, B), **known)


def _spelled(fake: FakeBandwidth, number: str) -> str:
    return number[2:] if fake.version == "1" else number


def test_attach_then_detach(carrier: Carrier, fake: FakeBandwidth) -> None:
    report = carrier.submit(_order(A, B))
    assert (report.is_open, report.failures, report.failure, report.carrier_order_id) == (False, {}, None, "o-1")
    assert fake.campaigns == {_spelled(fake, A): "CABC123", _spelled(fake, B): "CABC123"}
    # In version 1 only the details of a number tell, and a field that they lack says nothing.
    assert dict(carrier.assignments([A, C])) == {A: "CABC123"} | ({C: None} if fake.version == "2" else {})
    carrier.submit(_order(A, action=OrderAction.DETACH))
    assert fake.campaigns == {_spelled(fake, B): "CABC123"}


@pytest.mark.parametrize("details", [False, True], ids=["summary", "details"])
def test_an_open_order_is_found_by_either_id(carrier: Carrier, fake: FakeBandwidth, details: bool) -> None:
    fake.shows_details = details
    fake.ends_with = "RECEIVED"
    order = _order(A)
    assert carrier.find(order) is None
    assert carrier.submit(order).is_open
    found = carrier.find(order)
    assert found is not None
    assert (found.is_open, found.carrier_order_id) == (True, "o-1")
    fake.orders["o-1"].status = "PROCESSING"
    assert carrier.find(order) == found
    fake.end(fake.orders["o-1"], "COMPLETE")
    by_theirs = OrderRequest(order.order_id, order.action, order.tcr_campaign_id, order.numbers, "o-1")
    for asked in (order, by_theirs):
        ended = carrier.find(asked)
        assert ended is not None
        assert (ended.is_open, ended.failure_of(A)) == (False, None)
    assert carrier.find(_order(A)) is None, "Another order's."


@pytest.mark.parametrize("plural", [False, True])
@pytest.mark.parametrize("e164", [False, True])
def test_partial(carrier: Carrier, fake: FakeBandwidth, plural: bool, e164: bool) -> None:
    fake.ends_with = "PARTIAL"
    spelled = [number if e164 else number[2:] for number in (B, C)]
    fake.errors = [error("5076", "Not on  this\naccount", *spelled, plural=plural)] if plural else [
        error("5076", "Not on  this\naccount", number) for number in spelled
    ]  # fmt: skip
    report = carrier.submit(_order(A, B, C))
    assert report.failure_of(A) is None
    for number in (B, C):
        failure = report.failure_of(number)
        assert failure is not None
        assert (failure.kind, failure.carrier_code, failure.message) == (
            FailureKind.REJECTED, "5076", "Not on this account",
        )  # fmt: skip


def test_partial_that_does_not_say_who_is_asked_for_again(carrier: Carrier, fake: FakeBandwidth) -> None:
    fake.ends_with = "PARTIAL"
    fake.errors = [error("5076", "Somebody"), error("12189", "Unknown", B[2:])]
    report = carrier.submit(_order(A, B))
    named, doubtful = report.failure_of(B), report.failure_of(A)
    assert named is not None
    assert doubtful is not None
    assert (named.kind, doubtful.kind) == (FailureKind.REJECTED, FailureKind.CARRIER_UNAVAILABLE)


def test_failed(carrier: Carrier, fake: FakeBandwidth) -> None:
    fake.ends_with = "FAILED"
    fake.errors = [error("12220", "Rejected by the DCA"), error("5217", "Locked", A[2:])]
    report = carrier.submit(_order(A, B))
    assert {number: report.failures[number].carrier_code for number in (A, B)} == {A: "5217", B: "12220"}
    fake.errors = []
    failure = carrier.submit(_order(A)).failure_of(A)
    assert failure is not None
    assert (failure.kind, failure.message) == (FailureKind.REJECTED, "Bandwidth gave no reason.")


CLASSES = {
    FailureKind.CARRIER_UNAVAILABLE: [12184],
    FailureKind.CAMPAIGN_NOT_READY: [12192],
    FailureKind.NOT_CONFIGURED: [5132, 5133, 5134, 5138, 5139, 5145, 5217, 5225, 5226, 12055],
    FailureKind.REJECTED: [1022, 5072, 5074, 5076, 5093, 5095, 5182, 12128, 12185, 12189, 12220, 12822, 13639],
    FailureKind.UNKNOWN_CARRIER_ANSWER: [99999],
}


@pytest.mark.parametrize(("code", "expected"), [(code, name) for name, codes in CLASSES.items() for code in codes])
def test_the_class_of_each_code(code: int, expected: FailureKind) -> None:
    fake = FakeBandwidth("1")
    carrier = build_carrier(fake.url, pace=lambda: None)
    fake.ends_with, fake.errors = "PARTIAL", [error(str(code), "words", A[2:])]
    failure = carrier.submit(_order(A, B)).failure_of(A)
    assert failure is not None
    assert (failure.kind, failure.carrier_code) == (expected, str(code))
    carrier.close()
    fake.stop()


@pytest.mark.parametrize("status", [400, 409])
def test_a_refused_order(carrier: Carrier, fake: FakeBandwidth, status: int) -> None:
    fake.next_replies = [None] * (fake.version == "2") + [refusal(status, "12822", "Malformed campaign")]
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(_order())
    assert (raised.value.failure.kind, raised.value.failure.carrier_code) == (FailureKind.REJECTED, "12822")
    fake.next_replies = [refusal(status, "12184", "The registry is away")]
    with pytest.raises(CarrierUnavailable) as passing:
        carrier.submit(_order())
    assert (passing.value.carrier_code, passing.value.was_sent) == ("12184", False)


def test_a_conflict_over_our_own_order_is_no_failure(carrier: Carrier, fake: FakeBandwidth) -> None:
    order = _order()
    carrier.submit(order)
    fake.next_replies = [refusal(409, "409", "CustomerOrderId exists")]
    assert carrier.submit(order).carrier_order_id == "o-1"


@pytest.mark.parametrize(
    "reply", [Reply(429), Reply(503), Reply(0, cut=True), foreign(403), replace(REFUSED, is_foreign=True)]
)
def test_a_conflict_that_cannot_be_looked_up_leaves_open_whether_the_order_exists(
    carrier: Carrier, fake: FakeBandwidth, reply: Reply
) -> None:
    order = _order()
    carrier.submit(order)
    fake.next_replies = [refusal(409, "409", "CustomerOrderId exists"), reply]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.until(Deadline.after(DEADLINE)).submit(order)
    assert raised.value.order_may_exist


def test_a_token_places_no_order(fake: FakeBandwidth) -> None:
    if fake.version == "1":
        return
    carrier = build_carrier(fake.url, pace=lambda: None)
    fake.next_replies = [None, Reply(429)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.until(Deadline.after(DEADLINE)).submit(_order())
    carrier.close()
    assert not raised.value.order_may_exist


def test_an_answer_that_is_lost_is_found_again(carrier: Carrier, fake: FakeBandwidth) -> None:
    order = _order()
    fake.next_replies = [None] * (fake.version == "2") + [Reply(0, cut=True)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(order)
    assert raised.value.was_sent
    found = carrier.find(order)
    assert found is not None
    assert found.carrier_order_id == "o-1"


def test_numbers_of_other_countries_are_refused_here(carrier: Carrier, fake: FakeBandwidth) -> None:
    order = _order("+4915112345678", A)
    for report in (carrier.submit(order), carrier.find(order)):
        assert report is not None
        assert report.failure_of(A) is None
        assert report.failures["+4915112345678"].kind == FailureKind.REJECTED
    calls = len(fake.calls)
    assert "+4915112345678" in carrier.submit(_order("+4915112345678")).failures
    assert len(fake.calls) == calls


def test_wrong_credentials(fake: FakeBandwidth) -> None:
    carrier = build_carrier(fake.url.replace("s3cr", "wrong"), pace=lambda: None)
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(_order())
    assert raised.value.failure.kind == FailureKind.NOT_CONFIGURED
    assert "wrong" not in str(raised.value)
    carrier.close()


def test_the_token_is_kept_and_renewed() -> None:
    fake = FakeBandwidth("2")
    carrier = build_carrier(fake.url, pace=lambda: None)
    for _ in range(3):
        carrier.submit(_order())
    assert fake.token == 1
    fake.token += 1  # Withdrawn before its time.
    carrier.submit(_order())
    assert fake.token == 3
    assert len(fake.orders) == 4
    carrier.close()
    fake.stop()


BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<TnOptionOrderResponse>&b;</TnOptionOrderResponse>"""
WRONG = {
    "an HTML page": b"<!doctype html><html><body>We'll be right back<br></body></html>",
    "well-formed HTML": b"<html><body>We'll be right back</body></html>",
    "cut short": b"<?xml version='1.0'?><TnOptionOrderResponse><TnOptionOrder><OrderId>1</Ord",
    "a bomb": BOMB,
    "empty": b"",
    "JSON": b'{"order": 1}',
    "no order": b"<TnOptionOrderResponse/>",
    "no status": b"<TnOptionOrderResponse><TnOptionOrder><OrderId>1</OrderId></TnOptionOrder></TnOptionOrderResponse>",
    "a strange encoding": b"<?xml version='1.0' encoding='klingon'?><TnOptionOrderResponse/>",
    "not UTF-8": b"<TnOptionOrderResponse>\xff\xfe</TnOptionOrderResponse>",
    "too large": b"<TnOptionOrderResponse>" + b" " * 10_000_000 + b"</TnOptionOrderResponse>",
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 409, 422])
def test_what_cannot_be_read_may_have_been_carried_out(status: int, body: bytes) -> None:
    fake = FakeBandwidth("1")
    carrier = build_carrier(fake.url, pace=lambda: None)
    fake.next_replies = [foreign(status, body, XML)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(_order())
    assert raised.value.was_sent
    fake.next_replies = [foreign(200 if status < 300 else status, body, XML)]
    for ask in (lambda: carrier.find(_order()), lambda: carrier.campaign_status("CABC123")):
        with pytest.raises(CarrierUnavailable):
            ask()
        fake.next_replies = [foreign(status, body, XML)]
    with pytest.raises(CarrierUnavailable):
        list(carrier.assignments([A]))
    carrier.close()
    fake.stop()


def test_a_document_that_is_declared_as_html_is_another_servers(carrier: Carrier, fake: FakeBandwidth) -> None:
    refused = refusal(403, "12055", "Feature off")
    fake.next_replies = [None] * (fake.version == "2") + [foreign(403, refused.body, {"Content-Type": "text/html"})]
    with pytest.raises(CarrierUnavailable):
        carrier.submit(_order())
    fake.next_replies = [refused]
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(_order())
    failure = raised.value.failure
    assert (failure.kind, failure.carrier_code, failure.message) == (FailureKind.NOT_CONFIGURED, "12055", "Feature off")


def test_an_order_in_a_state_that_is_not_documented(carrier: Carrier, fake: FakeBandwidth) -> None:
    body = b"<OrderId>1</OrderId><ProcessingStatus>ODD</ProcessingStatus>"
    body = b"<TnOptionOrderResponse><TnOptionOrder>" + body + b"</TnOptionOrder></TnOptionOrderResponse>"
    fake.next_replies = [None] * (fake.version == "2") + [foreign(201, body, XML)]
    report = carrier.submit(_order(A, "+4915112345678"))
    failure = report.failure_of(A)
    assert failure is not None
    assert (failure.kind, failure.carrier_code) == (FailureKind.UNKNOWN_CARRIER_ANSWER, "ODD")
    assert report.failures["+4915112345678"].kind == FailureKind.REJECTED


def test_a_detach_switches_no_sms_on(carrier: Carrier, fake: FakeBandwidth) -> None:
    for action in OrderAction:
        carrier.submit(_order(A, action=action))
    bodies = [call.content for call in fake.calls if call.path.endswith("/tnoptions")]
    assert [b"<Sms>" in body for body in bodies] == [True, False]


def test_a_campaigns_status(carrier: Carrier, fake: FakeBandwidth) -> None:
    fake.registered = {"CABC123": "ACTIVE", "CABC124": "PENDING", "CABC125": "EXPIRED", "CABC126": "ODD"}
    decisions = [
        decision(carrier.campaign_status(campaign)) for campaign in ("CABC123", "CABC124", "CABC125", "CABC127")
    ]
    assert decisions == [CampaignDecision.APPROVED, CampaignDecision.PENDING, CampaignDecision.SUSPENDED, None]
    with pytest.raises(CarrierRefused) as raised:
        carrier.campaign_status("CABC126")
    assert raised.value.failure.kind == FailureKind.UNKNOWN_CARRIER_ANSWER


TOKENS = [
    b"",
    b"<html>",
    b"[]",
    b'{"access_token": 1, "expires_in": 1}',
    b'{"access_token": "x"}',
    b'{"access_token": "a\\nb", "expires_in": 1}',
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_that_cannot_be_read(token: bytes) -> None:
    fake = FakeBandwidth("2")
    carrier = build_carrier(fake.url, pace=lambda: None)
    fake.next_replies = [foreign(200, token)]
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(_order())
    assert not raised.value.was_sent
    assert fake.orders == {}
    carrier.close()
    fake.stop()


def test_namespaces_are_no_obstacle() -> None:
    fake = FakeBandwidth("1")
    carrier = build_carrier(fake.url, pace=lambda: None)
    body = (
        b'<TnOptionOrderResponse xmlns="http://bandwidth.com/api"><TnOptionOrder><OrderId>7</OrderId>'
        b"<ProcessingStatus>COMPLETE</ProcessingStatus></TnOptionOrder></TnOptionOrderResponse>"
    )
    fake.next_replies = [foreign(201, body, XML)]
    assert carrier.submit(_order()).carrier_order_id == "7"
    carrier.close()
    fake.stop()


def test_what_the_carrier_says_is_made_fit_to_show() -> None:
    fake = FakeBandwidth("1")
    carrier = build_carrier(fake.url, pace=lambda: None)
    fake.ends_with, fake.errors = "FAILED", [error("5" * 100, "a\u200b\tb " + "c" * 5000)]
    failure = carrier.submit(_order()).failure_of(A)
    assert failure is not None
    assert failure.message.startswith("a b ccc")
    assert (len(failure.message), len(failure.carrier_code or "")) == (500, 40)
    carrier.close()
    fake.stop()
