"""What the Bandwidth adapter makes of answers that are odd, contradictory or not Bandwidth's, over real HTTP."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from urllib.parse import urlsplit

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from carriers.bandwidth.account import Address, Token
from carriers.bandwidth.adapter import BandwidthCarrier
from carriers.base import (
    CampaignDecision,
    CarrierRefused,
    CarrierUnavailable,
    FailureKind,
    OrderAction,
    OrderRequest,
)
from carriers.http import HttpCaller
from tests.support.documents import Documents
from tests.support.propagation import decision
from tests.support.waiting import DEADLINE

A, B, C = "+19195550100", "+19195550101", "+19195550102"
OURS, THEIRS = "0d6b1c1e-7d7b-4b56-9a43-6f2c5a2f0a11", "ddbdc72e-dc27-490c-904e-d0c11291b095"
BASE = "/api/accounts/14"
ORDERS = f"{BASE}/tnoptions"
IMPORTED, REGISTERED = (f"{BASE}/campaignManagement/10dlc/campaigns/{kind}CABC123" for kind in ("imports/", ""))
XML = "application/xml"
API = "https://api.bandwidth.com"
CHALLENGE = {"WWW-Authenticate": "Bearer"}
HTML = "<!doctype html><html><body>Not here<br></body></html>"


@pytest.fixture
def carrier(httpserver: HTTPServer) -> Iterator[BandwidthCarrier]:
    """Version 1."""
    carrier = _carrier(httpserver, "1")
    yield carrier
    carrier.close()


@pytest.fixture(autouse=True)
def _documented(httpserver: HTTPServer) -> Iterator[None]:
    """Every request is as Bandwidth's documents say; the answers here are those that they do not have."""
    documents = Documents("bandwidth")
    yield
    for request, _response in httpserver.log:
        path = request.environ["REQUEST_URI"].partition("?")[0]
        if path != "/token":
            assert not list(documents.check_request(request.method, path, request.args, request.data))


def _carrier(httpserver: HTTPServer, version: str) -> BandwidthCarrier:
    url = f"bandwidth://u:hushhush@127.0.0.1:{httpserver.port}/accounts/14?version={version}&scheme=http"
    return BandwidthCarrier.from_url(urlsplit(url), pace=lambda: None)


def _request(*numbers: str, carrier_order_id: str | None = None) -> OrderRequest:
    return OrderRequest(OURS, OrderAction.ATTACH, "CABC123", numbers or (A, B), carrier_order_id)


def _error(code: str, *numbers: str) -> str:
    listed = "".join(f"<TelephoneNumber>{number}</TelephoneNumber>" for number in numbers)
    return f"<Error><Code>{code}</Code><Description>words of {code}</Description>{listed}</Error>"


def _order(status: str, *errors: str, ours: str | None = OURS, theirs: str = THEIRS, created: str = "") -> str:
    return (
        f"<TnOptionOrder>{f'<CustomerOrderId>{ours}</CustomerOrderId>' if ours else ''}<OrderId>{theirs}</OrderId>"
        f"<OrderCreateDate>{created}</OrderCreateDate><ProcessingStatus>{status}</ProcessingStatus>"
        f"<ErrorList>{''.join(errors)}</ErrorList><Warnings/></TnOptionOrder>"
    )


def _summary(ours: str, theirs: str) -> str:
    return (
        f"<TnOptionOrderSummary><OrderId>{theirs}</OrderId><OrderStatus>COMPLETE</OrderStatus>"
        f"<CustomerOrderId>{ours}</CustomerOrderId></TnOptionOrderSummary>"
    )


def _listing(*orders: str, total: int | None = None) -> str:
    count = f"<TotalCount>{len(orders) if total is None else total}</TotalCount>"
    return f"<TnOptionOrders>{count}{''.join(orders)}</TnOptionOrders>"


def _report(inner: str) -> str:
    return f"<TnOptionOrderReportResponse>{inner}</TnOptionOrderReportResponse>"


def _refusal(code: str, *, root: str = "TnOptionOrderResponse", numbers: str = "") -> str:
    said = f"<ErrorCode>{code}</ErrorCode><Description>words of {code}</Description>{numbers}"
    return f"<{root}><ResponseStatus>{said}</ResponseStatus></{root}>"


