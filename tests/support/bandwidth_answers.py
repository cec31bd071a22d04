"""Answers of Bandwidth for `pytest_httpserver`, and a carrier that asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from pytest_httpserver import HTTPServer

from carriers.bandwidth.adapter import BandwidthCarrier
from carriers.base import OrderAction, OrderRequest
from tests.support.documents import Documents

A, B, C = "+19195550100", "+19195550101", "+19195550102"
OURS, THEIRS = "0d6b1c1e-7d7b-4b56-9a43-6f2c5a2f0a11", "ddbdc72e-dc27-490c-904e-d0c11291b095"
BASE = "/api/accounts/14"
ORDERS = f"{BASE}/tnoptions"
XML = "application/xml"
HTML = "<!doctype html><html><body>Not here<br></body></html>"


@contextmanager
def documented(server: HTTPServer) -> Iterator[None]:
    """Check that every request is as Bandwidth's documents say; the answers are those that they do not have."""
    documents = Documents("bandwidth")
    yield
    for request, _response in server.log:
        path = request.environ["REQUEST_URI"].partition("?")[0]
        if path != "/token":
            assert not list(documents.check_request(request.method, path, request.args, request.data))


def carrier_of_version(httpserver: HTTPServer, version: str) -> BandwidthCarrier:
    """The carrier that asks the server."""
    url = f"bandwidth://u:hushhush@127.0.0.1:{httpserver.port}/accounts/14?version={version}&scheme=http"
    return BandwidthCarrier.from_url(urlsplit(url), pace=lambda: None)


def order_request(*numbers: str, carrier_order_id: str | None = None) -> OrderRequest:
    """An order to attach these numbers, or two."""
    return OrderRequest(OURS, OrderAction.ATTACH, "CABC123", numbers or (A, B), carrier_order_id)


def error_xml(code: str, *numbers: str) -> str:
    """An error in the list of an order."""
    listed = "".join(f"<TelephoneNumber>{number}</TelephoneNumber>" for number in numbers)
    return f"<Error><Code>{code}</Code><Description>words of {code}</Description>{listed}</Error>"


def order_xml(status: str, *errors: str, ours: str | None = OURS, theirs: str = THEIRS, created: str = "") -> str:
    """An order, as it is read back."""
    return (
        f"<TnOptionOrder>{f'<CustomerOrderId>{ours}</CustomerOrderId>' if ours else ''}<OrderId>{theirs}</OrderId>"
        f"<OrderCreateDate>{created}</OrderCreateDate><ProcessingStatus>{status}</ProcessingStatus>"
        f"<ErrorList>{''.join(errors)}</ErrorList><Warnings/></TnOptionOrder>"
    )


def summary_xml(ours: str, theirs: str) -> str:
    """An order, as it is listed."""
    return (
        f"<TnOptionOrderSummary><OrderId>{theirs}</OrderId><OrderStatus>COMPLETE</OrderStatus>"
        f"<CustomerOrderId>{ours}</CustomerOrderId></TnOptionOrderSummary>"
    )


def listing_xml(*orders: str, total: int | None = None) -> str:
    """A list of orders."""
    count = f"<TotalCount>{len(orders) if total is None else total}</TotalCount>"
    return f"<TnOptionOrders>{count}{''.join(orders)}</TnOptionOrders>"


def report_xml(inner: str) -> str:
    """The answer that has an order or a list."""
    return f"<TnOptionOrderReportResponse>{inner}</TnOptionOrderReportResponse>"


def refusal_xml(code: str, *, root: str = "TnOptionOrderResponse", numbers: str = "") -> str:
    """The answer to a request that is refused."""
    said = f"<ErrorCode>{code}</ErrorCode><Description>words of {code}</Description>{numbers}"
    return f"<{root}><ResponseStatus>{said}</ResponseStatus></{root}>"


def details_xml(number: str, inner: str) -> str:
    """The details of a number."""
    return (
        f"<TelephoneNumberResponse><TelephoneNumberDetails><FullNumber>{number}</FullNumber>{inner}"
        "</TelephoneNumberDetails></TelephoneNumberResponse>"
    )


def holder_xml(account: str, campaign: str) -> str:
    """The account that has a number, and its campaign."""
    inner = f"<CampaignId>{campaign}</CampaignId>" if campaign else ""
    return f"<AccountId>{account}</AccountId><MessagingSettings>{inner}</MessagingSettings>"
