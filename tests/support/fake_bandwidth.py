"""Bandwidth's TN option orders, campaigns and pages of numbers; schemas/bandwidth.json has the sources."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring

from tests.support.serving import Call, FakeCarrier, Reply, foreign, json_reply

ACCOUNT = "5500012"
USER, SECRET = "robot@example.com", "s3cr:t/€"
BAD = foreign(200, b"<html>We'll be right back</html>")
XML = {"Content-Type": "application/xml"}
TIME = "2026-11-23T10:00:00.000Z"
TOLL_FREE = {"800", "833", "844", "855", "866", "877", "888"}


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
    """The account, its orders and its numbers. Orders end at once with `ends_with`, or stay as they are.

    `registrations`: what `/tendlc/phoneNumbers` says of a number; SUCCESS if it is not here. `may_list`: whether the
    account has the role for `/tendlc`. `registered`: the status of each campaign, by its TCR ID. `unassigned`: numbers
    of the account that are on no campaign. `elsewhere`: what the details say of numbers that are not in service; None
    if they are not on the account at all. `networks`: the status of each campaign at each network. `brands`: the
    identity status of each, by its TCR ID. `brand_of`: the brand of a campaign; BBRAND1 if it is not here.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        self.orders: dict[str, StoredOrder] = {}
        self.campaigns: dict[str, str] = {}
        self.registrations: dict[str, str] = {}
        self.registered: dict[str, str] = {}
        self.unassigned: set[str] = set()
        self.brands = {"BBRAND1": "VERIFIED"}
        self.brand_of: dict[str, str] = {}
        self.elsewhere: dict[str, str | None] = {}
        self.networks: dict[str, dict[str, str]] = {}
        self.may_list = True
        self.ends_with = "COMPLETE"
        self.errors: list[str] = []
        self.shows_details = False
        self.token = 0
        self.token_seconds = 3600
        super().__init__("bandwidth")

    @property
    def url(self) -> str:
        """The CARRIER_URL for it."""
        user, secret = "robot%40example.com", "s3cr%3At%2F%E2%82%AC"
        query = f"version={self.version}&scheme=http"
        return f"bandwidth://{user}:{secret}@127.0.0.1:{self.port}/accounts/{ACCOUNT}?{query}"

    def answer(self, call: Call) -> Reply:
        basic = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        if call.path == "/api/v1/oauth2/token":
            if call.headers.get("authorization") != basic or call.content != b"grant_type=client_credentials":
                return json_reply(401, {"error": "invalid_client"})
            self.token += 1
            token = {"access_token": f"t{self.token}", "expires_in": self.token_seconds, "token_type": "Bearer"}
            return json_reply(200, token)
        wanted = basic if self.version == "1" else f"Bearer t{self.token}"
        if call.headers.get("authorization") != wanted:
            challenge = "Basic" if self.version == "1" else "Bearer"
            return Reply(401, b"<html>Unauthorized</html>", {"WWW-Authenticate": challenge})
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
            e164 = f"+1{found[1][-10:]}"
            if e164 in self.elsewhere and self.elsewhere[e164] is None:
                return Reply(
                    404, _wrapped("TelephoneNumberResponse", _status("404", "No such number on your accounts")), XML
                )
            campaign = self.campaigns.get(found[1])
            inner = f"<CampaignId>{campaign}</CampaignId>" if campaign else ""
            details = (
                f"<TelephoneNumberDetails><FullNumber>{found[1]}</FullNumber>"
                f"<Status>{self.elsewhere.get(e164, 'Inservice')}</Status><MessagingSettings>"
                f"<SmsEnabled>true</SmsEnabled>{inner}</MessagingSettings></TelephoneNumberDetails>"
            )
            return Reply(200, _wrapped("TelephoneNumberResponse", details), XML)
        account = f"{root}/accounts/{ACCOUNT}"
        if found := re.fullmatch(rf"{account}/campaignManagement/10dlc/campaigns/(imports/)?(C\w+)", call.path):
            return self._imported(found[2]) if found[1] else _no_such("CampaignResponse", "12189")
        if self.version == "2" and call.path.startswith(f"{account}/tendlc/"):
            return self._tendlc(call.path.removeprefix(f"{account}/tendlc/"), call.query)
        return Reply(404, b"<html>nothing here</html>", is_foreign=True)

    def _imported(self, campaign_id: str) -> Reply:
        status = self.registered.get(campaign_id)
        if status is None:
            return _no_such("LongCodeImportCampaignResponse", "12189")
        operators = "".join(
            f"<MnoStatus><MnoName>{network}</MnoName><MnoId>{network}</MnoId><Status>{word}</Status></MnoStatus>"
            for network, word in self.networks.get(campaign_id, {}).items()
        )
        listed = f"<MnoStatusList>{operators}</MnoStatusList>" if operators else ""
        said = f"<CampaignId>{campaign_id}</CampaignId><Status>{status}</Status>{listed}"
        campaign = f"<ImportedCampaign>{said}</ImportedCampaign>"
        return Reply(200, _wrapped("LongCodeImportCampaignResponse", campaign), XML)

    def _tendlc(self, path: str, query: dict[str, str]) -> Reply:
        if not self.may_list:
            return json_reply(403, {"errors": [{"description": "does not have access rights"}]})
        wanted = query.get("campaignId[contains]", "")
        match path.split("/"):
            case ["phoneNumbers"]:
                numbers = [number for number, campaign in self.campaigns.items() if wanted in campaign]
                return _page(
                    [self.record(one) for one in sorted([*numbers, *([] if wanted else self.unassigned)])], query
                )
            case ["phoneNumbers", number] if number in self.campaigns or number in self.unassigned:
                return json_reply(200, {"data": self.record(number)})
            case ["brands"]:
                return _page([self._brand(one) for one in sorted(self.brands)], query)
            case ["campaigns"]:
                return _page([self._campaign(one) for one in sorted(self.registered) if wanted in one], query)
            case ["campaigns", campaign_id] if campaign_id in self.registered:
                return json_reply(200, {"data": self._campaign(campaign_id)})
            case ["campaigns", campaign_id, "phoneNumbers"] if campaign_id in self.registered:
                numbers = [number for number, campaign in self.campaigns.items() if campaign == campaign_id]
                return _page([self.record(number) for number in sorted(numbers)], query)
        return json_reply(404, {"errors": [{"description": "not found"}]})

    def record(self, number: str) -> dict[str, str]:
        """A number of the list. Only one that is on a campaign has the last three keys."""
        status = self.registrations.get(number, "SUCCESS")
        record = {"phoneNumber": number, "status": status, "nnid": "103710", "createdDate": TIME, "modifiedDate": TIME}
        if number in self.campaigns:
            campaign_id = self.campaigns[number]
            record |= {"campaignId": campaign_id, "brandId": self._brand_of(campaign_id), "customerProfileId": "P1"}
        return record

    def _campaign(self, campaign_id: str) -> dict[str, str]:
        status = "REGISTERED" if self.registered[campaign_id] == "ACTIVE" else "SUSPENDED"
        names = {"campaignName": f"Campaign {campaign_id}", "usecase": "MIXED"}
        return {"campaignId": campaign_id, "brandId": self._brand_of(campaign_id), "status": status, **names}

    def _brand_of(self, campaign_id: str) -> str:
        return self.brand_of.get(campaign_id, "BBRAND1")

    def _brand(self, brand_id: str) -> dict[str, str]:
        names = {"bandwidthId": f"W{brand_id}", "displayName": f"Brand {brand_id}"}
        return {"brandId": brand_id, "brandIdentityStatus": self.brands[brand_id], **names}

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
        root = fromstring(call.content, forbid_dtd=True)
        [group] = root.findall("TnOptionGroups/TnOptionGroup")
        action = group.findtext("A2pSettings/Action")
        campaign_id = group.findtext("A2pSettings/CampaignId")
        numbers = [element.text or "" for element in group.findall("TelephoneNumbers/TelephoneNumber")]
        form = r"\d{10}" if self.version == "1" else r"\+1\d{10}"
        self.violations += [
            f"{number}: not the form of this version" for number in numbers if not re.fullmatch(form, number)
        ]
        # What the elements alone do not say: what has to be together, and what a toll-free number does not have.
        if (action, group.findtext("Sms"), campaign_id is None) not in {
            ("asSpecified", "on", False),
            ("delete", None, True),
        }:
            self.violations.append(f"{action} with Sms {group.findtext('Sms')} and CampaignId {campaign_id}")
        if action == "delete" and (toll_free := [number for number in numbers if number[-10:-7] in TOLL_FREE]):
            self.violations.append(f"delete does not exist for {toll_free}")
        customer_order_id = root.findtext("CustomerOrderId") or ""
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
            f"{head}<TnOptionOrder><OrderCreateDate>{TIME}</OrderCreateDate>"
            f"<CustomerOrderId>{escape(order.customer_order_id)}</CustomerOrderId><OrderId>{order.order_id}</OrderId>"
            f"<ProcessingStatus>{order.status}</ProcessingStatus>{errors}"
            f"<Warnings><Warning>{warning}</Warning></Warnings></TnOptionOrder>"
        )