def _placed(carrier: BandwidthCarrier, httpserver: HTTPServer, order: str, *numbers: str) -> dict[str, str]:
    """Our class for each number that failed, of an order that ended so at once."""
    httpserver.expect_ordered_request(ORDERS, "POST").respond_with_data(
        f"<TnOptionOrderResponse>{order}</TnOptionOrderResponse>", 201, content_type=XML
    )
    report = carrier.submit(_request(*numbers))
    assert (report.is_open, report.failure) == (False, None)
    return {number: failure.kind.value for number, failure in report.failures.items()}


@pytest.mark.parametrize("errors", [(), (_error("5076", "2025550199"),), (_error("5076", "nine"),)])
def test_a_partial_failure_without_its_numbers(
    carrier: BandwidthCarrier, httpserver: HTTPServer, errors: tuple[str, ...]
) -> None:
    assert _placed(carrier, httpserver, _order("PARTIAL", *errors), A, B) == {
        A: "CARRIER_UNAVAILABLE",
        B: "CARRIER_UNAVAILABLE",
    }


def test_a_failed_order_that_names_one_number_condemns_no_other(
    carrier: BandwidthCarrier, httpserver: HTTPServer
) -> None:
    failed = _placed(carrier, httpserver, _order("FAILED", _error("5076", "(919) 555-0101")), A, B)
    assert failed == {A: "CARRIER_UNAVAILABLE", B: "REJECTED"}


@pytest.mark.parametrize("codes", [("5076", "12184", "5132"), ("12184", "5132", "5076")])
def test_of_several_errors_the_gravest_counts(
    carrier: BandwidthCarrier, httpserver: HTTPServer, codes: tuple[str, ...]
) -> None:
    errors = [_error(code, A[2:]) for code in codes] + [_error("12192", "1" + B[2:]), _error("12184", B)]
    assert _placed(carrier, httpserver, _order("PARTIAL", *errors), A, B, C) == {A: "REJECTED", B: "CAMPAIGN_NOT_READY"}


