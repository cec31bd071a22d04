"""Telnyx's JSON: what its answers say of numbers and campaigns, and what its errors mean.

Sources: team-telnyx/openapi openapi/spec3.json (`PhoneNumberCampaign`, `TelnyxCampaignCSP`, `TelnyxDownstreamCampaign`,
`10dlc_Errors`, `HTTPValidationError`), team-telnyx/telnyx-python src/telnyx/types/messaging_10dlc/*; for the codes
developers.telnyx.com/development/api-fundamentals/api-errors. The classification of errors is ours.
"""

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

import orjson

from carriers.base import (
    CarrierRefused,
    CarrierUnavailable,
    Failure,
    FailureKind,
    carriers_code,
    carriers_words,
    unreadable,
)
from carriers.http import Answer, retry_after

_NOT_FOUND = "10005"
_RATE_LIMIT = "10011"
# Too many requests; locked; being processed: Telnyx has done nothing.
_NOT_STARTED = (_RATE_LIMIT, "10035", "10036")
# Unexpected error; time-out; service unavailable: it may have been carried out.
_OUTAGE = ("10007", "10008", "10037")
# Authentication; permission; what the account may not do; inactive, blocked, unverified or without the feature; funds.
_ACCOUNT = ("10009", "10010", "10038", "10039", *(str(code) for code in range(20012, 20018)), "20100")
# Number inactive or invalid; URL; parameter missing; unknown; bad ID; duplicate; association missing; media type; bad
# request; not E.164; associated resource unknown.
_REJECTED = ("10001", "10002", "10003", "10004", _NOT_FOUND, "10006", *(str(code) for code in range(10012, 10018)))


_MAPPINGS = {"tmobileNumberMappingStatus": "T-Mobile", "nonTmobileNumberMappingStatus": "other networks"}


class AssignmentStatus(StrEnum):
    """The documented states of a number on its campaign."""

    PENDING_ASSIGNMENT = "PENDING_ASSIGNMENT"
    ASSIGNED = "ASSIGNED"
    FAILED_ASSIGNMENT = "FAILED_ASSIGNMENT"
    PENDING_UNASSIGNMENT = "PENDING_UNASSIGNMENT"
    FAILED_UNASSIGNMENT = "FAILED_UNASSIGNMENT"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One number's record.

    `campaign_id` is Telnyx's own ID of the campaign, or the TCR ID of a campaign that another provider shares with
    Telnyx. `status` is None if Telnyx does not say, and any text if Telnyx says what it has not documented.
    """

    number: str
    campaign_id: str
    tcr_campaign_id: str | None
    status: str | None
    reasons: str
    steps: dict[str, str]
    """How far the mapping is at T-Mobile and at the others, in Telnyx's words."""

    @property
    def is_documented(self) -> bool:
        """Whether its status is one that we know the meaning of, or absent."""
        return self.status is None or self.status in set(AssignmentStatus)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list, which has `total` records in all. `unreadable` ones are not among its assignments."""

    assignments: list[Assignment]
    total: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class KnownCampaign:
    """A campaign, under both of its ids."""

    campaign_id: str | None
    tcr_campaign_id: str | None
    status: str | None
    is_registered: bool = False
    """With T-Mobile, as is `is_suspended`. Telnyx may leave both out."""
    is_suspended: bool = False


@dataclass(frozen=True, slots=True)
class Error:
    """The first error of an answer."""

    code: str | None
    message: str


def read_assignment(answer: Answer, *, number: str) -> Assignment:
    """The record of this number. Raises CarrierUnavailable for anything else."""
    found = assignment(_content(answer))
    if found.number != number:
        raise unreadable()
    return found


def read_page(answer: Answer) -> Page:
    """Raises CarrierUnavailable."""
    records, total = read_records(answer)
    assignments: list[Assignment] = []
    for record in records:
        # One record that cannot be read costs one number, not the page.
        with suppress(CarrierUnavailable):
            assignments.append(assignment(record))
    return Page(assignments, total, len(records) - len(assignments))


def read_records(answer: Answer) -> tuple[list[object], int]:
    """The records of one page of any list, and how many there are on all pages. Raises CarrierUnavailable."""
    content = _content(answer)
    records, total = content.get("records"), content.get("totalRecords")
    # bool is an int in Python, not in JSON.
    if not isinstance(records, list) or not isinstance(total, int) or isinstance(total, bool):
        raise unreadable()
    return records, total


def read_number_page(answer: Answer) -> tuple[list[Any], int, int]:
    """The records of a page of the account's numbers, and how many pages and records there are.

    Raises CarrierUnavailable.
    """
    match fine(answer).read_object():
        case {"data": list() as records, "meta": {"total_pages": int() as pages, "total_results": int() as total}}:
            return records, pages, total
    raise unreadable()


def read_numbers(answer: Answer) -> dict[str, list[str | None]]:
    """Read a page of the account's numbers: the statuses of each. Raises CarrierUnavailable."""
    records = fine(answer).read_object().get("data")
    if not isinstance(records, list):
        raise unreadable()
    statuses: dict[str, list[str | None]] = {}
    for record in records:
        content = _dictionary(record)
        statuses.setdefault(_required(content, "phone_number"), []).append(_optional(content, "status"))
    return statuses


