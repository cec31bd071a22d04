"""Telnyx's 10DLC numbers, campaigns and brands; schemas/telnyx.json has the sources."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from carriers.base import OrderAction, OrderRequest
from tests.support.serving import Call, FakeCarrier, Reply, json_reply

KEY = "KEY0123456789"
BRAND, TCR_BRAND = "4b20017f-8da9-a992-a6c0-683072fb7729", "BBRAND1"
NUMBER, TCR, OTHER = "+19192491000", "CAAAAA1", "CBBBBB2"
ATTACH = OrderRequest(order_id="one", action=OrderAction.ATTACH, tcr_campaign_id=TCR, numbers=(NUMBER,))
DETACH = OrderRequest(order_id="two", action=OrderAction.DETACH, tcr_campaign_id=None, numbers=(NUMBER,))
RECORD = {"phoneNumber": NUMBER, "campaignId": "x", "tcrCampaignId": TCR, "assignmentStatus": "ASSIGNED"}
_ERRORS = {
    "10005": (404, "Resource not found", "The requested resource could not be found."),
    "10009": (401, "Authentication failed", "The required authentication headers were missing or wrong."),
    "10012": (409, "Duplicate resource", "The phone number is already assigned to a campaign."),
    "10016": (400, "Phone number must be in +E.164 format", "The phone number is not in +E.164 format."),
}


def error(code: str, *, status: int | None = None, detail: str | None = None) -> Reply:
    """An answer in Telnyx's form of errors."""
    usual, title, words = _ERRORS.get(code, (400, "Error", "Something is wrong."))
    content = {"errors": [{"code": code, "title": title, "detail": detail or words, "source": {}}]}
    return json_reply(status or usual, content)


