"""Where the Bandwidth adapter asks, and with which credentials and tokens."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from urllib.parse import urlsplit

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from carriers.bandwidth.account import Address, Token
from carriers.base import (
    CarrierRefused,
    CarrierUnavailable,
    OrderAction,
    OrderRequest,
)
from carriers.http import HttpCaller
from tests.support.bandwidth_answers import (
    ORDERS,
    OURS,
    XML,
    A,
    carrier_of_version,
    details_xml,
    documented,
    holder_xml,
    listing_xml,
    order_request,
    order_xml,
    report_xml,
)
from tests.support.waiting import DEADLINE

API = "https://api.bandwidth.com"
CHALLENGE = {"WWW-Authenticate": "Bearer"}


@pytest.fixture(autouse=True)
def _documented(httpserver: HTTPServer) -> Iterator[None]:
    with documented(httpserver):
        yield


def test_what_is_asked_of_each_api(httpserver: HTTPServer) -> None:
    asked: dict[str, bytes] = {}

    def take(request: Request) -> Response:
        asked[f"{request.path} {request.headers['Authorization'].split()[0]}"] = request.data
        return Response(f"<TnOptionOrderResponse>{order_xml('RECEIVED', ours=None)}</TnOptionOrderResponse>", 201)

    httpserver.expect_request("/api/v1/oauth2/token").respond_with_json({"access_token": "t", "expires_in": 3600})
    httpserver.expect_request("/api/v2/tns/+19195550100/tndetails").respond_with_data(
        details_xml(A, holder_xml("14", "CABC123")), content_type=XML
    )
    httpserver.expect_request("/api/v2/accounts/14/tendlc/phoneNumbers/+19195550100").respond_with_json({}, 403)
    httpserver.expect_request(ORDERS).respond_with_handler(take)
    httpserver.expect_request("/api/v2/accounts/14/tnoptions").respond_with_handler(take)
    for version in ("1", "2"):
        carrier = carrier_of_version(httpserver, version)
        assert carrier.submit(order_request(A)).is_open
        if version == "2":
            carrier.submit(OrderRequest(OURS, OrderAction.DETACH, None, (A,)))
            assert list(carrier.assignments([A])) == [(A, "CABC123")]
        carrier.close()
    form = (
        "<?xml version='1.0' encoding='utf-8'?>\n<TnOptionOrder><CustomerOrderId>{}</CustomerOrderId><TnOptionGroups>"
        "<TnOptionGroup>{}<A2pSettings>{}</A2pSettings><TelephoneNumbers><TelephoneNumber>{}"
        "</TelephoneNumber></TelephoneNumbers></TnOptionGroup></TnOptionGroups></TnOptionOrder>"
    )
    attach = "<CampaignId>CABC123</CampaignId><Action>asSpecified</Action>"
    assert {place: body.decode() for place, body in asked.items()} == {
        f"{ORDERS} Basic": form.format(OURS, "<Sms>on</Sms>", attach, A[2:]),
        "/api/v2/accounts/14/tnoptions Bearer": form.format(OURS, "", "<Action>delete</Action>", A),
    }


@pytest.mark.parametrize("expires_in", ["NaN", "Infinity", "1" + "0" * 400, "[" * 100_000])
def test_an_invalid_token_expiry(httpserver: HTTPServer, expires_in: str) -> None:
    body = f'{{"access_token": "t", "expires_in": {expires_in}}}'
    httpserver.expect_request("/api/v1/oauth2/token").respond_with_data(body)
    carrier = carrier_of_version(httpserver, "2")
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(order_request())
    assert not raised.value.was_sent
    carrier.close()


def test_many_threads_share_one_token_and_a_second_refusal_ends_it(httpserver: HTTPServer) -> None:
    tokens = iter(range(10))
    httpserver.expect_request("/api/v1/oauth2/token").respond_with_handler(
        lambda _request: Response(json.dumps({"access_token": f"t{next(tokens)}", "expires_in": 3600}))
    )
    refused = httpserver.expect_request("/api/v2/accounts/14/tnoptions", headers={"Authorization": "Bearer t0"})
    refused.respond_with_data("", 401, CHALLENGE)
    httpserver.expect_request(
        "/api/v2/accounts/14/tnoptions", headers={"Authorization": "Bearer t1"}
    ).respond_with_data(report_xml(listing_xml()), content_type=XML)
    carrier = carrier_of_version(httpserver, "2")
    barrier = Barrier(8)

    def ask(_number: int) -> object:
        barrier.wait(DEADLINE)
        return carrier.find(order_request())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {None}
    assert next(tokens) == 2, "One at first, one after the refusal, regardless of which request was refused."
    httpserver.clear()
    httpserver.expect_request("/api/v1/oauth2/token").respond_with_json({"access_token": "t9", "expires_in": 3600})
    httpserver.expect_request("/api/v2/accounts/14/tnoptions").respond_with_data("", 401, CHALLENGE)
    with pytest.raises(CarrierRefused) as raised:
        carrier.find(order_request())
    assert raised.value.failure.carrier_code == "401"
    assert len(httpserver.log) == 3
    carrier.close()


def test_who_waits_for_a_token_does_not_wait_for_ever(httpserver: HTTPServer) -> None:
    asked, answer = Event(), Event()

    def hang(_request: Request) -> Response:
        asked.set()
        answer.wait(DEADLINE)
        return Response('{"access_token": "t", "expires_in": 3600}')

    httpserver.expect_request("/token").respond_with_handler(hang)
    caller = HttpCaller(pace=lambda: None)
    token = Token(url=httpserver.url_for("/token"), credentials=("u", "s"), longest_wait=0.1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(token.value, caller)
        assert asked.wait(DEADLINE)
        with pytest.raises(CarrierUnavailable) as raised:
            token.value(caller)
        answer.set()
        assert first.result() == "t"
    assert not raised.value.was_sent
    assert token.value(caller) == "t"
    caller.close()


@pytest.mark.parametrize(
    ("url", "origin", "token_origin"),
    [
        ("u:s@dashboard.bandwidth.com/accounts/1?version=1", "https://dashboard.bandwidth.com", API),
        ("u:s@dashboard.bandwidth.com/accounts/1?version=2", "https://dashboard.bandwidth.com", API),
        ("u:s@api.bandwidth.com/accounts/1?version=1", API, API),
        ("u:s@/accounts/1?version=1", "https://dashboard.bandwidth.com", API),
        ("u:s@/accounts/1", API, API),
        ("u:s@[::1]:8080/accounts/1?scheme=http", "http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_where_it_is_asked(url: str, origin: str, token_origin: str) -> None:
    address = Address.read(urlsplit(f"bandwidth://{url}"))
    assert (address.origin, address.token_url) == (origin, f"{token_origin}/api/v1/oauth2/token")


@pytest.mark.parametrize(
    "url",
    [
        "bandwidth://u:hush/hush@x/accounts/1",
        "bandwidth://u:hush?hush@x/accounts/1?version=1",
        "bandwidth://u:hush#hush@x/accounts/1",
        "bandwidth://u:a@hush?hush@x/accounts/1",
        "bandwidth://u:hush@x:hush/accounts/1",
        "bandwidth://u:hush@x/accounts/1?batch=5001",
        "bandwidth://u:hush@x/accounts/1?batch=%C2%B2",
        "bandwidth://u:hush@api.bandwidth.com/accounts/1?scheme=http",
    ],
)
def test_no_secret_in_a_complaint(url: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as raised:
        Address.read(urlsplit(url))
    assert "hush" not in str(raised.value)


def test_no_secret_in_an_address() -> None:
    address = Address.read(urlsplit("bandwidth://robot%40x:s3cr%3At%2F%E2%82%AC@x/accounts/1"))
    assert (address.user, address.secret, address.batch_size) == ("robot@x", "s3cr:t/€", 1000)
    assert "s3cr" not in repr(address)
    assert "robot" not in repr(address)