def test_a_refusal_that_names_some_numbers_is_theirs(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    named = f"<TelephoneNumbers><TelephoneNumber>{B[2:]}</TelephoneNumber></TelephoneNumbers>"
    httpserver.expect_request(ORDERS, "POST").respond_with_data(_refusal("5076", numbers=named), 400, content_type=XML)
    failures = carrier.submit(_request(A, B)).failures
    assert (failures[B].kind, failures[B].carrier_code) == (FailureKind.REJECTED, "5076")
    assert failures[A].kind == FailureKind.CARRIER_UNAVAILABLE
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(_request(B))
    assert raised.value.failure == failures[B]


def test_a_refusal_in_an_error_list(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    body = f"<TnOptionOrderResponse><ErrorList>{_error('5132')}</ErrorList></TnOptionOrderResponse>"
    httpserver.expect_request(ORDERS, "POST").respond_with_data(body, 400, content_type=XML)
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(_request())
    assert (raised.value.failure.kind, raised.value.failure.carrier_code) == (FailureKind.NOT_CONFIGURED, "5132")


def test_an_order_with_another_customer_id_is_rejected(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    body = f"<TnOptionOrderResponse>{_order('COMPLETE', ours='someone else')}</TnOptionOrderResponse>"
    httpserver.expect_request(ORDERS, "POST").respond_with_data(body, 201, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        carrier.submit(_request())


def test_an_expired_carrier_id_falls_back_to_the_customer_id(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    gone = "<TnOptionOrderReportResponse><ResponseStatus><Description>The resource does not exist</Description></ResponseStatus></TnOptionOrderReportResponse>"  # noqa: E501
    httpserver.expect_ordered_request(f"{ORDERS}/old", "GET").respond_with_data(gone, 404, content_type=XML)
    httpserver.expect_ordered_request(ORDERS, "GET", query_string={"customerOrderId": OURS}).respond_with_data(
        _listing(_order("PROCESSING")), content_type=XML
    )
    report = carrier.find(_request(carrier_order_id="old"))
    assert report is not None
    assert (report.is_open, report.carrier_order_id) == (True, THEIRS)


def test_of_orders_placed_twice_the_later_counts(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    orders = [
        _order("PROCESSING", theirs="later", created="2026-11-23T10:00:01.000Z"),
        _order("COMPLETE", theirs="earlier", created="2026-11-23T10:00:00.000Z"),
    ]
    httpserver.expect_request(ORDERS, "GET").respond_with_data(_report(_listing(*orders)), content_type=XML)
    report = carrier.find(_request())
    assert report is not None
    assert report.carrier_order_id == "later"


@pytest.mark.parametrize("body", [_report(_listing()), _listing(), _report(""), _report(_listing(_summary("x", "y")))])
def test_a_search_without_our_order(carrier: BandwidthCarrier, httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request(ORDERS, "GET").respond_with_data(body, content_type=XML)
    assert carrier.find(_request()) is None


def test_a_search_that_is_answered_404(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    body = _refusal("1", root="TnOptionOrderReportResponse")
    httpserver.expect_request(ORDERS, "GET").respond_with_data(body, 404, content_type=XML)
    assert carrier.find(_request()) is None


DOUBTFUL = {
    "another server's 404": (404, HTML),
    "a 404 without a document": (404, ""),
    "orders of others, and more of them unseen": (200, _report(_listing(_summary("x", "y"), total=1001))),
    "a summary without an id": (200, _report(_listing(_summary(OURS, "")))),
    "a million levels": (200, "<a>" * 1_000_000),
}


@pytest.mark.parametrize(("status", "body"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_a_search_after_which_the_order_must_not_be_placed_again(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(ORDERS, "GET").respond_with_data(body, status, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        carrier.find(_request())


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, ""), (200, _order("COMPLETE", theirs="another")), (200, _order("COMPLETE", ours="another"))],
)
def test_a_listed_order_that_cannot_be_seen(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(ORDERS, "GET").respond_with_data(
        _report(_listing(_summary(OURS, THEIRS))), content_type=XML
    )
    httpserver.expect_request(f"{ORDERS}/{THEIRS}", "GET").respond_with_data(body, status, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        carrier.find(_request())


def _details(number: str, inner: str) -> str:
    return (
        f"<TelephoneNumberResponse><TelephoneNumberDetails><FullNumber>{number}</FullNumber>{inner}"
        "</TelephoneNumberDetails></TelephoneNumberResponse>"
    )


def _holder(account: str, campaign: str) -> str:
    inner = f"<CampaignId>{campaign}</CampaignId>" if campaign else ""
    return f"<AccountId>{account}</AccountId><MessagingSettings>{inner}</MessagingSettings>"


def _hosted(account: str, campaign: str) -> str:
    return (
        "<HostedTelephoneNumberDetails><HostedTelephoneNumberDetail>"
        f"{_holder(account, campaign)}</HostedTelephoneNumberDetail></HostedTelephoneNumberDetails>"
    )


HELD = {
    "ours": (_holder("14", "CABC123"), "CABC123"),
    "ours, on none": (_holder("14", ""), None),
    "voice only": ("<AccountId>14</AccountId>", None),
    "another account's": (_holder("15", "CABC123"), None),
    "hosted by us": (_holder("15", "") + _hosted("14", "CABC123"), "CABC123"),
    "hosted by another": (_holder("14", "") + _hosted("15", "CABC123"), None),
}


@pytest.mark.parametrize(("inner", "campaign"), HELD.values(), ids=HELD.keys())
def test_the_campaign_of_a_number(
    carrier: BandwidthCarrier, httpserver: HTTPServer, inner: str, campaign: str | None
) -> None:
    httpserver.expect_request(f"/api/tns/{A[2:]}/tndetails", "GET").respond_with_data(
        _details(A[2:], inner), content_type=XML
    )
    assert list(carrier.assignments([A])) == ([] if campaign is None else [(A, campaign)])


def test_a_number_that_bandwidth_cannot_read_stops_no_other(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    invalid, absent = (_refusal(code, root="TelephoneNumberResponse") for code in ("12512", "10404"))
    httpserver.expect_request(f"/api/tns/{A[2:]}/tndetails").respond_with_data(invalid, 400, content_type=XML)
    httpserver.expect_request(f"/api/tns/{B[2:]}/tndetails").respond_with_data(absent, 404, content_type=XML)
    httpserver.expect_request(f"/api/tns/{C[2:]}/tndetails").respond_with_data(
        _details(C, _holder("14", "CABC123")), content_type=XML
    )
    assert list(carrier.assignments([A, "+4915112345678", B, C])) == [(B, None), (C, "CABC123")]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, HTML),
        (404, ""),
        (200, HTML),
        (200, "<TelephoneNumberResponse/>"),
        (200, _details(B[2:], _holder("14", "CABC123"))),
        (400, HTML),
    ],
)
def test_details_that_say_nothing_of_the_number(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(f"/api/tns/{A[2:]}/tndetails").respond_with_data(body, status, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        list(carrier.assignments([A]))


SERVED = {
    "in service": ("<Status>Inservice</Status><AccountId>14</AccountId>", [(A, True)]),
    "without a status": ("<AccountId>14</AccountId>", [(A, True)]),
    "ported out": ("<Status>PortOut</Status><AccountId>14</AccountId>", [(A, False)]),
    "another account's": ("<Status>Inservice</Status><AccountId>15</AccountId>", [(A, False)]),
    "hosted by us": ("<Status>Inservice</Status><AccountId>15</AccountId>" + _hosted("14", ""), [(A, True)]),
    "hosted by another": ("<AccountId>15</AccountId>" + _hosted("16", ""), [(A, False)]),
    "on its way in": ("<Status>PortInPendingFoc</Status><AccountId>14</AccountId>", []),
    "in a state of no list": ("<Status>Odd</Status><AccountId>14</AccountId>", []),
}


@pytest.mark.parametrize(("inner", "said"), SERVED.values(), ids=SERVED.keys())
def test_whether_a_number_is_in_service(
    carrier: BandwidthCarrier, httpserver: HTTPServer, inner: str, said: list[tuple[str, bool]]
) -> None:
    details = f"<TelephoneNumberDetails><FullNumber>{A[2:]}</FullNumber>{inner}</TelephoneNumberDetails>"
    body = f"<TelephoneNumberResponse>{details}</TelephoneNumberResponse>"
    httpserver.expect_request(f"/api/tns/{A[2:]}/tndetails").respond_with_data(body, content_type=XML)
    assert list(carrier.holdings([A])) == said


def _campaign(status: str, *operators: str, shared: str = "", at_once: bool = False, imported: bool = True) -> str:
    said = [f"<MnoName>X</MnoName><Status>{operator}</Status>" for operator in operators]
    inner = (
        f"<MnoStatus>{''.join(said)}</MnoStatus>" if at_once else "".join(f"<MnoStatus>{s}</MnoStatus>" for s in said)
    )
    root, name = (
        ("LongCodeImportCampaignResponse", "ImportedCampaign") if imported else ("CampaignResponse", "Campaign")
    )
    sharing = f"<SecondaryDcaSharingStatus>{shared}</SecondaryDcaSharingStatus>" if shared else ""
    return (
        f"<{root}><{name}><CampaignId>CABC123</CampaignId>{sharing}<Status>{status}</Status>"
        f"<MnoStatusList>{inner}</MnoStatusList></{name}></{root}>"
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (_campaign("ACTIVE", "APPROVED", "APPROVED", shared="ACCEPTED"), CampaignDecision.APPROVED),
        (_campaign("ACTIVE", "APPROVED", "APPROVED", at_once=True), CampaignDecision.APPROVED),
        (_campaign("ACTIVE"), CampaignDecision.APPROVED),
        (_campaign("ACTIVE", "APPROVED", "REVIEW", at_once=True), CampaignDecision.PENDING),
        (_campaign("ACTIVE", "APPROVED", shared="PENDING"), CampaignDecision.PENDING),
        (_campaign("", "APPROVED"), CampaignDecision.PENDING),
        (_campaign("ACTIVE", "APPROVED", shared="DECLINED"), CampaignDecision.REJECTED),
        (_campaign("ACTIVE", "REJECTED", "SUSPENDED", at_once=True), CampaignDecision.REJECTED),
        (_campaign("ACTIVE", "APPROVED", "SUSPENDED"), CampaignDecision.APPROVED),
        (_campaign("ACTIVE", "SUSPENDED", "SUSPENDED", at_once=True), CampaignDecision.SUSPENDED),
        (_campaign("ACTIVE", "SUSPENDED", "REVIEW"), CampaignDecision.PENDING),
        (_campaign("EXPIRED", "APPROVED"), CampaignDecision.SUSPENDED),
    ],
)
def test_the_status_of_a_campaign(
    carrier: BandwidthCarrier, httpserver: HTTPServer, body: str, status: CampaignDecision
) -> None:
    httpserver.expect_request(IMPORTED, "GET").respond_with_data(body, content_type=XML)
    assert decision(carrier.campaign_status("CABC123")) == status


@pytest.mark.parametrize("body", [_campaign("NEWLY_INVENTED", "APPROVED"), _campaign("ACTIVE", "NEWLY_INVENTED")])
def test_the_status_of_a_campaign_that_is_not_documented(
    carrier: BandwidthCarrier, httpserver: HTTPServer, body: str
) -> None:
    httpserver.expect_request(IMPORTED, "GET").respond_with_data(body, content_type=XML)
    with pytest.raises(CarrierRefused) as raised:
        carrier.campaign_status("CABC123")
    failure = raised.value.failure
    assert (failure.kind, failure.carrier_code) == (FailureKind.UNKNOWN_CARRIER_ANSWER, "NEWLY_INVENTED")


NOT_THERE = {
    "unknown": (404, _refusal("12189", root="LongCodeImportCampaignResponse")),
    "unknown in other words": (400, _refusal("12189", root="LongCodeImportCampaignResponse")),
    "feature off": (400, _refusal("12055", root="LongCodeImportCampaignResponse")),
    "feature forbidden": (403, _refusal("12055", root="CampaignsResponse")),
}


@pytest.mark.parametrize(("status", "body"), NOT_THERE.values(), ids=NOT_THERE.keys())
def test_a_campaign_that_was_not_imported_may_be_registered(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(IMPORTED, "GET").respond_with_data(body, status, content_type=XML)
    httpserver.expect_oneshot_request(REGISTERED, "GET").respond_with_data(
        _campaign("ACTIVE", imported=False), content_type=XML
    )
    httpserver.expect_oneshot_request(REGISTERED, "GET").respond_with_data(
        _refusal("12189", root="CampaignResponse"), 404, content_type=XML
    )
    assert decision(carrier.campaign_status("CABC123")) == CampaignDecision.APPROVED
    assert carrier.campaign_status("CABC123") is None


def test_an_account_that_may_see_no_campaign(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    for path in (IMPORTED, REGISTERED):
        httpserver.expect_request(path, "GET").respond_with_data(
            _refusal("12055", root="CampaignResponse"), 403, content_type=XML
        )
    with pytest.raises(CarrierRefused) as raised:
        carrier.campaign_status("CABC123")
    failure = raised.value.failure
    assert (failure.kind, failure.carrier_code, failure.message) == (
        FailureKind.NOT_CONFIGURED, "12055", "words of 12055",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, HTML), (404, HTML), (200, _campaign("ACTIVE").replace("CABC123", "COTHER1"))],
)
def test_a_campaigns_answer_that_cannot_be_read(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(IMPORTED, "GET").respond_with_data(body, status, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        carrier.campaign_status("CABC123")


def test_what_is_asked_of_each_api(httpserver: HTTPServer) -> None:
    asked: dict[str, bytes] = {}

    def take(request: Request) -> Response:
        asked[f"{request.path} {request.headers['Authorization'].split()[0]}"] = request.data
        return Response(f"<TnOptionOrderResponse>{_order('RECEIVED', ours=None)}</TnOptionOrderResponse>", 201)

    httpserver.expect_request("/api/v1/oauth2/token").respond_with_json({"access_token": "t", "expires_in": 3600})
    httpserver.expect_request("/api/v2/tns/+19195550100/tndetails").respond_with_data(
        _details(A, _holder("14", "CABC123")), content_type=XML
    )
    httpserver.expect_request("/api/v2/accounts/14/tendlc/phoneNumbers/+19195550100").respond_with_json({}, 403)
    httpserver.expect_request(ORDERS).respond_with_handler(take)
    httpserver.expect_request("/api/v2/accounts/14/tnoptions").respond_with_handler(take)
    for version in ("1", "2"):
        carrier = _carrier(httpserver, version)
        assert carrier.submit(_request(A)).is_open
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
    carrier = _carrier(httpserver, "2")
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(_request())
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
    ).respond_with_data(_report(_listing()), content_type=XML)
    carrier = _carrier(httpserver, "2")
    barrier = Barrier(8)

    def ask(_number: int) -> object:
        barrier.wait(DEADLINE)
        return carrier.find(_request())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {None}
    assert next(tokens) == 2, "One at first, one after the refusal, regardless of which request was refused."
    httpserver.clear()
    httpserver.expect_request("/api/v1/oauth2/token").respond_with_json({"access_token": "t9", "expires_in": 3600})
    httpserver.expect_request("/api/v2/accounts/14/tnoptions").respond_with_data("", 401, CHALLENGE)
    with pytest.raises(CarrierRefused) as raised:
        carrier.find(_request())
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
