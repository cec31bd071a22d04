"""Bandwidth's lists: brands, campaigns and numbers (`/tendlc/phoneNumbers`: on which campaign, and may it send).

Sources: Bandwidth/cli README.md, AGENTS.md, cmd/tendlc/{brand,campaign}_list.go, internal/tendlc/{numbers,states}.go,
whose authors measured that `campaignId[contains]` filters, that a number's own page answers 404 for numbers that the
list has, and that records lack the fields that have no value. The lists need a role (campaign management); without it
the answer is 403.
"""

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog

from carriers.base import (
    Assignment,
    AssignmentPage,
    AssignmentState,
    CampaignDecision,
    CarrierRefused,
    CarrierUnavailable,
    Failure,
    FailureKind,
    ListedBrand,
    ListedCampaign,
    ListUnavailable,
    OrderAction,
    OrderReport,
    OrderRequest,
    Registration,
    carriers_date,
    carriers_name,
    carriers_words,
    unreadable,
)
from carriers.http import Answer

log = structlog.get_logger(__name__)

PAGE_SIZE = 250
# Asked again then, so that a role that was granted meanwhile counts without a restart.
_DENIED_SECONDS = 3600.0
_STATES = {
    "SUCCESS": AssignmentState.ASSIGNED,
    "PROCESSING": AssignmentState.PENDING,
    "FAILURE": AssignmentState.FAILED,
}
# As Bandwidth/cli's states.go reads them; an error is that of the registration.
_CAMPAIGNS = {
    "REGISTERING": (Registration.PENDING, CampaignDecision.PENDING),
    "REGISTERED": (Registration.ACTIVE, CampaignDecision.APPROVED),
    "DECLINED": (Registration.REJECTED, CampaignDecision.REJECTED),
    "ERROR": (Registration.REJECTED, CampaignDecision.REJECTED),
    "SUSPENDED": (Registration.ACTIVE, CampaignDecision.SUSPENDED),
    "UNREGISTERING": (Registration.EXPIRED, CampaignDecision.SUSPENDED),
    "EXPIRED": (Registration.EXPIRED, CampaignDecision.SUSPENDED),
}
_NOT_REGISTERED = Failure(
    FailureKind.REJECTED, "Bandwidth could not register the number on the campaign.", carrier_code="FAILURE"
)

Get = Callable[[str, Mapping[str, str] | None], Answer]
"""Asks Bandwidth for JSON at a path below the account's. Returns the answer whatever its status."""


class Access:
    """Whether this account may read the list, as far as its answers have shown. Shared by all threads."""

    def __init__(self) -> None:
        self._denied_at: float | None = None
        self._is_logged = False

    def check(self) -> None:
        """Raise ListUnavailable if the list was denied within the last hour."""
        if self._denied_at is not None and time.monotonic() - self._denied_at < _DENIED_SECONDS:
            raise ListUnavailable

    def deny(self, status: int) -> None:
        """Remember that the account may not read the list, and log it once."""
        self._denied_at = time.monotonic()
        if not self._is_logged:
            self._is_logged = True
            log.warning(
                "bandwidth.list_denied",
                status=status,
                consequence="An order's COMPLETE counts as propagated, and numbers are looked up one by one.",
                resolution="Ask Bandwidth for the campaign management role.",
            )


def pages(get: Get, access: Access, position: int) -> Iterator[AssignmentPage]:
    """See `Carrier.assignment_pages`."""
    while True:
        page, total = _page(get, access, position, None)
        seen = position + len(page.assignments) + page.unreadable
        is_last = seen >= total or seen == position
        yield replace(page, next_position=None if is_last else seen, total=total)
        if is_last:
            return
        position = seen


def brands(get: Get, access: Access) -> Iterator[ListedBrand]:
    """See `Carrier.brands`."""
    for record in _records(get, access, "tendlc/brands"):
        match record:
            case {"brandId": str() as brand_id, **fields}:
                identity = carriers_name(fields.get("brandIdentityStatus"))
                name = carriers_name(fields.get("displayName"), fields.get("companyName"))
                yield ListedBrand(brand_id, name, identity)


def campaigns(get: Get, access: Access, tcr_brand_ids: Collection[str]) -> Iterator[ListedCampaign]:
    """See `Carrier.campaigns`. All are read: the filter by brand takes a part of an ID for the whole."""
    for record in _records(get, access, "tendlc/campaigns"):
        match record:
            case {"campaignId": str() as campaign_id, "brandId": str() as brand_id, **fields} if (
                brand_id in tcr_brand_ids
            ):
                registration, decision = _CAMPAIGNS.get(str(fields.get("status")), (None, None))
                yield ListedCampaign(
                    campaign_id,
                    brand_id,
                    name=carriers_name(fields.get("campaignName")),
                    usecase=carriers_name(fields.get("usecase")),
                    registration=registration,
                    decision=decision,
                    expiration_date=None if fields.get("autoRenewal") else carriers_date(fields.get("expirationDate")),
                )


