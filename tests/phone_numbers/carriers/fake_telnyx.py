"""Telnyx's 10DLC phone number campaigns. Source: team-telnyx/openapi, openapi/spec3.json."""

import json
from typing import Any

from tests.phone_numbers.carriers.serving import Call, FakeCarrier, Reply

_NUMBERS = "/v2/10dlc/phone_number_campaigns"


class FakeTelnyx(FakeCarrier):
    """The account's numbers. What is asked for is done at once, or stays pending."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.campaign_statuses: dict[str, dict[str, str]] = {}
        self.is_wrapped = False
        self.is_slow = False
        self.has_own_ids = False
        super().__init__()

    @property
    def url(self) -> str:
        """The CARRIER_URL for it."""
        return f"telnyx://:KEY0199%2Fs-cret%3Ax@127.0.0.1:{self.port}?scheme=http"

    def answer(self, call: Call) -> Reply:
        if call.headers.get("authorization") != "Bearer KEY0199/s-cret:x":
            return error(401, "10009", "Authentication failed")
        if call.path == _NUMBERS and call.method == "POST":
            body = json.loads(call.body)
            if body["phoneNumber"] in self.records:
                return error(409, "10012", "Duplicate", "This number has a campaign.")
            return self._assign(**body)
        if call.path == _NUMBERS:
            page, size = int(call.query["page"]), int(call.query["recordsPerPage"])
            records = list(self.records.values())
            answer = {"records": records[(page - 1) * size : page * size], "page": page, "totalRecords": len(records)}
            return Reply(200, json.dumps(answer).encode())
        if call.path.startswith("/v2/10dlc/campaign/"):
            statuses = self.campaign_statuses.get(call.path.split("/")[4])
            return error(404, "10005", "Not found") if statuses is None else Reply(200, json.dumps(statuses).encode())
        number = call.path.removeprefix(_NUMBERS + "/")
        if number not in self.records:
            return error(404, "10005", "Resource not found")
        if call.method == "PUT":
            return self._assign(**json.loads(call.body))
        if call.method == "DELETE":
            record = self.records[number]
            if self.is_slow:
                record["assignmentStatus"] = "PENDING_UNASSIGNMENT"
            else:
                del self.records[number]
            return self._record(record)
        return self._record(self.records[number])

    def settle(self) -> None:
        """What is pending is done."""
        for number, record in list(self.records.items()):
            if record["assignmentStatus"] == "PENDING_UNASSIGNMENT":
                del self.records[number]
            else:
                record["assignmentStatus"] = "ASSIGNED"

    def _assign(self, phoneNumber: str, campaignId: str) -> Reply:  # noqa: N803  (Telnyx's names.)
        self.records[phoneNumber] = {
            "phoneNumber": phoneNumber,
            "campaignId": f"4b30-{campaignId}" if self.has_own_ids else campaignId,
            "tcrCampaignId": campaignId,
            "assignmentStatus": "PENDING_ASSIGNMENT" if self.is_slow else "ASSIGNED",
            "failureReasons": None,
            "createdAt": "2026-11-23T10:00:00Z",
            "updatedAt": "2026-11-23T10:00:00Z",
        }
        return self._record(self.records[phoneNumber])

    def _record(self, record: dict[str, Any]) -> Reply:
        return Reply(200, json.dumps({"data": record} if self.is_wrapped else record).encode())


def error(status: int, code: str, title: str, detail: str = "") -> Reply:
    """An answer that is a refusal."""
    return Reply(status, json.dumps({"errors": [{"code": code, "title": title, "detail": detail}]}).encode())
