"""Telnyx's adapter.

Sources: team-telnyx/openapi openapi/spec3.json (`/10dlc/phone_number_campaigns`,
`/10dlc/campaign/{campaignId}`, `/10dlc/partner_campaigns/{campaignId}`), team-telnyx/telnyx-python
src/telnyx/resources/messaging_10dlc/.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from math import ceil
from typing import Protocol, Self
from urllib.parse import SplitResult, parse_qs, quote, unquote

import orjson

from carriers.base import (
    CampaignDecision,
    CarrierRefused,
    CarrierUnavailable,
    Deadline,
    Failure,
    FailureKind,
    OrderAction,
    OrderReport,
    OrderRequest,
    carriers_words,
)
from carriers.http import Answer, HttpCaller
from carriers.telnyx import json_format
from carriers.telnyx.json_format import Assignment, AssignmentStatus, KnownCampaign, is_unknown, raise_error

HOST = "api.telnyx.com"
PAGE_SIZE = 500
"""The most that Telnyx documents for its list of campaigns; for that of numbers it documents none. A server that sends
fewer is understood."""
FEW = 20
"""So many numbers are asked for one by one without looking how long the list is."""

_DUPLICATE = "10012"
_CAMPAIGN_STATUSES = {
    "TCR_PENDING": CampaignDecision.PENDING,
    "TCR_ACCEPTED": CampaignDecision.PENDING,
    "TELNYX_ACCEPTED": CampaignDecision.PENDING,
    "MNO_PENDING": CampaignDecision.PENDING,
    # Accepted by the networks, not yet set up there: messages may still fail.
    "MNO_ACCEPTED": CampaignDecision.PENDING,
    "MNO_PROVISIONED": CampaignDecision.APPROVED,
    "TCR_FAILED": CampaignDecision.REJECTED,
    "TELNYX_FAILED": CampaignDecision.REJECTED,
    "MNO_REJECTED": CampaignDecision.REJECTED,
    "MNO_PROVISIONING_FAILED": CampaignDecision.REJECTED,
    "TCR_SUSPENDED": CampaignDecision.SUSPENDED,
    "TCR_EXPIRED": CampaignDecision.SUSPENDED,
}


class TelnyxCarrier:
    """`telnyx://:key@host[:port][?scheme=http]`; without a host, api.telnyx.com.

    Telnyx has no orders and stores no order IDs: the state of an order is that of its number.
    """

    name = "telnyx"
    batch_size = 1

    def __init__(self, *, origin: str, key: str, pace: Callable[[], None]) -> None:
        self._base = f"{origin}/v2/10dlc"
        self._headers = {"Accept": "application/json", "Authorization": f"Bearer {key}"}
        self._caller = HttpCaller(pace=pace)
        self._campaigns = CampaignIds(get=self._get)

    @classmethod
    def from_url(cls, url: SplitResult, *, pace: Callable[[], None]) -> Self:
        """Raises ValueError for what it cannot understand, in words that show no secret."""
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        if unknown := query.keys() - {"scheme"}:
            raise ValueError(f"telnyx:// does not know {', '.join(sorted(unknown))}.")
        scheme = query.get("scheme", "https")
        if scheme not in ("http", "https"):
            raise ValueError("scheme must be http or https.")
        key = unquote(url.password or "")
        if url.username or not key:
            raise ValueError("telnyx:// needs :key@.")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("the key has a character that no key of Telnyx has.")
        if url.path not in ("", "/"):
            raise ValueError("telnyx:// takes no path.")
        try:
            port = "" if url.port is None else f":{url.port}"
        except ValueError:
            # The message shows the text, which may be a part of the key.
            raise ValueError("the port must be a number.") from None
        host = url.hostname or HOST
        return cls(origin=f"{scheme}://{f'[{host}]' if ':' in host else host}{port}", key=key, pace=pace)

    def until(self, deadline: Deadline) -> Self:
        """See `Carrier`."""
        bound = copy(self)
        bound._caller = self._caller.until(deadline)  # noqa: SLF001  (A copy of this one.)
        bound._campaigns = self._campaigns.through(bound._get)  # noqa: SLF001
        return bound

    def submit(self, order: OrderRequest) -> OrderReport:
        """See `Carrier`. POST, and PUT only where there is something to replace."""
        if not order.numbers:
            return OrderReport()
        (number,) = order.numbers
        if order.action == OrderAction.DETACH:
            return self._detach(number)
        if order.tcr_campaign_id is None:
            return OrderReport(failure=Failure(FailureKind.REJECTED, "The campaign has no TCR id yet."))
        campaign_id = self._campaigns.id_for(order.tcr_campaign_id)
        try:
            return self._attach(number, order.tcr_campaign_id, campaign_id)
        except CarrierRefused as refused:
            # It may know the campaign only under its own id.
            if refused.failure.kind != FailureKind.REJECTED:
                raise
            own_id = self._campaigns.learn(order.tcr_campaign_id)
            if own_id is None or own_id == campaign_id:
                raise
        return self._attach(number, order.tcr_campaign_id, own_id)

    def find(self, order: OrderRequest) -> OrderReport | None:
        """See `Carrier`.

        A number on the wanted campaign, in whatever state, was put there by this order; one that is
        off its campaign, or going, was taken off by it.
        """
        if not order.numbers:
            return OrderReport()
        (number,) = order.numbers
        assignment = self._read(number)
        if order.action == OrderAction.DETACH:
            return _after_detach(assignment)
        if assignment is None or self._campaigns.tcr_id_of(assignment) != order.tcr_campaign_id:
            return None
        return _after_attach(assignment)

    def assignments(self, numbers: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """See `Carrier`. By the pages of the account's list where that takes fewer calls than one a number."""
        wanted = list(dict.fromkeys(numbers))
        listed: dict[str, Assignment] = {}
        is_complete = False
        if len(wanted) > FEW:
            page = self._page(1)
            pages = ceil(page.total / len(page.assignments)) if page.assignments else 1
            if pages < len(wanted):
                listed, is_complete = self._list(page)
        for number in wanted:
            # What is not in a list that changed while it was read may have slipped between two pages.
            assignment = listed[number] if number in listed else None if is_complete else self._read(number)
            yield number, self._settled_campaign(assignment)

    def campaign_status(self, tcr_campaign_id: str) -> CampaignDecision | None:
        """See `Carrier`.

        `campaignStatus` of `GET /10dlc/campaign/{campaignId}`, or of `/10dlc/partner_campaigns/…`
        where another provider shares the campaign; the classes are our reading.

        That the first takes a TCR id for a campaign of Telnyx's own is not verified; where the account's numbers have
        told Telnyx's id, that is used.
        """
        campaign = self._campaigns.read(tcr_campaign_id)
        if campaign is None:
            return None
        try:
            return _CAMPAIGN_STATUSES[campaign.status]
        except KeyError:
            raise json_format.unreadable() from None

    def close(self) -> None:
        """See `Carrier`."""
        self._caller.close()

    def _attach(self, number: str, tcr_campaign_id: str, campaign_id: str) -> OrderReport:
        content = orjson.dumps({"phoneNumber": number, "campaignId": campaign_id})
        answer = self._call("POST", "phone_number_campaigns", content)
        if _has_code(answer, _DUPLICATE):
            present = self._read(number)
            if present is not None and self._is_on_its_way(present, tcr_campaign_id, campaign_id):
                return _after_attach(present)
            answer = self._call("PUT", _path(number), content)
            if answer.status == 404:
                # It has gone off its campaign in between, or the campaign is unknown: POST tells which.
                answer = self._call("POST", "phone_number_campaigns", content)
            if _has_code(answer, _DUPLICATE):
                raise CarrierUnavailable("The number is being changed at the carrier by someone else.", was_sent=False)
        if not _is_success(answer):
            raise_error(answer)
        assignment = json_format.read_assignment(answer.body, number=number)
        if not _is_on(assignment, tcr_campaign_id, campaign_id):
            # Taken, but it does not show yet.
            return OrderReport(is_open=True)
        return _after_attach(assignment)

    def _is_on_its_way(self, present: Assignment, tcr_campaign_id: str, campaign_id: str) -> bool:
        """Whether nothing needs to be asked for. What failed, or is going, is."""
        return present.status in (AssignmentStatus.ASSIGNED, AssignmentStatus.PENDING_ASSIGNMENT) and _is_on(
            present, tcr_campaign_id, campaign_id
        )

    def _detach(self, number: str) -> OrderReport:
        answer = self._call("DELETE", _path(number))
        if is_unknown(answer):
            return OrderReport()
        if not _is_success(answer):
            raise_error(answer)
        if not answer.body.strip():
            return OrderReport(is_open=True)
        assignment = json_format.read_assignment(answer.body, number=number)
        # It may still show the record as it was before.
        return _after_detach(assignment) or OrderReport(is_open=True)

    def _settled_campaign(self, assignment: Assignment | None) -> str | None:
        """The TCR id of the campaign that the number is on or coming onto."""
        if assignment is None or assignment.status in (
            AssignmentStatus.FAILED_ASSIGNMENT,
            AssignmentStatus.PENDING_UNASSIGNMENT,
        ):
            return None
        return self._campaigns.tcr_id_of(assignment)

    def _read(self, number: str) -> Assignment | None:
        """The number's record; None if it is on no campaign."""
        answer = self._get(_path(number))
        if is_unknown(answer):
            return None
        if not _is_success(answer):
            raise_error(answer)
        assignment = json_format.read_assignment(answer.body, number=number)
        self._campaigns.note(assignment.campaign_id, assignment.tcr_campaign_id)
        return assignment

    def _page(self, number: int) -> json_format.Page:
        params = {"page": str(number), "recordsPerPage": str(PAGE_SIZE), "sort": "phoneNumber"}
        answer = self._get("phone_number_campaigns", params)
        if not _is_success(answer):
            raise_error(answer)
        return json_format.read_page(answer.body)

    def _list(self, first: json_format.Page) -> tuple[dict[str, Assignment], bool]:
        """Every record by its number, and whether the list stayed as it was while it was read."""
        listed = {assignment.number: assignment for assignment in first.assignments}
        page, total, number = first, first.total, 1
        while page.assignments and len(listed) < total:
            number += 1
            page = self._page(number)
            before = len(listed)
            listed.update((assignment.number, assignment) for assignment in page.assignments)
            if page.total != total or len(listed) == before:
                return listed, False
        return listed, len(listed) == total

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        return self._call("GET", path, params=params)

    def _call(
        self, method: str, path: str, content: bytes | None = None, *, params: Mapping[str, str] | None = None
    ) -> Answer:
        headers = self._headers if content is None else {**self._headers, "Content-Type": "application/json"}
        answer = self._caller.call(method, f"{self._base}/{path}", headers=headers, content=content, params=params)
        if answer.status in (401, 403):
            raise CarrierRefused(
                Failure(
                    FailureKind.NOT_CONFIGURED,
                    "Telnyx refuses the key in CARRIER_URL, or lets it do less.",
                    str(answer.status),
                )
            )
        return answer