def look_up(get: Get, access: Access, number: str) -> Iterator[tuple[str, str | None]]:
    """See `Carrier.assignments`, for one number. Raises ListUnavailable too."""
    content = _ask(get, access, f"tendlc/phoneNumbers/{quote(number, safe='')}", None)
    if content is None:
        yield number, None
        return
    assignment = _assignment(content.get("data"))
    if assignment is None or assignment.number != number:
        raise unreadable()
    if assignment.state is AssignmentState.FAILED:
        yield number, None
    elif assignment.state is AssignmentState.ASSIGNED:
        yield number, assignment.tcr_campaign_id


def with_registration(get: Get, access: Access, order: OrderRequest, report: OrderReport) -> OrderReport:
    """Add to an order's report what the list says of its numbers.

    An order that is COMPLETE has been carried out, but a number may send only after its registration has succeeded.
    An account that may not read the list gets the report unchanged.
    """
    succeeded = {number for number in order.numbers if report.failure_of(number) is None}
    if report.is_open or order.action is not OrderAction.ATTACH or order.tcr_campaign_id is None or not succeeded:
        return report
    try:
        failures = _registered(get, access, succeeded, order.tcr_campaign_id)
    except ListUnavailable:
        return report
    return replace(report, failures={**report.failures, **failures}, unfinished=frozenset(succeeded))


def _registered(get: Get, access: Access, numbers: set[str], tcr_campaign_id: str) -> dict[str, Failure]:
    """Remove from `numbers` those whose registration has ended, and return the failures among them.

    The pages are read in a random order: where time or the rate limit ends it early, the next poll reads others.
    """
    failures: dict[str, Failure] = {}
    positions = [0]
    is_first = True
    # The order itself is known whatever happens here, so that it is not looked up by our ID, and nothing is repeated.
    with suppress(CarrierRefused, CarrierUnavailable):
        while numbers and positions:
            page, total = _page(get, access, positions.pop(), tcr_campaign_id)
            if is_first and page.assignments:
                positions = list(range(len(page.assignments) + page.unreadable, total, PAGE_SIZE))
                random.shuffle(positions)
            is_first = False
            for assignment in page.assignments:
                is_ended = assignment.state in (AssignmentState.FAILED, AssignmentState.ASSIGNED)
                if is_ended and assignment.tcr_campaign_id == tcr_campaign_id and assignment.number in numbers:
                    numbers.discard(assignment.number)
                    if assignment.state is AssignmentState.FAILED:
                        failures[assignment.number] = _NOT_REGISTERED
    return failures


def _page(get: Get, access: Access, position: int, tcr_campaign_id: str | None) -> tuple[AssignmentPage, int]:
    params = {"limit": str(PAGE_SIZE), "offset": str(position)}
    if tcr_campaign_id is not None:
        params["campaignId[contains]"] = tcr_campaign_id
    records, total = _list(get, access, "tendlc/phoneNumbers", params)
    read = [_assignment(record) for record in records]
    assignments = [assignment for assignment in read if assignment is not None]
    return AssignmentPage(assignments, None, len(read) - len(assignments)), total


def _records(get: Get, access: Access, path: str) -> Iterator[object]:
    """Yield all records of a list. Raises CarrierUnavailable if it was changed meanwhile."""
    seen, before = 0, None
    while True:
        records, total = _list(get, access, path, {"limit": str(PAGE_SIZE), "offset": str(seen)})
        if before not in (None, total):
            raise CarrierUnavailable("Bandwidth's list changed while it was read.", was_sent=False)
        yield from records
        seen, before = seen + len(records), total
        if not records or seen >= total:
            return


def _list(get: Get, access: Access, path: str, params: Mapping[str, str]) -> tuple[list[object], int]:
    """Return the records of a page, and how many the whole list has."""
    content = _ask(get, access, path, params)
    if content is None:
        access.deny(HTTPStatus.NOT_FOUND)
        raise ListUnavailable
    match content:
        case {"data": list() as records, "page": {"totalElements": int() as total}}:
            return records, total
    # Without a total, the end of the list cannot be distinguished from a truncated page.
    raise unreadable()


def _ask(get: Get, access: Access, path: str, params: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Return the answer's object; None if Bandwidth itself answers 404."""
    access.check()
    answer = get(path, params)
    if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) and not _is_html(answer):
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        access.deny(answer.status)
        raise ListUnavailable
    if answer.status != HTTPStatus.OK:
        words = f"Bandwidth answered with HTTP {answer.status}."
        raise CarrierUnavailable(words, carrier_code=str(answer.status))
    return answer.read_object()


def _is_html(answer: Answer) -> bool:
    """Whether a load balancer answers instead of Bandwidth."""
    return "html" in answer.headers.get("Content-Type", "") or answer.body.lstrip()[:1] == b"<"


def _assignment(record: object) -> Assignment | None:
    """Return the record of a number; None for anything else."""
    match record:
        case {"phoneNumber": str() as digits, **fields}:
            number = digits if digits.startswith("+") else f"+1{digits[-10:]}"
            campaign = fields.get("campaignId")
            campaign = carriers_words(campaign, otherwise="")[:64] if isinstance(campaign, str) else ""
            status = fields.get("status")
            state = _STATES.get(status, AssignmentState.UNKNOWN) if isinstance(status, str) else AssignmentState.UNKNOWN
            return Assignment(number, campaign or None, state if campaign else AssignmentState.UNKNOWN)
    return None
