"""Bandwidth's list of 10DLC numbers: its pages, and what it says after an order."""

from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import uuid4

import pytest

from carriers.bandwidth import tendlc
from carriers.base import (
    AssignmentState,
    Carrier,
    CarrierRefused,
    CarrierUnavailable,
    ListUnavailable,
    OrderAction,
    OrderRequest,
)
from carriers.choose import build_carrier
from tests.support.fake_bandwidth import OddBandwidth
from tests.support.serving import Reply, foreign

TCR = "CABC123"
NUMBERS = [f"+1919555{i:04d}" for i in range(600)]


@pytest.fixture
def fake() -> Iterator[OddBandwidth]:
    fake = OddBandwidth()
    yield fake
    fake.stop()


@pytest.fixture
def carrier(fake: OddBandwidth) -> Iterator[Carrier]:
    carrier = build_carrier(fake.url, pace=lambda: None)
    yield carrier
    carrier.close()


def _order(*numbers: str) -> OrderRequest:
    return OrderRequest(str(uuid4()), OrderAction.ATTACH, TCR, numbers)


def test_pages_of_250_continue_where_one_ended(carrier: Carrier, fake: OddBandwidth) -> None:
    fake.campaigns = dict.fromkeys(NUMBERS, TCR)
    pages = list(carrier.assignment_pages())
    assert [page.next_position for page in pages] == [250, 500, None]
    assert [one.number for page in pages for one in page.assignments] == NUMBERS
    [last] = carrier.assignment_pages(500)
    assert last == pages[2]
    assert [call.query["offset"] for call in fake.calls if "limit" in call.query] == ["0", "250", "500", "500"]


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"campaignId": TCR, "status": "SUCCESS"}, AssignmentState.ASSIGNED),
        ({"campaignId": TCR, "status": "PROCESSING"}, AssignmentState.PENDING),
        ({"campaignId": TCR, "status": "FAILURE"}, AssignmentState.FAILED),
        ({"campaignId": TCR, "status": "CONFIRMED"}, AssignmentState.UNKNOWN),
        ({"campaignId": TCR, "status": 7}, AssignmentState.UNKNOWN),
        ({"campaignId": TCR}, AssignmentState.UNKNOWN),
        ({"campaignId": None, "status": "SUCCESS"}, AssignmentState.UNKNOWN),
        ({"status": "SUCCESS"}, AssignmentState.UNKNOWN),
    ],
)
def test_what_a_record_says(
    carrier: Carrier, fake: OddBandwidth, record: dict[str, object], state: AssignmentState
) -> None:
    fake.campaigns = {NUMBERS[0]: TCR}
    fake.records = {NUMBERS[0]: {"phoneNumber": NUMBERS[0], **record}}
    [page] = carrier.assignment_pages()
    assert [one.state for one in page.assignments] == [state]


@pytest.mark.parametrize("record", [None, 7, [], {}, {"phoneNumber": 7}, "9195550001"])
def test_one_record_that_cannot_be_read_costs_one_number(carrier: Carrier, fake: OddBandwidth, record: object) -> None:
    fake.campaigns = dict.fromkeys(NUMBERS[:3], TCR)
    fake.records = {NUMBERS[1]: record}
    [page] = carrier.assignment_pages()
    assert ([one.number for one in page.assignments], page.unreadable) == ([NUMBERS[0], NUMBERS[2]], 1)


@pytest.mark.parametrize(
    "reply",
    [
        foreign(200, b'{"data": []}'),
        foreign(200, b'{"data": {}, "page": {"totalElements": 0}}'),
        foreign(200, b"[]"),
        foreign(200, b"{"),
        foreign(200, b"<html>We'll be right back</html>"),
        foreign(403, b"<html>Forbidden</html>", {"Content-Type": "text/html"}),
        foreign(404, b"<html>Not here</html>"),
        foreign(500, b"{}"),
    ],
)
def test_what_is_not_a_page_is_an_outage(carrier: Carrier, fake: OddBandwidth, reply: Reply) -> None:
    fake.next_replies = [None, reply]
    with pytest.raises(CarrierUnavailable):
        list(carrier.assignment_pages())


def test_a_denied_list_is_logged_once_and_asked_for_again_after_an_hour(
    carrier: Carrier, fake: OddBandwidth, monkeypatch: pytest.MonkeyPatch, log_lines: list[MutableMapping[str, Any]]
) -> None:
    fake.may_list = False
    fake.campaigns = {NUMBERS[0]: TCR}
    for _ in range(3):
        with pytest.raises(ListUnavailable):
            list(carrier.assignment_pages())
        assert dict(carrier.assignments(NUMBERS[:1])) == {NUMBERS[0]: TCR}
        assert carrier.submit(_order(NUMBERS[1])).unfinished == frozenset()
    assert [(line["event"], line["status"]) for line in log_lines] == [("bandwidth.list_denied", 403)]
    assert sum("tendlc" in asked for asked in fake.asked()) == 1
    fake.may_list = True
    monkeypatch.setattr(tendlc, "_DENIED_SECONDS", 0.0)
    assert len(list(carrier.assignment_pages())) == 1


def test_a_completed_order_has_succeeded_only_where_the_list_says_success(carrier: Carrier, fake: OddBandwidth) -> None:
    done, going, failed, unlisted = NUMBERS[:4]
    order = _order(done, going, failed)
    fake.registrations = {going: "PROCESSING", failed: "FAILURE"}
    report = carrier.submit(order)
    assert (report.is_open, report.unfinished, list(report.failures)) == (False, frozenset({going}), [failed])
    fake.registrations = {}
    found = carrier.find(order)
    assert found is not None
    assert (found.unfinished, found.failures) == (frozenset(), {})
    fake.ends_with = "RECEIVED"
    late = _order(unlisted)
    carrier.submit(late)
    fake.orders["o-2"].status = "COMPLETE"
    found = carrier.find(late)
    assert found is not None
    assert found.unfinished == {unlisted}, "Not in the list yet."


def test_an_outage_of_the_list_leaves_the_order_known(carrier: Carrier, fake: OddBandwidth) -> None:
    fake.next_replies = [None, None, Reply(500)]
    report = carrier.submit(_order(*NUMBERS[:2]))
    assert (report.carrier_order_id, report.unfinished, report.failures) == ("o-1", frozenset(NUMBERS[:2]), {})


def test_a_large_campaigns_pages_are_read_until_time_is_up(carrier: Carrier, fake: OddBandwidth) -> None:
    fake.campaigns = dict.fromkeys(NUMBERS, TCR)
    unfinished = frozenset(NUMBERS)
    order = _order(*NUMBERS)
    fake.next_replies = [None, None, None, None, Reply(503)]
    report = carrier.submit(order)
    assert len(report.unfinished) in (100, 250), "Two of three pages were read."
    found = carrier.find(order)
    assert found is not None
    assert found.unfinished == frozenset() < unfinished


def test_wrong_credentials_are_not_a_missing_role(carrier: Carrier, fake: OddBandwidth) -> None:
    fake.next_replies = [None, *[foreign(401, headers={"WWW-Authenticate": "Bearer"}), None] * 2]
    with pytest.raises(CarrierRefused):
        list(carrier.assignment_pages())
