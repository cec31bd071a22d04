"""Telnyx's adapter.

Sources: team-telnyx/openapi openapi/spec3.json (`/10dlc/phone_number_campaigns`,
`/10dlc/campaign/{campaignId}`, `/10dlc/partner_campaigns/{campaignId}`, `/10dlc/brand`), team-telnyx/telnyx-python
src/telnyx/resources/messaging_10dlc/.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Self
from urllib.parse import SplitResult, quote, unquote

import orjson

from carriers import base
from carriers.base import (
    AssignmentPage,
    AssignmentState,
    CampaignApproval,
    CarrierRefused,
    CarrierUnavailable,
    Deadline,
    Failure,
    FailureKind,
    ListedBrand,
    ListedCampaign,
    OrderAction,
    OrderReport,
    OrderRequest,
    Pace,
    carriers_code,
    carriers_words,
    undocumented,
)
from carriers.http import Answer, HttpCarrier, read_options, read_origin
from carriers.telnyx import campaigns, json_format
from carriers.telnyx.campaigns import PAGE_SIZE, CampaignIds
from carriers.telnyx.json_format import Assignment, AssignmentStatus, is_unknown, raise_error

HOST = "api.telnyx.com"

# The most that Telnyx documents for its list of numbers.
_NUMBERS_A_PAGE = 250
_DUPLICATE = "10012"
_STATES: dict[str | None, AssignmentState] = {
    AssignmentStatus.ASSIGNED: AssignmentState.ASSIGNED,
    AssignmentStatus.FAILED_UNASSIGNMENT: AssignmentState.ASSIGNED,
    AssignmentStatus.FAILED_ASSIGNMENT: AssignmentState.FAILED,
    AssignmentStatus.PENDING_ASSIGNMENT: AssignmentState.PENDING,
    AssignmentStatus.PENDING_UNASSIGNMENT: AssignmentState.PENDING,
}
_ARRIVING = (AssignmentStatus.ASSIGNED, AssignmentStatus.PENDING_ASSIGNMENT)
# What `status` of GET /v2/phone_numbers says of a number that has been this account's; any other says nothing.
_HOLDINGS = {
    "active": True,
    "emergency-only": True,
    "port-out-pending": True,
    "ported-out": False,
    "deleted": False,
}


class TelnyxCarrier(HttpCarrier):
    """`telnyx://:key@host[:port][?scheme=http]`; without a host, api.telnyx.com.

    Telnyx has no orders and stores no order IDs: the state of an order is that of its number.
    """

    batch_size = lookup_size = page_step = 1
    page_size = PAGE_SIZE

    def __init__(self, *, origin: str, key: str, pace: Pace) -> None:
        self._root = f"{origin}/v2"
        self._base = f"{self._root}/10dlc"
        self._headers = {"Accept": "application/json", "Authorization": f"Bearer {key}"}
        super().__init__(pace=pace)
        self._campaigns = CampaignIds(get=self._get)

    @classmethod
    def from_url(cls, url: SplitResult, *, pace: Pace) -> Self:
        """Raises ValueError for what it cannot understand, in words that show no secret."""
        options, key = read_options(url, "scheme"), unquote(url.password or "")
        if url.username or not key:
            raise ValueError("telnyx:// needs :key@.")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("the key has a character that no key of Telnyx has.")
        if url.path not in ("", "/"):
            raise ValueError("telnyx:// takes no path.")
        return cls(origin=read_origin(url, HOST, scheme=options.get("scheme", "https")), key=key, pace=pace)

    def until(self, deadline: Deadline) -> Self:
        bound = super().until(deadline)
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
            # It may know the campaign only under its own ID.
            if refused.failure.kind == FailureKind.NOT_CONFIGURED:
                raise
            try:
                own_id = self._campaigns.learn(order.tcr_campaign_id, order.tcr_brand_id)
            except CarrierRefused:
                # This is about another question; the refusal of the order is what counts.
                raise refused from None
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
        """See `Carrier`. One call for each number."""
        for number in numbers:
            assignment = self._read(number)
            record = None if assignment is None else self._listed(assignment)
            if record is None or record.state is AssignmentState.FAILED:
                yield number, None
            elif record.state is AssignmentState.ASSIGNED:
                yield number, record.tcr_campaign_id

    def holdings(self, numbers: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """See `Carrier`. One call for each number. The filter takes digits only, and finds parts of numbers too."""
        for number in numbers:
            page = self._get_number_page({"filter[phone_number]": number.removeprefix("+")})
            statuses = json_format.read_numbers(page).get(number, [])
            is_held = [_HOLDINGS.get(status or "") for status in statuses]
            if True in is_held:
                yield number, True
            elif None not in is_held:
                # None at all: it is not on this account.
                yield number, False

    def assignment_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """See `Carrier`. The position is the number of the page before."""
        while True:
            position += 1
            params = {"page": str(position), "recordsPerPage": str(PAGE_SIZE), "sort": "phoneNumber"}
            page = json_format.read_page(self._get("phone_number_campaigns", params))
            records = len(page.assignments) + page.unreadable
            # Only the last page may be shorter than the others; after it an empty one ends the list.
            is_last = records == 0 or position * records >= page.total
            listed = [self._listed(assignment) for assignment in page.assignments]
            yield AssignmentPage(listed, None if is_last else position, page.unreadable, page.total)
            if is_last:
                return

    def number_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """See `Carrier`. The position is the number of the page before."""
        while True:
            position += 1
            params = {"page[number]": str(position), "filter[status]": "active", "sort": "phone_number"}
            records, pages, total = json_format.read_number_page(self._get_number_page(params))
            numbers = [
                record["phone_number"]
                for record in records
                if isinstance(record, dict) and isinstance(record.get("phone_number"), str)
            ]
            listed = [base.Assignment(number, None, AssignmentState.UNKNOWN) for number in numbers]
            is_last = position >= pages or not records
            yield AssignmentPage(listed, None if is_last else position, len(records) - len(listed), total)
            if is_last:
                return

    def brands(self) -> Iterator[ListedBrand]:
        """See `Carrier`. Those of shared campaigns too, which Telnyx's list of brands does not have."""
        return campaigns.brands(self._campaigns.records)

    def campaigns(self, tcr_brand_ids: Collection[str]) -> Iterator[ListedCampaign]:
        """See `Carrier`. Telnyx's own and shared ones."""
        return campaigns.campaigns(self._campaigns, tcr_brand_ids)

    def campaign_status(self, tcr_campaign_id: str, *, tcr_brand_id: str | None = None) -> CampaignApproval | None:
        """See `Carrier`.

        `campaignStatus` of `GET /10dlc/campaign/{campaignId}`, or of `/10dlc/partner_campaigns/…`
        where another provider shares the campaign; the classes are our reading.

        That the first takes a TCR ID for a campaign of Telnyx's own is not verified; where it does not, Telnyx's ID is
        learned through the brand.
        """
        campaign = self._campaigns.read(tcr_campaign_id, tcr_brand_id)
        if campaign is None:
            return None
        if campaign.status is None:
            raise undocumented("Telnyx does not say the campaign's status.")
        found = campaigns.approval(campaign)
        if found is None:
            raise undocumented("Telnyx gives the campaign a status that it does not document.", campaign.status)
        return found

    def tcr_campaign_ids(self, *, campaign_id: str | None, brand_id: str | None) -> Sequence[str]:
        if campaign_id is not None:
            return self._campaigns.of_campaign(campaign_id)
        return [] if brand_id is None else self._campaigns.of_brand(brand_id)

    def _attach(self, number: str, tcr_campaign_id: str, campaign_id: str) -> OrderReport:
        content = orjson.dumps({"phoneNumber": number, "campaignId": campaign_id})
        answer = self._call("POST", "phone_number_campaigns", content)
        if _has_code(answer, _DUPLICATE):
            present = self._read(number)
            # What failed, or is going, is asked for.
            if present is not None and present.status in _ARRIVING and _is_on(present, tcr_campaign_id, campaign_id):
                return _after_attach(present)
            answer = self._call("PUT", _path(number), content)
            if answer.status == 404:
                # It has gone off its campaign in between, or the campaign is unknown: POST shows which.
                answer = self._call("POST", "phone_number_campaigns", content)
            if _has_code(answer, _DUPLICATE):
                raise CarrierUnavailable("The number is being changed at the carrier by someone else.", was_sent=False)
        assignment = json_format.read_assignment(answer, number=number)
        if not _is_on(assignment, tcr_campaign_id, campaign_id):
            # Taken, but it does not show yet.
            return OrderReport(is_open=True)
        return _after_attach(assignment)

    def _detach(self, number: str) -> OrderReport:
        answer = self._call("DELETE", _path(number))
        if is_unknown(answer):
            return OrderReport()
        if answer.status == 204:
            return OrderReport(is_open=True)
        assignment = json_format.read_assignment(answer, number=number)
        # It may still show the record as it was before.
        return _after_detach(assignment) or OrderReport(is_open=True)

    def _listed(self, assignment: Assignment) -> base.Assignment:
        """Convert a record. The state is unknown unless Telnyx says it, and the TCR ID of the campaign."""
        try:
            campaign = self._campaigns.tcr_id_of(assignment)
        except CarrierRefused:
            campaign = None
        if campaign is None:
            # On a campaign all the same.
            return base.Assignment(assignment.number, assignment.campaign_id, AssignmentState.UNKNOWN)
        return base.Assignment(assignment.number, campaign, _STATES.get(assignment.status, AssignmentState.UNKNOWN))

    def _read(self, number: str) -> Assignment | None:
        """The number's record; None if it is on no campaign."""
        answer = self._get(_path(number))
        if is_unknown(answer):
            return None
        assignment = json_format.read_assignment(answer, number=number)
        self._campaigns.note(assignment)
        return assignment

    def _get_number_page(self, params: Mapping[str, str]) -> Answer:
        params = {"page[size]": str(_NUMBERS_A_PAGE), **params}
        return self._call("GET", "phone_numbers", params=params, base=self._root)

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        return self._call("GET", path, params=params)

    def _call(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        params: Mapping[str, str] | None = None,
        base: str | None = None,
    ) -> Answer:
        headers = self._headers if content is None else {**self._headers, "Content-Type": "application/json"}
        answer = self._caller.call(
            method, f"{base or self._base}/{path}", headers=headers, content=content, params=params
        )
        if answer.status in (401, 402, 403):
            raise_error(answer)
        return answer


