"""Bandwidth's TN option orders, in its own XML. Source: Bandwidth/api-docs, site/specs/numbers.yml."""

import base64
import json
import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring

from tests.support.serving import Call, FakeCarrier, Reply

ACCOUNT = "5500012"
USER, SECRET = "robot@example.com", "s3cr:t/€"
XML = {"Content-Type": "application/xml"}


@dataclass
class StoredOrder:
    """One order."""

    order_id: str
    customer_order_id: str
    action: str
    campaign_id: str | None
    numbers: list[str]
    status: str = "RECEIVED"
    errors: list[str] = field(default_factory=list)


class FakeBandwidth(FakeCarrier):
    """The account, its orders and its numbers. Orders end at once with `ends_with`, or stay as they are."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.orders: dict[str, StoredOrder] = {}
        self.campaigns: dict[str, str] = {}
        # What `/tendlc/phoneNumbers` says of a number; SUCCESS if it is not here.
        self.registrations: dict[str, str] = {}
        self.may_list = True
        # Records that the list has instead of those of these numbers.
        self.records: dict[str, object] = {}
        self.ends_with = "COMPLETE"
        self.errors: list[str] = []
        self.shows_details = False
        self.token = 0
        self.token_seconds = 3600
        super().__init__()

    @property
    def url(self) -> str:
        """The CARRIER_URL for it."""
        user, secret = "robot%40example.com", "s3cr%3At%2F%E2%82%AC"
        query = f"version={self.version}&scheme=http"
        return f"bandwidth://{user}:{secret}@127.0.0.1:{self.port}/accounts/{ACCOUNT}?{query}"

    def answer(self, call: Call) -> Reply:
        basic = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        if call.path == "/api/v1/oauth2/token":
            if call.headers.get("authorization") != basic or call.body != b"grant_type=client_credentials":
                return Reply(401, b'{"error":"invalid_client"}')
            self.token += 1
            token = {"access_token": f"t{self.token}", "expires_in": self.token_seconds, "token_type": "Bearer"}
            return Reply(200, json.dumps(token).encode())
        wanted = basic if self.version == "1" else f"Bearer t{self.token}"
        if call.headers.get("authorization") != wanted:
            return Reply(401, b"<html>Unauthorized</html>")
        root = "/api" if self.version == "1" else "/api/v2"
        base = f"{root}/accounts/{ACCOUNT}/tnoptions"
        if call.path == base and call.method == "POST":
            return self._post(call)
        if call.path == base and call.method == "GET":
            return self._search(call.query.get("customerOrderId", ""))
        if call.path.startswith(base + "/"):
            order = self.orders.get(call.path.removeprefix(base + "/"))
            if order is None:
                return Reply(404, _wrapped("TnOptionOrderReportResponse", _status("10404", "No such order")), XML)
            return Reply(200, self._order(order).encode(), XML)
        if found := re.fullmatch(rf"{root}/tns/(\+?\d+)/tndetails", call.path):
            campaign = self.campaigns.get(found[1])
            inner = f"<CampaignId>{campaign}</CampaignId>" if campaign else ""
            details = (
                f"<TelephoneNumberDetails><FullNumber>{found[1]}</FullNumber><MessagingSettings>"
                f"<SmsEnabled>true</SmsEnabled>{inner}</MessagingSettings></TelephoneNumberDetails>"
            )
            return Reply(200, _wrapped("TelephoneNumberResponse", details), XML)
        if self.version == "2" and call.path.startswith(f"{root}/accounts/{ACCOUNT}/tendlc/phoneNumbers"):
            return self._list(call.path.partition("/tendlc/phoneNumbers")[2].strip("/"), call.query)
        return Reply(404, b"<html>nothing here</html>")

    def _list(self, number: str, query: dict[str, str]) -> Reply:
        """A page of the list by the form that Bandwidth/cli internal/tendlc describes, or one number's record."""
        if not self.may_list:
            return _json(403, {"errors": [{"description": "does not have access rights"}]})
        if number:
            if number not in self.campaigns:
                return _json(404, {"errors": [{"description": "not found"}]})
            return _json(200, {"data": self._record(number)})
        wanted = query.get("campaignId[contains]", "")
        numbers = sorted(number for number, campaign in self.campaigns.items() if wanted in campaign)
        limit, offset = min(int(query["limit"]), 250), int(query["offset"])
        page = {"pageNumber": offset // limit, "pageSize": limit, "totalElements": len(numbers)}
        return _json(200, {"data": [self._record(one) for one in numbers[offset : offset + limit]], "page": page})

    def _record(self, number: str) -> object:
        status = self.registrations.get(number, "SUCCESS")
        record = {"phoneNumber": number, "campaignId": self.campaigns[number], "brandId": "BBRAND1", "status": status}
        return self.records.get(number, record)

    def end(self, order: StoredOrder, status: str, errors: list[str] | None = None) -> None:
        """The order comes to its end, and takes effect."""
        order.status, order.errors = status, errors or []
        if status == "FAILED":
            return
        for number in order.numbers:
            if not any(number in error for error in order.errors):
                if order.campaign_id is None:
                    self.campaigns.pop(number, None)
                else:
                    self.campaigns[number] = order.campaign_id

    def _post(self, call: Call) -> Reply:
        root = fromstring(call.body, forbid_dtd=True)
        assert root.tag == "TnOptionOrder"
        [group] = root.findall("TnOptionGroups/TnOptionGroup")
        assert group.findtext("Sms") == "on"
        action = group.findtext("A2pSettings/Action")
        campaign_id = group.findtext("A2pSettings/CampaignId")
        assert (action, campaign_id is None) in {("asSpecified", False), ("delete", True)}
        numbers = [element.text or "" for element in group.findall("TelephoneNumbers/TelephoneNumber")]
        form = r"\d{10}" if self.version == "1" else r"\+1\d{10}"
        assert numbers
        assert all(re.fullmatch(form, number) for number in numbers)
        customer_order_id = root.findtext("CustomerOrderId") or ""
        assert re.fullmatch(r"[A-Za-z0-9 -]{1,40}", customer_order_id)
        order = StoredOrder(f"o-{len(self.orders) + 1}", customer_order_id, action or "", campaign_id, numbers)
        self.orders[order.order_id] = order
        if self.ends_with != "RECEIVED":
            self.end(order, self.ends_with, self.errors)
        body = _wrapped("TnOptionOrderResponse", self._order(order, bare=False))
        return Reply(201, body, XML | {"Location": f"{call.path}/{order.order_id}"})

    def _search(self, customer_order_id: str) -> Reply:
        found = [order for order in self.orders.values() if order.customer_order_id == customer_order_id]
        if self.shows_details:
            inner = "".join(self._order(order, bare=False) for order in found)
        else:
            inner = "".join(
                f"<TnOptionOrderSummary><accountId>{ACCOUNT}</accountId><OrderId>{order.order_id}</OrderId>"
                f"<OrderStatus>{order.status}</OrderStatus><CustomerOrderId>{order.customer_order_id}</CustomerOrderId>"
                f"<CountOfTNs>{len(order.numbers)}</CountOfTNs></TnOptionOrderSummary>"
                for order in found
            )
        orders = f"<TnOptionOrders><TotalCount>{len(found)}</TotalCount>{inner}</TnOptionOrders>"
        return Reply(200, _wrapped("TnOptionOrderReportResponse", orders), XML)

    def _order(self, order: StoredOrder, *, bare: bool = True) -> str:
        head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' if bare else ""
        errors = f"<ErrorList>{''.join(order.errors)}</ErrorList>"
        warning = "<TelephoneNumber>9195550100</TelephoneNumber><Description>slow</Description>"
        return (
            f"{head}<TnOptionOrder><OrderCreateDate>2026-11-23T10:00:00.000Z</OrderCreateDate>"
            f"<CustomerOrderId>{escape(order.customer_order_id)}</CustomerOrderId><OrderId>{order.order_id}</OrderId>"
            f"<ProcessingStatus>{order.status}</ProcessingStatus>{errors}"
            f"<Warnings><Warning>{warning}</Warning></Warnings></TnOptionOrder>"
        )


def _json(status: int, content: object) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def error(code: str, description: str, *numbers: str, plural: bool = False) -> str:
    """One `Error` of an `ErrorList`."""
    listed = "".join(f"<TelephoneNumber>{number}</TelephoneNumber>" for number in numbers)
    if plural:
        listed = f"<TelephoneNumbers>{listed}</TelephoneNumbers>"
    return f"<Error><Code>{code}</Code><Description>{escape(description)}</Description>{listed}</Error>"


def refusal(status: int, code: str, description: str) -> Reply:
    """A 400 or 409."""
    return Reply(status, _wrapped("TnOptionOrderResponse", _status(code, description)), XML)


def _status(code: str, description: str) -> str:
    said = f"<ErrorCode>{code}</ErrorCode><Description>{escape(description)}</Description>"
    return f"<ResponseStatus>{said}</ResponseStatus>"


def _wrapped(root: str, inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><{root}>{inner}</{root}>'.encode()