def read_campaign(answer: Answer) -> KnownCampaign:
    """Read a campaign of Telnyx's own or a shared one. Raises CarrierUnavailable."""
    return campaign(_content(answer))


def read_brand_id(record: object, *, tcr_brand_id: str) -> str | None:
    """Telnyx's own ID of the brand in a list's record; None for another brand, in case the filter was not heeded."""
    content = _dictionary(record)
    return _optional(content, "brandId") if _optional(content, "tcrBrandId") == tcr_brand_id else None


def read_error(answer: Answer) -> Error:
    """From `{"errors": [{"code", "title", "detail"}]}`, or the `{"detail": [{"msg"}]}` of HTTP 422.

    Raises CarrierUnavailable for anything else: an error page of another's server says nothing of our numbers.
    """
    if not answer.is_declared_as("json"):
        raise unreadable()
    match answer.read_object():
        case {"errors": [{"code": str() | int() as code, **error}, *_]}:
            words = [text for key in ("title", "detail") if isinstance(text := error.get(key), str)]
            return Error(carriers_code(str(code)), ": ".join(words))
        case {"detail": [{"msg": str() as text}, *_]}:
            return Error(None, text)
    raise unreadable()


def fine(answer: Answer) -> Answer:
    """Return the answer if Telnyx has done what was asked. Raises what `raise_error` does for any other."""
    if not 200 <= answer.status < 300:
        raise_error(answer)
    return answer


def is_unknown(answer: Answer) -> bool:
    """Whether Telnyx says that there is no such thing.

    Raises CarrierUnavailable for a 4xx that is not Telnyx's own: a wrong address must not be taken for a number
    without a campaign.
    """
    if not 400 <= answer.status < 500 or answer.status in _TRANSIENT:
        return False
    code = read_error(answer).code
    return code == _NOT_FOUND or (answer.status == 404 and code not in (*_NOT_STARTED, *_OUTAGE, *_ACCOUNT))


_TRANSIENT = (408, 425)


def raise_error(answer: Answer) -> NoReturn:
    """Raise CarrierRefused, or CarrierUnavailable for an error that is temporary or not Telnyx's own."""
    if answer.status < 400 or answer.status in _TRANSIENT:
        raise CarrierUnavailable(f"Telnyx answered with HTTP {answer.status}.", carrier_code=str(answer.status))
    try:
        error = read_error(answer)
    except CarrierUnavailable:
        if not answer.is_challenge:
            raise
        error = Error(None, "Telnyx refuses the key of the account.")
    words = carriers_words(error.message, otherwise="Telnyx gave no reason.")
    code = error.code or str(answer.status)
    if code in (*_NOT_STARTED, *_OUTAGE):
        raise CarrierUnavailable(
            words,
            carrier_code=code,
            retry_after=retry_after(answer.headers) if code == _RATE_LIMIT else None,
            was_sent=code in _OUTAGE,
        )
    raise CarrierRefused(Failure(_kind_of(answer.status, error.code), words, code))


def _kind_of(status: int, code: str | None) -> FailureKind:
    if status in (401, 402, 403) or code in _ACCOUNT:
        return FailureKind.NOT_CONFIGURED
    # Without a code, the request does not have the form that Telnyx wants (HTTP 422).
    return FailureKind.REJECTED if code is None or code in _REJECTED else FailureKind.UNKNOWN_CARRIER_ANSWER


def assignment(record: object) -> Assignment:
    """The record of a number. Raises CarrierUnavailable."""
    content = _dictionary(record)
    return Assignment(
        number=_required(content, "phoneNumber"),
        campaign_id=_required(content, "campaignId"),
        tcr_campaign_id=_optional(content, "tcrCampaignId"),
        status=_optional(content, "assignmentStatus"),
        reasons=_reasons(content.get("failureReasons")),
        steps={
            network: carriers_words(word, otherwise="")[:40]
            for key, network in _MAPPINGS.items()
            if isinstance(word := content.get(key), str) and word
        },
    )


def campaign(record: object) -> KnownCampaign:
    """The record of a campaign. Raises CarrierUnavailable."""
    content = _dictionary(record)
    own_id, tcr_id = _optional(content, "campaignId"), _optional(content, "tcrCampaignId")
    if own_id is None and tcr_id is None:
        raise unreadable()
    return KnownCampaign(
        own_id,
        tcr_id,
        status=_optional(content, "campaignStatus"),
        is_registered=content.get("isTMobileRegistered") is True,
        is_suspended=content.get("isTMobileSuspended") is True,
    )


def _content(answer: Answer) -> dict[str, Any]:
    """The object itself: the SDK shows it bare, guides show it inside `data`."""
    content = fine(answer).read_object()
    inner = content.get("data")
    return inner if isinstance(inner, dict) else content


def _dictionary(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise unreadable()
    return value


def _required(content: dict[str, Any], key: str) -> str:
    value = _optional(content, key)
    if value is None:
        raise unreadable()
    return value


def _optional(content: dict[str, Any], key: str) -> str | None:
    value = content.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise unreadable()
    return value


def _reasons(value: object) -> str:
    """Text by the SDK; where it is something else it is shown as it came."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