class FakeTelnyx(FakeCarrier):
    """The account. Attributes may be changed while it runs.

    `is_wrapped`: bodies come inside `data`. `tells_tcr_ids`: records carry `tcrCampaignId`. `takes_tcr_ids`: campaigns
    of Telnyx's own can be named by their TCR id. `is_slow`: assignments stay pending until `settle`.
    `failing`: numbers whose assignments fail, with the reason. `page_limit`: no page has more records. `tells_status`:
    records carry `assignmentStatus`, which is optional. `elsewhere`: the statuses of numbers that are not active; None
    if the account has none such. `dormant`: TCR ids of campaigns whose next assignment fails and wakes them.
    `mappings`: how far the networks are with each number. `brands`: Telnyx's ID of each, by its TCR ID.
    `numbers`: those of the account that are on no campaign.
    """

    def __init__(self) -> None:
        self.is_wrapped = False
        self.tells_tcr_ids = True
        self.takes_tcr_ids = True
        self.is_slow = False
        self.page_limit = 1000
        self.failing: dict[str, str] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.campaigns: dict[str, dict[str, Any]] = {}
        self.shared: dict[str, dict[str, Any]] = {}
        self.tells_status = True
        self.brands = {TCR_BRAND: BRAND}
        self.numbers: set[str] = set()
        self.elsewhere: dict[str, str | None] = {}
        self.dormant: set[str] = set()
        self.mappings = {"tmobileNumberMappingStatus": "ADDED"}
        super().__init__("telnyx")

    @property
    def url(self) -> str:
        """The CARRIER_URL that leads here."""
        return f"telnyx://:{KEY}@127.0.0.1:{self.port}?scheme=http"

    def add_campaign(
        self,
        tcr_campaign_id: str,
        *,
        status: str = "MNO_PROVISIONED",
        is_shared: bool = False,
        tcr_brand_id: str = TCR_BRAND,
    ) -> str:
        """Telnyx's id of a new campaign."""
        content = {"tcrCampaignId": tcr_campaign_id, "tcrBrandId": tcr_brand_id, "campaignStatus": status}
        if is_shared:
            self.shared[tcr_campaign_id] = {**content, "usecase": "MARKETING", "brandDisplayName": "Umbrella"}
            return tcr_campaign_id
        campaign_id = f"4b300178-131c-d902-d54e-{len(self.campaigns):012d}"
        own = {
            "campaignId": campaign_id,
            "brandId": self.brands[tcr_brand_id],
            "status": "ACTIVE",
            "cspId": "TNX",
            "mock": False,
        }
        words = {"description": "News", "usecase": "MIXED", "subUsecases": ["MARKETING"], "termsAndConditions": True}
        self.campaigns[campaign_id] = {**content, **own, **words}
        return campaign_id

    def put(self, number: str, campaign_id: str, status: str = "ASSIGNED", reasons: str | None = None) -> None:
        """The number is on the campaign."""
        with self._lock:
            self.records[number] = {"campaignId": campaign_id, "assignmentStatus": status, "failureReasons": reasons}

    def settle(self) -> None:
        """What is pending is done."""
        with self._lock:
            for number, record in list(self.records.items()):
                if record["assignmentStatus"] == "PENDING_UNASSIGNMENT":
                    del self.records[number]
                elif record["assignmentStatus"] == "PENDING_ASSIGNMENT":
                    self._end_assignment(number)

    def assigned(self) -> dict[str, str]:
        """The TCR id of each number's campaign."""
        with self._lock:
            return {
                number: self._tcr_id(record["campaignId"])
                for number, record in self.records.items()
                if record["assignmentStatus"] == "ASSIGNED"
            }

    def _tcr_id(self, campaign_id: str) -> str:
        campaign = self.campaigns.get(campaign_id)
        return campaign_id if campaign is None else str(campaign["tcrCampaignId"])

    def _end_assignment(self, number: str) -> None:
        tcr_id = self._tcr_id(self.records[number]["campaignId"])
        reason = self.failing.get(number, "The campaign is dormant." if tcr_id in self.dormant else None)
        self.dormant.discard(tcr_id)
        self.records[number]["assignmentStatus"] = "ASSIGNED" if reason is None else "FAILED_ASSIGNMENT"
        self.records[number]["failureReasons"] = reason

    def _content(self, number: str) -> dict[str, Any]:
        record = self.records[number]
        content = {
            "phoneNumber": number,
            **record,
            "createdAt": "2021-03-08T17:57:48.801186",
            "updatedAt": "2021-03-08T17:57:48.801186",
            **self.mappings,
        }
        if not self.tells_status:
            del content["assignmentStatus"]
        if self.tells_tcr_ids:
            content["tcrCampaignId"] = self._tcr_id(record["campaignId"])
        return content

    def _ok(self, content: dict[str, Any]) -> Reply:
        return json_reply(200, {"data": content} if self.is_wrapped else content)

    def answer(self, call: Call) -> Reply:
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return error("10009")
        if call.raw_path == "/v2/phone_numbers":
            return self._numbers(call.query)
        kind, _, raw = call.raw_path.removeprefix("/v2/10dlc/").partition("/")
        match call.method, kind:
            case "GET", "phone_number_campaigns" if not raw:
                return self._list(call.query)
            case "POST", "phone_number_campaigns" if not raw:
                if call.body["phoneNumber"] in self.records:
                    return error("10012")
                return self._assign(call.body["phoneNumber"], call.body)
            case method, "phone_number_campaigns":
                return self._answer_of_number(method, raw, call.body)
            case "GET", "brand" if not raw:
                listed = [self._brand(tcr_id) for tcr_id in self.brands]
                return self._page([one for one in listed if _is_wanted(one, call.query, "tcrBrandId")], call.query)
            case "GET", "campaign" if not raw:
                listed = [one for one in self.campaigns.values() if _is_wanted(one, call.query, "brandId")]
                return self._page(listed, call.query)
            case "GET", "campaign":
                return self._campaign(self._find_campaign(raw), self.campaigns)
            case "GET", "partner_campaigns" if not raw:
                return self._page(list(self.shared.values()), call.query)
            case "GET", "partner_campaigns":
                return self._campaign(raw, self.shared)
        return error("10005")

    def _answer_of_number(self, method: str, raw: str, body: Any) -> Reply:
        number = unquote(raw)
        # An unencoded plus is a space to many a server.
        if "+" in raw or number not in self.records:
            return error("10005")
        if method == "PUT":
            return self._assign(number, body)
        if method == "DELETE":
            return self._unassign(number)
        return self._ok(self._content(number))

    def _find_campaign(self, campaign_id: str) -> str | None:
        if self.takes_tcr_ids:
            for own_id, campaign in self.campaigns.items():
                if campaign["tcrCampaignId"] == campaign_id:
                    return own_id
        return campaign_id if campaign_id in self.campaigns else None

    def _campaign(self, campaign_id: str | None, campaigns: Mapping[str, dict[str, Any]]) -> Reply:
        if campaign_id is None or campaign_id not in campaigns:
            return error("10005")
        return self._ok(campaigns[campaign_id])

    def _assign(self, number: str, body: Any) -> Reply:
        if not number.startswith("+1"):
            return error("10016")
        campaign_id = self._find_campaign(body["campaignId"])
        if campaign_id is None and body["campaignId"] in self.shared:
            campaign_id = body["campaignId"]
        if campaign_id is None:
            return error("10005", detail="Campaign not found.")
        self.put(number, campaign_id, "PENDING_ASSIGNMENT")
        if not self.is_slow:
            self._end_assignment(number)
        return self._ok(self._content(number))

    def _unassign(self, number: str) -> Reply:
        self.records[number]["assignmentStatus"] = "PENDING_UNASSIGNMENT"
        answer = self._ok(self._content(number))
        if not self.is_slow:
            del self.records[number]
        return answer

    def _list(self, query: Mapping[str, str]) -> Reply:
        numbers = sorted(self.records)
        wanted = query.get("filter[tcr_campaign_id]")
        if wanted is not None:
            numbers = [number for number in numbers if self._tcr_id(self.records[number]["campaignId"]) == wanted]
        return self._page([self._content(number) for number in numbers], query)

    def _brand(self, tcr_brand_id: str) -> dict[str, Any]:
        ids = {"brandId": self.brands[tcr_brand_id], "tcrBrandId": tcr_brand_id}
        return {**ids, "displayName": f"Brand {tcr_brand_id}", "identityStatus": "VERIFIED", "status": "OK"}

    def _numbers(self, query: Mapping[str, str]) -> Reply:
        if (digits := query.get("filter[phone_number]")) is not None:
            # Any other character finds nothing; what is found may be longer.
            numbers = [f"+{digits}", f"+{digits}9"] if digits.isdigit() else []
        else:
            numbers = sorted({*self.numbers, *self.records})
        statuses = {number: self.elsewhere.get(number, "active") for number in numbers}
        listed = [
            {"phone_number": number, "status": status}
            for number, status in statuses.items()
            if status and query.get("filter[status]") in (None, status)
        ]
        size, page = min(int(query.get("page[size]", "20")), self.page_limit), int(query.get("page[number]", "1"))
        meta = {"page_number": page, "page_size": size, "total_pages": -(-len(listed) // size)}
        shown = listed[(page - 1) * size : page * size]
        return json_reply(200, {"data": shown, "meta": meta | {"total_results": len(listed)}})

    def _page(self, records: list[dict[str, Any]], query: Mapping[str, str]) -> Reply:
        size = min(int(query.get("recordsPerPage", "20")), self.page_limit)
        page = int(query.get("page", "1"))
        shown = records[(page - 1) * size : page * size]
        return self._ok({"records": shown, "page": page, "totalRecords": len(records)})


def _is_wanted(record: Mapping[str, Any], query: Mapping[str, str], key: str) -> bool:
    return key not in query or record[key] == query[key]


def own_id(fake: FakeTelnyx, tcr_campaign_id: str) -> str:
    """Telnyx's id of the campaign."""
    return next(own for own, campaign in fake.campaigns.items() if campaign["tcrCampaignId"] == tcr_campaign_id)