def error(code: str, description: str, *numbers: str, plural: bool = False) -> str:
    """One `Error` of an `ErrorList`."""
    listed = "".join(f"<TelephoneNumber>{number}</TelephoneNumber>" for number in numbers)
    if plural:
        listed = f"<TelephoneNumbers>{listed}</TelephoneNumbers>"
    return f"<Error><Code>{code}</Code><Description>{escape(description)}</Description>{listed}</Error>"


def _page(records: list[dict[str, str]], query: dict[str, str]) -> Reply:
    limit, offset = min(int(query.get("limit", "50")), 250), int(query.get("offset", "0"))
    numbers = {"pageNumber": offset // limit, "pageSize": limit}
    page = {**numbers, "totalElements": len(records), "totalPages": -(-len(records) // limit)}
    return json_reply(200, {"data": records[offset : offset + limit], "page": page})


def _no_such(root: str, code: str) -> Reply:
    return Reply(404, _wrapped(root, _status(code, "Campaign does not exist")), XML)


def refusal(status: int, code: str, description: str) -> Reply:
    """A 400 or 409."""
    return Reply(status, _wrapped("TnOptionOrderResponse", _status(code, description)), XML)


def _status(code: str, description: str) -> str:
    said = f"<ErrorCode>{code}</ErrorCode><Description>{escape(description)}</Description>"
    return f"<ResponseStatus>{said}</ResponseStatus>"


def _wrapped(root: str, inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><{root}>{inner}</{root}>'.encode()


class OddBandwidth(FakeBandwidth):
    """An account whose list has other `records` for some numbers than are documented, or bad answers to some calls."""

    def __init__(self) -> None:
        super().__init__("2")
        self.is_bad: Callable[[Call], bool] = lambda _call: False
        self.records: dict[str, Any] = {}

    def record(self, number: str) -> Any:
        """As the account has it, or as it is given."""
        return self.records.get(number, super().record(number))

    def answer(self, call: Call) -> Reply:
        """As the account does, unless the call is a bad one."""
        return BAD if self.is_bad(call) else replace(super().answer(call), is_foreign=bool(self.records))

    def offsets(self) -> list[int]:
        """Which pages were asked for."""
        return [int(call.query["offset"]) for call in self.calls if "offset" in call.query]
