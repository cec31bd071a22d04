"""Telnyx behind the protocol. There is no order and no id of ours there: what a number's record says is the answer."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Self
from urllib.parse import SplitResult, parse_qs, quote, unquote

from campaigns.models import CarrierStatus
from phone_numbers.carriers.http import Answer, HttpCaller
from phone_numbers.carriers.protocol import (
    CarrierUnavailable,
    Failure,
    OrderAction,
    OrderReport,
    OrderRequest,
)
from phone_numbers.carriers.telnyx import answers
from phone_numbers.carriers.telnyx.answers import Assignment, AssignmentStatus
from phone_numbers.carriers.text import carriers_words
from phone_numbers.failures import FailureCode

HOST = "api.telnyx.com"
_PATH = "/v2"
_NUMBERS = "/10dlc/phone_number_campaigns"
_PAGE = 250
# From so many numbers on, the whole list costs fewer calls than asking for each.
_LIST_FROM = 20
_GOOD = (AssignmentStatus.ASSIGNED, AssignmentStatus.PENDING_ASSIGNMENT)


class TelnyxCarrier:
    """`telnyx://:key@host[:port][?scheme=http]`; the key is percent-encoded where it has to be."""

    name = "telnyx"
    batch_size = 1

    def __init__(self, *, origin: str, key: str, pace: Callable[[], None]) -> None:
        self._base = origin + _PATH
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._caller = HttpCaller(pace=pace)

    @classmethod
    def from_url(cls, url: SplitResult, *, pace: Callable[[], None]) -> Self:
        """Raises ValueError for what it cannot understand, in words that show no secret."""
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        if unknown := query.keys() - {"scheme"}:
            raise ValueError(f"telnyx:// does not know {', '.join(sorted(unknown))}.")
        scheme = query.get("scheme", "https")
        if scheme not in ("http", "https"):
            raise ValueError("scheme must be http or https.")
        if not url.password or url.username:
            raise ValueError("telnyx:// needs :key@, with nothing before the colon.")
        key = unquote(url.password)
        if not key.isascii() or not key.isprintable():
            raise ValueError("the key has characters that no key has.")
        port = "" if url.port is None else f":{url.port}"
        return cls(origin=f"{scheme}://{url.hostname or HOST}{port}", key=key, pace=pace)

    def submit(self, order: OrderRequest) -> OrderReport:
        """See `Carrier`. POST for a number that has no campaign; PUT for one of which Telnyx says that it has one."""
        [number] = order.numbers
        if order.action is OrderAction.DETACH:
            return self._detach(number)
        assert order.tcr_campaign_id is not None  # noqa: S101  (An attach has one.)
        body = {"phoneNumber": number, "campaignId": order.tcr_campaign_id}
        answer = self._call("POST", _NUMBERS, body)
        if answers.error_code(answer) == answers.DUPLICATE:
            answer = self._call("PUT", _path(number), body)
            if answer.status == 404:
                # It has none any more.
                answer = self._call("POST", _NUMBERS, body)
        if answer.status in (200, 201, 202):
            return _report(order, answers.read_assignment(answers.read_object(answer)))
        # Putting a number where it is already may be refused, and is no failure.
        present = self._get(number) if answers.error_code(answer) is not None else None
        if present is not None and present.is_on(order.tcr_campaign_id) and present.status in _GOOD:
            return _report(order, present)
        raise answers.refusal(answer)

    def find(self, order: OrderRequest) -> OrderReport | None:
        """See `Carrier`. An attach is there if the number's record is about its campaign; a detach, if there is no
        record any more or it is going. A record about another campaign is of another order: this one is not there."""
        [number] = order.numbers
        present = self._get(number)
        if order.action is OrderAction.DETACH:
            if present is None:
                return OrderReport()
            if present.status in (AssignmentStatus.PENDING_UNASSIGNMENT, AssignmentStatus.FAILED_UNASSIGNMENT):
                return _report(order, present)
            return None
        if present is None or not present.is_on(order.tcr_campaign_id):
            return None
        return _report(order, present)

    def assignments(self, numbers: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """See `Carrier`."""
        if len(numbers) < _LIST_FROM:
            for number in numbers:
                yield number, _campaign(self._get(number))
            return
        wanted = dict.fromkeys(numbers)
        found: dict[str, str | None] = dict.fromkeys(numbers)
        for assignment in self._list():
            if assignment.number in wanted:
                found[assignment.number] = _campaign(assignment)
        yield from found.items()

    def campaign_status(self, tcr_campaign_id: str) -> CarrierStatus | None:
        """See `Carrier`. `GET /10dlc/campaign/{id}/operationStatus` says it for each mobile network.

        APPROVED if all have approved it, REJECTED or SUSPENDED if one has said so. Source: Telnyx's API reference, "Get
        campaign operation status", which shows APPROVED and REVIEW; the other words are TCR's. Not verified.
        """
        answer = self._call("GET", f"/10dlc/campaign/{quote(tcr_campaign_id, safe='')}/operationStatus")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise answers.refusal(answer)
        statuses = {str(status).upper() for status in answers.read_object(answer).values()}
        if "SUSPENDED" in statuses:
            return CarrierStatus.SUSPENDED
        if statuses & {"REJECTED", "DECLINED"}:
            return CarrierStatus.REJECTED
        return CarrierStatus.APPROVED if statuses == {"APPROVED"} else CarrierStatus.PENDING

    def close(self) -> None:
        """See `Carrier`."""
        self._caller.close()

    def _detach(self, number: str) -> OrderReport:
        answer = self._call("DELETE", _path(number))
        if answer.status in (204, 404):
            # Nothing is there: that is what was wanted.
            return OrderReport()
        if answer.status not in (200, 202):
            raise answers.refusal(answer)
        present = self._get(number)
        if present is None:
            return OrderReport()
        if present.status == AssignmentStatus.FAILED_UNASSIGNMENT:
            return OrderReport(failure=_failure(present))
        return OrderReport(is_open=True)

    def _get(self, number: str) -> Assignment | None:
        answer = self._call("GET", _path(number))
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise answers.refusal(answer)
        return answers.read_assignment(answers.read_object(answer))

    def _list(self) -> Iterator[Assignment]:
        page = seen = 0
        while True:
            page += 1
            answer = self._call("GET", _NUMBERS, params={"page": str(page), "recordsPerPage": str(_PAGE)})
            if answer.status != 200:
                raise answers.refusal(answer)
            records, total = answers.read_page(answer)
            yield from records
            seen += len(records)
            if not records or len(records) < _PAGE or (total is not None and seen >= total):
                return

    def _call(
        self, method: str, path: str, body: dict[str, str] | None = None, *, params: dict[str, str] | None = None
    ) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        headers = self._headers if content is None else self._headers | {"Content-Type": "application/json"}
        return self._caller.call(method, self._base + path, headers=headers, content=content, params=params)


def _path(number: str) -> str:
    return f"{_NUMBERS}/{quote(number, safe='')}"


def _campaign(assignment: Assignment | None) -> str | None:
    """The campaign that the number is on. One whose assignment failed is on none."""
    if assignment is None or assignment.status == AssignmentStatus.FAILED_ASSIGNMENT:
        return None
    return assignment.tcr_campaign_id


def _report(order: OrderRequest, assignment: Assignment) -> OrderReport:
    match assignment.status:
        case AssignmentStatus.PENDING_ASSIGNMENT | AssignmentStatus.PENDING_UNASSIGNMENT:
            return OrderReport(is_open=True)
        case AssignmentStatus.FAILED_ASSIGNMENT | AssignmentStatus.FAILED_UNASSIGNMENT:
            return OrderReport(failure=_failure(assignment))
        case _:
            if order.action is OrderAction.ATTACH and not assignment.is_on(order.tcr_campaign_id):
                raise CarrierUnavailable("Telnyx answered about another campaign.")
            return OrderReport()


def _failure(assignment: Assignment) -> Failure:
    words = carriers_words(assignment.reasons, otherwise="Telnyx gave no reason.")
    return Failure(FailureCode.REJECTED, words, assignment.status.value)
