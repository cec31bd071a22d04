"""Telnyx's JSON: what its answers say of numbers and campaigns, and what its errors mean.

Sources: team-telnyx/openapi openapi/spec3.json (`PhoneNumberCampaign`, `TelnyxCampaignCSP`, `TelnyxDownstreamCampaign`,
`10dlc_Errors`, `HTTPValidationError`), team-telnyx/telnyx-python src/telnyx/types/messaging_10dlc/*.
The classification of errors is ours.
"""

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

import orjson

from carriers.base import CarrierRefused, CarrierUnavailable, Failure, FailureKind, carriers_code, carriers_words
from carriers.http import Answer

_NOT_FOUND = "10005"
_RATE_LIMIT = "10011"
# Authentication, permission.
_NOT_CONFIGURED = ("10009", "10010")


class AssignmentStatus(StrEnum):
    """The state of a number on its campaign."""

    PENDING_ASSIGNMENT = "PENDING_ASSIGNMENT"
    ASSIGNED = "ASSIGNED"
    FAILED_ASSIGNMENT = "FAILED_ASSIGNMENT"
    PENDING_UNASSIGNMENT = "PENDING_UNASSIGNMENT"
    FAILED_UNASSIGNMENT = "FAILED_UNASSIGNMENT"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One number's record.

    `campaign_id` is Telnyx's own id of the campaign, or the TCR id of a campaign that another provider shares with
    Telnyx.
    """

    number: str
    campaign_id: str
    tcr_campaign_id: str | None
    status: AssignmentStatus
    reasons: str


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
    status: str


@dataclass(frozen=True, slots=True)
class Error:
    """The first error of an answer."""

    code: str | None
    message: str


def unreadable() -> CarrierUnavailable:
    """For an answer that is not in the carrier's format: whether it acted is not known."""
    return CarrierUnavailable("The carrier's answer cannot be read.")


def read_assignment(body: bytes, *, number: str) -> Assignment:
    """The record of this number. Raises CarrierUnavailable for anything else."""
    assignment = _assignment(_content(body))
    if assignment.number != number:
        raise unreadable()
    return assignment


def read_page(body: bytes) -> Page:
    """Raises CarrierUnavailable."""
    content = _content(body)
    records, total = content.get("records"), content.get("totalRecords")
    # bool is an int in Python, not in JSON.
    if not isinstance(records, list) or not isinstance(total, int) or isinstance(total, bool):
        raise unreadable()
    assignments: list[Assignment] = []
    for record in records:
        # One record that cannot be read costs one number, not the page.
        with suppress(CarrierUnavailable):
            assignments.append(_assignment(record))
    return Page(assignments, total, len(records) - len(assignments))


def read_campaign(body: bytes) -> KnownCampaign:
    """Read a campaign of Telnyx's own or a shared one. Raises CarrierUnavailable."""
    content = _content(body)
    return KnownCampaign(
        campaign_id=_optional(content, "campaignId"),
        tcr_campaign_id=_optional(content, "tcrCampaignId"),
        status=_required(content, "campaignStatus"),
    )


def read_error(body: bytes) -> Error:
    """From `{"errors": [{"code", "title", "detail"}]}`, or the `{"detail": [{"msg"}]}` of HTTP 422.

    Raises CarrierUnavailable for anything else: an error page of another's server says nothing of our numbers.
    """
    content = _object(body)
    match content:
        case {"errors": [{"code": str() | int() as code, **error}, *_]}:
            words = [text for key in ("title", "detail") if isinstance(text := error.get(key), str)]
            return Error(carriers_code(str(code)), ": ".join(words))
        case {"detail": [{"msg": str() as text}, *_]}:
            return Error(None, text)
    raise unreadable()


def is_unknown(answer: Answer) -> bool:
    """Whether Telnyx says that there is no such thing.

    Raises CarrierUnavailable for a 404 that is not Telnyx's own: a wrong address must not look like a number without a
    campaign.
    """
    if answer.status == 404:
        read_error(answer.body)
        return True
    return 400 <= answer.status < 500 and read_error(answer.body).code == _NOT_FOUND


def raise_error(answer: Answer) -> NoReturn:
    """Raise CarrierRefused, or CarrierUnavailable for an error that is temporary."""
    if answer.status < 400 or answer.status in (408, 425):
        raise CarrierUnavailable(f"Telnyx answered with HTTP {answer.status}.", carrier_code=str(answer.status))
    error = read_error(answer.body)
    words = carriers_words(error.message, otherwise="Telnyx gave no reason.")
    code = error.code or str(answer.status)
    if code == _RATE_LIMIT:
        raise CarrierUnavailable(words, carrier_code=code, was_sent=False)
    kind = FailureKind.NOT_CONFIGURED if code in _NOT_CONFIGURED else FailureKind.REJECTED
    raise CarrierRefused(Failure(kind, words, code))


def _assignment(content: Any) -> Assignment:
    if not isinstance(content, dict):
        raise unreadable()
    try:
        status = AssignmentStatus(_required(content, "assignmentStatus"))
    except ValueError:
        raise unreadable() from None
    return Assignment(
        number=_required(content, "phoneNumber"),
        campaign_id=_required(content, "campaignId"),
        tcr_campaign_id=_optional(content, "tcrCampaignId"),
        status=status,
        reasons=_reasons(content.get("failureReasons")),
    )


def _content(body: bytes) -> dict[str, Any]:
    """The object itself: the SDK shows it bare, guides show it inside `data`."""
    content = _object(body)
    inner = content.get("data")
    return inner if isinstance(inner, dict) else content


def _object(body: bytes) -> dict[str, Any]:
    try:
        # Refuses a nest that is too deep, where json would not.
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise unreadable() from None
    if not isinstance(content, dict):
        raise unreadable()
    return content


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