def _path(number: str) -> str:
    return f"phone_number_campaigns/{quote(number, safe='')}"


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _has_code(answer: Answer, code: str) -> bool:
    return 400 <= answer.status < 500 and json_format.read_error(answer.body).code == code


def _is_on(assignment: Assignment, tcr_campaign_id: str, campaign_id: str) -> bool:
    """Whether the number is on this campaign, given its TCR id and the id that it was asked for under."""
    if assignment.tcr_campaign_id is not None:
        return assignment.tcr_campaign_id == tcr_campaign_id
    return assignment.campaign_id in (tcr_campaign_id, campaign_id)


def _after_attach(assignment: Assignment) -> OrderReport:
    match assignment.status:
        case AssignmentStatus.ASSIGNED:
            return OrderReport()
        case AssignmentStatus.PENDING_ASSIGNMENT | AssignmentStatus.PENDING_UNASSIGNMENT:
            return OrderReport(is_open=True)
    return _failed(assignment)


def _after_detach(assignment: Assignment | None) -> OrderReport | None:
    if assignment is None:
        return OrderReport()
    match assignment.status:
        case AssignmentStatus.PENDING_UNASSIGNMENT:
            return OrderReport(is_open=True)
        case AssignmentStatus.FAILED_UNASSIGNMENT:
            return _failed(assignment)
    return None


