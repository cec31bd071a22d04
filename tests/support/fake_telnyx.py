"""Telnyx's 10DLC endpoints, as a server that keeps its state, records every call and fails when it is told to.

Format by team-telnyx/openapi openapi/spec3.json and team-telnyx/telnyx-python src/telnyx/types/messaging_10dlc/.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "KEY0123456789"
_ERRORS = {
    "10005": (404, "Resource not found", "The requested resource could not be found."),
    "10009": (401, "Authentication failed", "The required authentication headers were missing or wrong."),
    "10012": (409, "Duplicate resource", "The phone number is already assigned to a campaign."),
    "10016": (400, "Phone number must be in +E.164 format", "The phone number is not in +E.164 format."),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came; `path` is not decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with the next `times` calls of `method` (any, if None).

    With `acts` the server does what it was asked for first. Without a `reply` the connection is then cut.
    """

    method: str | None = None
    reply: Reply | None = None
    acts: bool = False
    times: int = 1


def error(code: str, *, status: int | None = None, detail: str | None = None) -> Reply:
    """An answer in Telnyx's form of errors."""
    usual, title, words = _ERRORS.get(code, (400, "Error", "Something is wrong."))
    content = {"errors": [{"code": code, "title": title, "detail": detail or words, "source": {}}]}
    return Reply(status or usual, json.dumps(content).encode(), {"Content-Type": "application/json"})


class FakeTelnyx:
    """The server. Attributes may be changed while it runs.

    `is_wrapped`: bodies come inside `data`. `tells_tcr_ids`: records carry `tcrCampaignId`. `takes_tcr_ids`: campaigns
    of Telnyx's own can be named by their TCR id. `is_slow`: assignments stay pending until `settle`.
    `failing`: numbers whose assignments fail, with the reason. `page_limit`: no page has more records.
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
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.on_call: Callable[[Call], None] | None = None
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The CARRIER_URL that leads here."""
        return f"telnyx://:{KEY}@127.0.0.1:{self._server.server_port}?scheme=http"

    def start(self) -> None:
        """Answers from now on."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def add_campaign(self, tcr_campaign_id: str, *, status: str = "MNO_PROVISIONED", is_shared: bool = False) -> str:
        """Telnyx's id of a new campaign."""
        content = {"tcrCampaignId": tcr_campaign_id, "tcrBrandId": "BBRAND1", "campaignStatus": status}
        if is_shared:
            self.shared[tcr_campaign_id] = content
            return tcr_campaign_id
        campaign_id = f"4b300178-131c-d902-d54e-{len(self.campaigns):012d}"
        self.campaigns[campaign_id] = {**content, "campaignId": campaign_id, "status": "ACTIVE"}
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

    def methods(self) -> list[str]:
        """The methods of all calls."""
        return [call.method for call in self.calls]

    def _tcr_id(self, campaign_id: str) -> str:
        campaign = self.campaigns.get(campaign_id)
        return campaign_id if campaign is None else str(campaign["tcrCampaignId"])

    def _end_assignment(self, number: str) -> None:
        reason = self.failing.get(number)
        self.records[number]["assignmentStatus"] = "ASSIGNED" if reason is None else "FAILED_ASSIGNMENT"
        self.records[number]["failureReasons"] = reason

    def _content(self, number: str) -> dict[str, Any]:
        record = self.records[number]
        content = {
            "phoneNumber": number,
            **record,
            "createdAt": "2021-03-08T17:57:48.801186",
            "updatedAt": "2021-03-08T17:57:48.801186",
            "tmobileNumberMappingStatus": "ADDED",
        }
        if self.tells_tcr_ids:
            content["tcrCampaignId"] = self._tcr_id(record["campaignId"])
        return content

    def _ok(self, content: dict[str, Any]) -> Reply:
        body = {"data": content} if self.is_wrapped else content
        return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _answer(self, call: Call) -> Reply:
        kind, _, raw = call.path.removeprefix("/v2/10dlc/").partition("/")
        match call.method, kind:
            case "GET", "phone_number_campaigns" if not raw:
                return self._list(call.query)
            case "POST", "phone_number_campaigns" if not raw:
                if call.body["phoneNumber"] in self.records:
                    return error("10012")
                return self._assign(call.body["phoneNumber"], call.body)
            case method, "phone_number_campaigns":
                return self._answer_of_number(method, raw, call.body)
            case "GET", "campaign":
                return self._campaign(self._find_campaign(raw), self.campaigns)
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
        size = min(int(query.get("recordsPerPage", "20")), self.page_limit)
        page = int(query.get("page", "1"))
        numbers = sorted(self.records)
        wanted = query.get("filter[tcr_campaign_id]")
        if wanted is not None:
            numbers = [number for number in numbers if self._tcr_id(self.records[number]["campaignId"]) == wanted]
        records = [self._content(number) for number in numbers[(page - 1) * size : page * size]]
        return self._ok({"records": records, "page": page, "totalRecords": len(numbers)})

    def _take_fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method in (None, method):
                fault.times -= 1
                return fault
        return None

    def _serve(self, call: Call, authorization: str | None) -> Reply | None:
        """The reply; None to cut the connection."""
        if self.on_call is not None:
            self.on_call(call)
        with self._lock:
            self.calls.append(call)
            fault = self._take_fault(call.method)
            reply: Reply | None = None
            if fault is None or fault.acts:
                reply = self._answer(call) if authorization == f"Bearer {KEY}" else error("10009")
        if fault is not None:
            reply = fault.reply
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Else two small packets wait for each other.
            disable_nagle_algorithm = True

            def answer(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                call = Call(self.command, parts.path, query, json.loads(body) if body else None)
                reply = fake._serve(call, self.headers.get("Authorization"))
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                # A client that has enough leaves in the middle of a large body.
                try:
                    self.wfile.write(reply.body)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  (http.server's names.)

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        return Handler
