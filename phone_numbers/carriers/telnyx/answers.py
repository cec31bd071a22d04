"""What Telnyx's JSON says. Sources: team-telnyx/telnyx-python types/messaging_10dlc, team-telnyx/openapi spec3.json."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phone_numbers.carriers.http import Answer
from phone_numbers.carriers.protocol import CarrierRefused, CarrierUnavailable, Failure
from phone_numbers.carriers.text import carriers_code, carriers_words
from phone_numbers.failures import FailureCode

# Authentication failed; not permitted.
_CREDENTIALS = {"10009", "10010"}
RATE_LIMIT = "10011"
DUPLICATE = "10012"
_REJECTED_STATUSES = (400, 404, 409, 422)


class AssignmentStatus(StrEnum):
    """How a number's assignment stands."""

    PENDING_ASSIGNMENT = "PENDING_ASSIGNMENT"
    ASSIGNED = "ASSIGNED"
    FAILED_ASSIGNMENT = "FAILED_ASSIGNMENT"
    PENDING_UNASSIGNMENT = "PENDING_UNASSIGNMENT"
    FAILED_UNASSIGNMENT = "FAILED_UNASSIGNMENT"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One number's record. `campaign_ids`: Telnyx's own id and TCR's, of which shared campaigns have only the one."""

    number: str
    campaign_ids: frozenset[str]
    tcr_campaign_id: str
    status: AssignmentStatus
    reasons: str | None

    def is_on(self, tcr_campaign_id: str | None) -> bool:
        """Whether it is about this campaign, under whichever id it was asked for."""
        return tcr_campaign_id in self.campaign_ids


def read_object(answer: Answer) -> dict[str, Any]:
    """The answer's object, bare or inside `data`. Raises CarrierUnavailable for anything else."""
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise unreadable() from None
    if isinstance(parsed, dict) and isinstance(parsed.get("data"), dict):
        parsed = parsed["data"]
    if not isinstance(parsed, dict):
        raise unreadable()
    return parsed


def read_assignment(record: object) -> Assignment:
    """One number's record. Raises CarrierUnavailable if anything that counts is missing."""
    if not isinstance(record, dict):
        raise unreadable()
    number, status = record.get("phoneNumber"), record.get("assignmentStatus")
    ids = [text for key in ("tcrCampaignId", "campaignId") if isinstance(text := record.get(key), str) and text]
    if not isinstance(number, str) or status not in set(AssignmentStatus) or not ids:
        raise unreadable()
    return Assignment(number, frozenset(ids), ids[0], AssignmentStatus(status), _reasons(record.get("failureReasons")))


def read_page(answer: Answer) -> tuple[list[Assignment], int | None]:
    """The records of a page, and how many there are in all if it says so."""
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise unreadable() from None
    if not isinstance(parsed, dict):
        raise unreadable()
    records = parsed.get("records", parsed.get("data"))
    if not isinstance(records, list):
        raise unreadable()
    total = parsed.get("totalRecords")
    return [read_assignment(record) for record in records], total if isinstance(total, int) else None


def error_code(answer: Answer) -> str | None:
    """The code of the first error; None if there is none to read."""
    return _first_error(answer)[0]


def refusal(answer: Answer) -> CarrierRefused | CarrierUnavailable:
    """What an answer that is no success means."""
    code, words = _first_error(answer)
    if answer.status in (401, 403) or code in _CREDENTIALS:
        return CarrierRefused(
            Failure(
                FailureCode.NOT_CONFIGURED,
                "Telnyx refuses the key in CARRIER_URL, or lets it do less.",
                carriers_code(code) or str(answer.status),
            )
        )
    if code == RATE_LIMIT:
        return CarrierUnavailable("Telnyx asks for fewer requests.", carrier_code=code, retry_after=1, was_sent=False)
    if code is None or answer.status not in _REJECTED_STATUSES:
        return CarrierUnavailable(f"Telnyx answered with HTTP {answer.status}.", carrier_code=str(answer.status))
    return CarrierRefused(
        Failure(FailureCode.REJECTED, carriers_words(words, otherwise="Telnyx gave no reason."), carriers_code(code))
    )


def unreadable() -> CarrierUnavailable:
    """An answer that says nothing we know."""
    return CarrierUnavailable("Telnyx's answer cannot be read.")


def _first_error(answer: Answer) -> tuple[str | None, str | None]:
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None, None
    errors = parsed.get("errors") if isinstance(parsed, dict) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return None, None
    error = errors[0]
    words = error.get("detail") or error.get("title")
    return str(error["code"]) if "code" in error else None, words if isinstance(words, str) else None


def _reasons(given: object) -> str | None:
    if isinstance(given, str):
        return given or None
    if isinstance(given, list) and given:
        return "; ".join(_reason(reason) for reason in given)
    return None


def _reason(reason: object) -> str:
    if isinstance(reason, dict):
        return str(reason.get("description") or reason.get("detail") or reason.get("title") or reason)
    return str(reason)