def _path(number: str) -> str:
    return f"phone_number_campaigns/{quote(number, safe='')}"


def _has_code(answer: Answer, code: str) -> bool:
    return 400 <= answer.status < 500 and json_format.read_error(answer).code == code


def _is_on(assignment: Assignment, tcr_campaign_id: str, campaign_id: str) -> bool:
    """Whether the number is on this campaign, given its TCR id and the id that it was asked for under."""
    if assignment.tcr_campaign_id is not None:
        return assignment.tcr_campaign_id == tcr_campaign_id
    return assignment.campaign_id in (tcr_campaign_id, campaign_id)


def _after_attach(assignment: Assignment) -> OrderReport:
    match assignment.status:
        case AssignmentStatus.ASSIGNED:
            return OrderReport(steps=assignment.steps)
        # Telnyx may leave the status out; then nothing is known yet.
        case AssignmentStatus.PENDING_ASSIGNMENT | AssignmentStatus.PENDING_UNASSIGNMENT | None:
            return OrderReport(is_open=True, steps=assignment.steps)
    return _failed(assignment)


def _after_detach(assignment: Assignment | None) -> OrderReport | None:
    if assignment is None:
        return OrderReport()
    match assignment.status:
        case AssignmentStatus.PENDING_UNASSIGNMENT | None:
            return OrderReport(is_open=True, steps=assignment.steps)
        case AssignmentStatus.ASSIGNED | AssignmentStatus.PENDING_ASSIGNMENT | AssignmentStatus.FAILED_ASSIGNMENT:
            return None
    return _failed(assignment)


def _failed(assignment: Assignment) -> OrderReport:
    kind = FailureKind.REJECTED if assignment.is_documented else FailureKind.UNKNOWN_CARRIER_ANSWER
    words = carriers_words(assignment.reasons, otherwise="Telnyx gave no reason.")
    may_be_dormant = assignment.status == AssignmentStatus.FAILED_ASSIGNMENT
    failure = Failure(kind, words, carriers_code(assignment.status), may_be_dormant=may_be_dormant)
    return OrderReport(failure=failure, steps=assignment.steps)
