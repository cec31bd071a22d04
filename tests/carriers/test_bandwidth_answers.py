"""What the Bandwidth adapter makes of odd, contradictory or foreign answers about orders and numbers."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from carriers.bandwidth.adapter import BandwidthCarrier
from carriers.base import (
    CarrierRefused,
    CarrierUnavailable,
    FailureKind,
)
from tests.support.bandwidth_answers import (
    HTML,
    ORDERS,
    OURS,
    THEIRS,
    XML,
    A,
    B,
    C,
    carrier_of_version,
    details_xml,
    documented,
    error_xml,
    holder_xml,
    listing_xml,
    order_request,
    order_xml,
    refusal_xml,
    report_xml,
    summary_xml,
)


@pytest.fixture
def carrier(httpserver: HTTPServer) -> Iterator[BandwidthCarrier]:
    """Version 1."""
    with documented(httpserver):
        carrier = carrier_of_version(httpserver, "1")
        yield carrier
        carrier.close()


def _placed(carrier: BandwidthCarrier, httpserver: HTTPServer, order: str, *numbers: str) -> dict[str, str]:
    """Our class for each number that failed, of an order that ended so at once."""
    httpserver.expect_ordered_request(ORDERS, "POST").respond_with_data(
        f"<TnOptionOrderResponse>{order}</TnOptionOrderResponse>", 201, content_type=XML
    )
    report = carrier.submit(order_request(*numbers))
    assert (report.is_open, report.failure) == (False, None)
    return {number: failure.kind.value for number, failure in report.failures.items()}


@pytest.mark.parametrize("errors", [(), (error_xml("5076", "2025550199"),), (error_xml("5076", "nine"),)])
def test_a_partial_failure_without_its_numbers(
    carrier: BandwidthCarrier, httpserver: HTTPServer, errors: tuple[str, ...]
) -> None:
    assert _placed(carrier, httpserver, order_xml("PARTIAL", *errors), A, B) == {
        A: "CARRIER_UNAVAILABLE",
        B: "CARRIER_UNAVAILABLE",
    }


def test_a_failed_order_that_names_one_number_condemns_no_other(
    carrier: BandwidthCarrier, httpserver: HTTPServer
) -> None:
    failed = _placed(carrier, httpserver, order_xml("FAILED", error_xml("5076", "(919) 555-0101")), A, B)
    assert failed == {A: "CARRIER_UNAVAILABLE", B: "REJECTED"}


@pytest.mark.parametrize("codes", [("5076", "12184", "5132"), ("12184", "5132", "5076")])
def test_of_several_errors_the_gravest_counts(
    carrier: BandwidthCarrier, httpserver: HTTPServer, codes: tuple[str, ...]
) -> None:
    errors = [error_xml(code, A[2:]) for code in codes] + [error_xml("12192", "1" + B[2:]), error_xml("12184", B)]
    assert _placed(carrier, httpserver, order_xml("PARTIAL", *errors), A, B, C) == {
        A: "REJECTED",
        B: "CAMPAIGN_NOT_READY",
    }


def test_a_refusal_that_names_some_numbers_is_theirs(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    named = f"<TelephoneNumbers><TelephoneNumber>{B[2:]}</TelephoneNumber></TelephoneNumbers>"
    httpserver.expect_request(ORDERS, "POST").respond_with_data(
        refusal_xml("5076", numbers=named), 400, content_type=XML
    )
    failures = carrier.submit(order_request(A, B)).failures
    assert (failures[B].kind, failures[B].carrier_code) == (FailureKind.REJECTED, "5076")
    assert failures[A].kind == FailureKind.CARRIER_UNAVAILABLE
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(order_request(B))
    assert raised.value.failure == failures[B]


def test_a_refusal_in_an_error_list(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    body = f"<TnOptionOrderResponse><ErrorList>{error_xml('5132')}</ErrorList></TnOptionOrderResponse>"
    httpserver.expect_request(ORDERS, "POST").respond_with_data(body, 400, content_type=XML)
    with pytest.raises(CarrierRefused) as raised:
        carrier.submit(order_request())
    assert (raised.value.failure.kind, raised.value.failure.carrier_code) == (FailureKind.NOT_CONFIGURED, "5132")


def test_an_order_with_another_customer_id_is_rejected(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    body = f"<TnOptionOrderResponse>{order_xml('COMPLETE', ours='someone else')}</TnOptionOrderResponse>"
    httpserver.expect_request(ORDERS, "POST").respond_with_data(body, 201, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        carrier.submit(order_request())


def test_an_expired_carrier_id_falls_back_to_the_customer_id(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    gone = "<TnOptionOrderReportResponse><ResponseStatus><Description>The resource does not exist</Description></ResponseStatus></TnOptionOrderReportResponse>"  # noqa: E501
    httpserver.expect_ordered_request(f"{ORDERS}/old", "GET").respond_with_data(gone, 404, content_type=XML)
    httpserver.expect_ordered_request(ORDERS, "GET", query_string={"customerOrderId": OURS}).respond_with_data(
        listing_xml(order_xml("PROCESSING")), content_type=XML
    )
    report = carrier.find(order_request(carrier_order_id="old"))
    assert report is not None
    assert (report.is_open, report.carrier_order_id) == (True, THEIRS)


def test_of_orders_placed_twice_the_later_counts(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    orders = [
        order_xml("PROCESSING", theirs="later", created="2026-11-23T10:00:01.000Z"),
        order_xml("COMPLETE", theirs="earlier", created="2026-11-23T10:00:00.000Z"),
    ]
    httpserver.expect_request(ORDERS, "GET").respond_with_data(report_xml(listing_xml(*orders)), content_type=XML)
    report = carrier.find(order_request())
    assert report is not None
    assert report.carrier_order_id == "later"


@pytest.mark.parametrize(
    "body", [report_xml(listing_xml()), listing_xml(), report_xml(""), report_xml(listing_xml(summary_xml("x", "y")))]
)
def test_a_search_without_our_order(carrier: BandwidthCarrier, httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request(ORDERS, "GET").respond_with_data(body, content_type=XML)
    assert carrier.find(order_request()) is None


def test_a_search_that_is_answered_404(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    body = refusal_xml("1", root="TnOptionOrderReportResponse")
    httpserver.expect_request(ORDERS, "GET").respond_with_data(body, 404, content_type=XML)
    assert carrier.find(order_request()) is None


DOUBTFUL = {
    "another server's 404": (404, HTML),
    "a 404 without a document": (404, ""),
    "orders of others, and more of them unseen": (200, report_xml(listing_xml(summary_xml("x", "y"), total=1001))),
    "a summary without an id": (200, report_xml(listing_xml(summary_xml(OURS, "")))),
    "a million levels": (200, "<a>" * 1_000_000),
}


@pytest.mark.parametrize(("status", "body"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_a_search_after_which_the_order_must_not_be_placed_again(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(ORDERS, "GET").respond_with_data(body, status, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        carrier.find(order_request())


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, ""), (200, order_xml("COMPLETE", theirs="another")), (200, order_xml("COMPLETE", ours="another"))],
)
def test_a_listed_order_that_cannot_be_seen(
    carrier: BandwidthCarrier, httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request(ORDERS, "GET").respond_with_data(
        report_xml(listing_xml(summary_xml(OURS, THEIRS))), content_type=XML
    )
    httpserver.expect_request(f"{ORDERS}/{THEIRS}", "GET").respond_with_data(body, status, content_type=XML)
    with pytest.raises(CarrierUnavailable):
        carrier.find(order_request())


def _hosted(account: str, campaign: str) -> str:
    return (
        "<HostedTelephoneNumberDetails><HostedTelephoneNumberDetail>"
        f"{holder_xml(account, campaign)}</HostedTelephoneNumberDetail></HostedTelephoneNumberDetails>"
    )


HELD = {
    "ours": (holder_xml("14", "CABC123"), "CABC123"),
    "ours, on none": (holder_xml("14", ""), None),
    "voice only": ("<AccountId>14</AccountId>", None),
    "another account's": (holder_xml("15", "CABC123"), None),
    "hosted by us": (holder_xml("15", "") + _hosted("14", "CABC123"), "CABC123"),
    "hosted by another": (holder_xml("14", "") + _hosted("15", "CABC123"), None),
}


@pytest.mark.parametrize(("inner", "campaign"), HELD.values(), ids=HELD.keys())
def test_the_campaign_of_a_number(
    carrier: BandwidthCarrier, httpserver: HTTPServer, inner: str, campaign: str | None
) -> None:
    httpserver.expect_request(f"/api/tns/{A[2:]}/tndetails", "GET").respond_with_data(
        details_xml(A[2:], inner), content_type=XML
    )
    assert list(carrier.assignments([A])) == ([] if campaign is None else [(A, campaign)])


def test_a_number_that_bandwidth_cannot_read_stops_no_other(carrier: BandwidthCarrier, httpserver: HTTPServer) -> None:
    invalid, absent = (refusal_xml(code, root="TelephoneNumberResponse") for code in ("12512", "10404"))
    httpserver.expect_request(f"/api/tns/{A[2:]}/tndetails").respond_with_data(invalid, 400, content_type=XML)
    httpserver.expect_request(f"/api/tns/{B[2:]}/tndetails").respond_with_data(absent, 404, content_type=XML)
    httpserver.expect_request(f"/api/tns/{C[2:]}/tndetails").respond_with_data(
        details_xml(C, holder_xml("14", "CABC123")), content_type=XML
    )
    assert list(carrier.assignments([A, "+4915112345678", B, C])) == [(B, None), (C, "CABC123")]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, HTML),
        (404, ""),
        (200, HTML),
        (200, "<TelephoneNumberResponse/>"),
        (200, details_xml(B[2:], holder_xml("14", "CABC123"))),
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