def _failed(assignment: Assignment) -> OrderReport:
    words = carriers_words(assignment.reasons, otherwise="Telnyx gave no reason.")
    return OrderReport(failure=Failure(FailureKind.REJECTED, words, assignment.status.value))


_TCR_ID = re.compile(r"C[0-9A-Z]{6,11}")


class Get(Protocol):
    """Asks Telnyx."""

    def __call__(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer to a GET below /v2/10dlc/."""


class CampaignIds:
    """Map TCR's ID of a campaign to Telnyx's own, and back, as far as Telnyx's answers have shown them.

    By team-telnyx/openapi (`PhoneNumberCampaign.campaignId`) a campaign goes by its TCR ID if another provider shares
    it with Telnyx, and by Telnyx's own ID otherwise. It is not verified that Telnyx takes the TCR ID for its own
    campaigns too, so both are tried. An ID is never reused, so entries never expire.
    """

    def __init__(self, *, get: Get) -> None:
        self._get = get
        self._own_ids: dict[str, str] = {}
        self._tcr_ids: dict[str, str] = {}

    def through(self, get: Get) -> "CampaignIds":
        """Return the same map, which asks Telnyx through `get`."""
        bound = copy(self)
        bound._get = get  # noqa: SLF001  (A copy of this one.)
        return bound

    def note(self, campaign_id: str | None, tcr_campaign_id: str | None) -> None:
        """Remembers a pair that an answer has shown."""
        if campaign_id is not None and tcr_campaign_id is not None:
            self._own_ids[tcr_campaign_id] = campaign_id
            self._tcr_ids[campaign_id] = tcr_campaign_id

    def id_for(self, tcr_campaign_id: str) -> str:
        """The id to name the campaign by, as far as it is known."""
        return self._own_ids.get(tcr_campaign_id, tcr_campaign_id)

    def tcr_id_of(self, assignment: Assignment) -> str:
        """The TCR id of the number's campaign; Telnyx's own id if Telnyx does not say. May ask Telnyx."""
        if assignment.tcr_campaign_id is not None:
            return assignment.tcr_campaign_id
        campaign_id = assignment.campaign_id
        if campaign_id not in self._tcr_ids and not _TCR_ID.fullmatch(campaign_id):
            campaign = self._ask("campaign", campaign_id)
            if campaign is not None:
                self.note(campaign_id, campaign.tcr_campaign_id)
        return self._tcr_ids.get(campaign_id, campaign_id)

    def learn(self, tcr_campaign_id: str) -> str | None:
        """Telnyx's own id of the campaign, by the campaign itself or a number that is on it; None if neither tells."""
        campaign = self._ask("campaign", tcr_campaign_id)
        if campaign is not None and campaign.tcr_campaign_id == tcr_campaign_id:
            self.note(campaign.campaign_id, tcr_campaign_id)
        else:
            params = {"page": "1", "recordsPerPage": "1", "filter[tcr_campaign_id]": tcr_campaign_id}
            answer = self._get("phone_number_campaigns", params)
            if not is_unknown(answer):
                if answer.status >= 300:
                    raise_error(answer)
                for assignment in json_format.read_page(answer.body).assignments:
                    self.note(assignment.campaign_id, assignment.tcr_campaign_id)
        return self._own_ids.get(tcr_campaign_id)

    def read(self, tcr_campaign_id: str) -> KnownCampaign | None:
        """The campaign, be it Telnyx's own or a shared one; None if Telnyx knows neither."""
        return self._ask("campaign", self.id_for(tcr_campaign_id)) or self._ask("partner_campaigns", tcr_campaign_id)

    def _ask(self, kind: str, campaign_id: str) -> KnownCampaign | None:
        answer = self._get(f"{kind}/{quote(campaign_id, safe='')}")
        # 422: an id of another form than this endpoint's.
        if answer.status == 422:
            json_format.read_error(answer.body)
            return None
        if is_unknown(answer):
            return None
        if answer.status >= 300:
            raise_error(answer)
        return json_format.read_campaign(answer.body)
