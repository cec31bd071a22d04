"""The check against the carriers' documents can fail: a fake that breaks them fails its test when it stops."""

import json
from collections.abc import Callable
from contextlib import suppress

import httpx2
import pytest

from carriers.base import CarrierUnavailable, OrderAction, OrderRequest
from carriers.choose import build_carrier
from tests.support.documents import SCHEMAS, Documents
from tests.support.fake_bandwidth import USER, XML, FakeBandwidth
from tests.support.fake_telnyx import KEY, FakeTelnyx
from tests.support.serving import FakeCarrier, Reply, foreign, json_reply

NUMBER = "+19195550100"
ATTACH = OrderRequest("one", OrderAction.ATTACH, "CAAAAA1", (NUMBER,))
ORDER = (
    "<TnOptionOrder><CustomerOrderId>one</CustomerOrderId><TnOptionGroups><TnOptionGroup>{}</TnOptionGroup>"
    "</TnOptionGroups></TnOptionOrder>"
)
NUMBERS = "<TelephoneNumbers><TelephoneNumber>9195550100</TelephoneNumber></TelephoneNumbers>"
FINISHED = "<TnOptionOrder><OrderId>1</OrderId><ProcessingStatus>{}</ProcessingStatus>{}</TnOptionOrder>"


def _telnyx(answer: dict[str, object]) -> FakeCarrier:
    fake = FakeTelnyx()
    fake.next_replies = [json_reply(200, answer)]
    fake.put(NUMBER, fake.add_campaign("CAAAAA1"))
    return fake


def _bandwidth(order: str) -> FakeCarrier:
    fake = FakeBandwidth("1")
    body = f"<TnOptionOrderResponse>{order}</TnOptionOrderResponse>".encode()
    fake.next_replies = [Reply(201, body, XML)]
    return fake


RECORD = {"phoneNumber": NUMBER, "campaignId": "CAAAAA1", "createdAt": "x", "updatedAt": "x"}
BROKEN: dict[str, tuple[Callable[[], FakeCarrier], str]] = {
    "a required field is missing": (lambda: _telnyx({**RECORD, "createdAt": None}), "None is not of type 'string'"),
    "a field is invented": (lambda: _telnyx({**RECORD, "state": "ok"}), "'state' was unexpected"),
    "a status is invented": (lambda: _telnyx({**RECORD, "assignmentStatus": "DONE"}), "'DONE' is not one of"),
    "an element is missing": (lambda: _bandwidth("<TnOptionOrder/>"), "TnOptionOrder/OrderId: missing"),
    "an element is invented": (lambda: _bandwidth(FINISHED.format("COMPLETE", "<State/>")), "State: not documented"),
    "an element's text is invented": (lambda: _bandwidth(FINISHED.format("DONE", "")), "'DONE' does not match"),
    "an element comes twice": (lambda: _bandwidth(FINISHED.format("FAILED", "<ErrorList/><ErrorList/>")), "2 times"),
}


@pytest.mark.parametrize(("build", "words"), BROKEN.values(), ids=BROKEN)
def test_a_fake_that_answers_what_the_documents_do_not_have(build: Callable[[], FakeCarrier], words: str) -> None:
    fake = build()
    carrier = build_carrier(fake.url, pace=lambda: None)
    # The adapter may well find it unreadable too.
    with suppress(CarrierUnavailable):
        carrier.submit(ATTACH)
    carrier.close()
    with pytest.raises(AssertionError, match=words):
        fake.stop()


def test_the_same_answer_as_another_servers_is_not_checked() -> None:
    """The control: nothing but the mark is different."""
    fake = FakeTelnyx()
    fake.next_replies = [foreign(200, json.dumps({**RECORD, "state": "ok"}).encode())]
    carrier = build_carrier(fake.url, pace=lambda: None)
    carrier.submit(ATTACH)
    carrier.close()
    fake.stop()


REQUESTS: dict[str, tuple[str, str, dict[str, str], object, str]] = {
    "a key is missing": ("POST", "phone_number_campaigns", {}, {"phoneNumber": NUMBER}, "'campaignId' is a required"),
    "a number is not E.164": (
        "POST", "phone_number_campaigns", {}, {"phoneNumber": "9195550100", "campaignId": "x"}, "does not match",
    ),
    "a plus is not encoded": ("GET", f"phone_number_campaigns/{NUMBER}", {}, None, "not documented"),
    "a parameter is invented": ("GET", "phone_number_campaigns", {"per_page": "500"}, None, "per_page=500"),
    "a page is too large": ("GET", "campaign", {"brandId": "x", "recordsPerPage": "5000"}, None, "recordsPerPage=5000"),
    "a body where none belongs": ("GET", "brand", {}, {"a": 1}, "takes no body"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "query", "body", "words"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_to_telnyx_that_the_documents_do_not_have(
    method: str, path: str, query: dict[str, str], body: object, words: str
) -> None:
    fake = FakeTelnyx()
    content = None if body is None else json.dumps(body).encode()
    fake.next_replies = [foreign(200)]
    url = f"http://127.0.0.1:{fake.port}/v2/10dlc/{path}"
    httpx2.request(method, url, params=query, content=content, headers={"Authorization": f"Bearer {KEY}"})
    with pytest.raises(AssertionError, match=words):
        fake.stop()


ORDERS = {
    "a detach that switches SMS on": (
        f"<Sms>on</Sms><A2pSettings><Action>delete</Action></A2pSettings>{NUMBERS}", "delete with Sms on",
    ),
    "an attach without SMS": (
        f"<A2pSettings><CampaignId>CAAAAA1</CampaignId><Action>asSpecified</Action></A2pSettings>{NUMBERS}",
        "asSpecified with Sms None",
    ),
    "a delete of a toll-free number": (
        f"<A2pSettings><Action>delete</Action></A2pSettings>{NUMBERS.replace('919', '888')}", "delete does not exist",
    ),
    "an action that is not there": (
        f"<Sms>on</Sms><A2pSettings><CampaignId>CAAAAA1</CampaignId><Action>attach</Action></A2pSettings>{NUMBERS}",
        "'attach' does not match",
    ),
    "no numbers": ("<A2pSettings><Action>delete</Action></A2pSettings>", "TelephoneNumbers: missing"),
    "numbers of the other version": (
        f"<A2pSettings><Action>delete</Action></A2pSettings>{NUMBERS.replace('919', '+1919')}", "not the form",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("group", "words"), ORDERS.values(), ids=ORDERS)
def test_an_order_at_bandwidth_that_the_documents_do_not_have(group: str, words: str) -> None:
    fake = FakeBandwidth("1")
    url = f"http://127.0.0.1:{fake.port}/api/accounts/5500012/tnoptions"
    httpx2.request("POST", url, content=ORDER.format(group).encode(), auth=(USER, "s3cr:t/€"))
    with pytest.raises(AssertionError, match=words):
        fake.stop()


@pytest.mark.parametrize("name", ["telnyx", "bandwidth"])
def test_each_file_has_its_sources_and_names_only_what_it_describes(name: str) -> None:
    content = json.loads((SCHEMAS / f"{name}.json").read_text())
    assert content["sources"]
    described = {"form", *content["schemas"], *content.get("elements", {})}
    for operation in content["operations"]:
        assert set(operation["answers"].values()) - {None} <= described
        assert operation.get("request", "form") in described
    assert not list(Documents(name).check_answer("GET", "/nothing", 200, "", b""))
