"""What a failure on the carrier side means: whether it is retried automatically, and what to do.

`FAILURES` is the one table. The API and its schema, the admin and docs/propagation.md show what it says.
"""

from dataclasses import dataclass

from django.db import models


class FailureCode(models.TextChoices):
    """The kinds of failure that carriers report, and those that are found without asking the carrier."""

    CARRIER_UNAVAILABLE = "CARRIER_UNAVAILABLE"
    CAMPAIGN_NOT_READY = "CAMPAIGN_NOT_READY"
    CAMPAIGN_REJECTED = "CAMPAIGN_REJECTED"
    CAMPAIGN_SUSPENDED = "CAMPAIGN_SUSPENDED"
    CAMPAIGN_NOT_ACTIVE = "CAMPAIGN_NOT_ACTIVE"
    BRAND_NOT_VERIFIED = "BRAND_NOT_VERIFIED"
    NUMBER_TYPE_NOT_ELIGIBLE = "NUMBER_TYPE_NOT_ELIGIBLE"
    CAMPAIGN_DORMANT = "CAMPAIGN_DORMANT"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    REJECTED = "REJECTED"
    UNKNOWN_CARRIER_ANSWER = "UNKNOWN_CARRIER_ANSWER"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    APPROVAL_EXPIRED = "APPROVAL_EXPIRED"
    DETACH_EXPIRED = "DETACH_EXPIRED"


@dataclass(frozen=True, slots=True)
class FailureMeaning:
    """What a failure means for the user."""

    resolution: str
    retried: str = "no"
    """When it is retried automatically, for the documentation."""
    resolution_while_retried: str | None = None
    """What to do before it is final; None: it is final at once."""
    resumes_on_approval: bool = False
    """Whether the final failure ends automatically when the carrier approves the campaign."""
    needs_operator: bool = False
    """Whether it is logged as an error, because only an operator can correct its cause."""


FAILURES: dict[FailureCode, FailureMeaning] = {
    FailureCode.CARRIER_UNAVAILABLE: FailureMeaning(
        "The carrier failed repeatedly. Retry once it works again.",
        "yes, 2 s to 1 h apart, up to `PROPAGATION_MAX_ATTEMPTS`",
        "The carrier is temporarily unavailable; the attempt is retried at next_attempt_at.",
    ),
    FailureCode.CAMPAIGN_NOT_READY: FailureMeaning(
        "The carrier has not accepted numbers on this campaign for a long time. Ask the carrier why, then retry.",
        "yes, 5 min to 1 h apart, up to `PROPAGATION_APPROVAL_DAYS`",
        "The carrier does not accept numbers on this campaign yet; the attempt is retried at next_attempt_at.",
    ),
    FailureCode.CAMPAIGN_REJECTED: FailureMeaning(
        "The carrier has rejected the campaign. Attach another one, or have this one approved: then it is retried.",
        "as soon as the carrier approves the campaign",
        resumes_on_approval=True,
    ),
    FailureCode.CAMPAIGN_SUSPENDED: FailureMeaning(
        "The campaign is suspended, by the carrier or the operator; the attempt is retried once that has ended.",
        "as soon as the suspension ends",
        resumes_on_approval=True,
    ),
    FailureCode.CAMPAIGN_NOT_ACTIVE: FailureMeaning(
        "The campaign is no longer active. Attach another one, or retry once this one is active again."
    ),
    FailureCode.BRAND_NOT_VERIFIED: FailureMeaning(
        "The campaign's brand is no longer verified. Have it verified again, then retry."
    ),
    FailureCode.NUMBER_TYPE_NOT_ELIGIBLE: FailureMeaning(
        "Only local numbers go onto a 10DLC campaign. Detach this one: a toll-free number is verified with the carrier "
        "instead, and a short code has its own program."
    ),
    FailureCode.CAMPAIGN_DORMANT: FailureMeaning(
        "The carrier refused the first number of a campaign that had none. Retry.",
        "once, after a minute",
        "The campaign may have been dormant, for want of numbers; this wakes it, and the attempt is repeated once at "
        "next_attempt_at.",
    ),
    FailureCode.NOT_CONFIGURED: FailureMeaning(
        "The account with the carrier lacks a setting. Ask the operator to add it, then retry.",
        needs_operator=True,
    ),
    FailureCode.REJECTED: FailureMeaning(
        "The carrier does not accept this number on this campaign. Read its message, then attach another campaign."
    ),
    FailureCode.UNKNOWN_CARRIER_ANSWER: FailureMeaning(
        "The carrier answered with a code that its documentation does not list. Check the number at the carrier, then "
        "retry.",
        needs_operator=True,
    ),
    FailureCode.ORDER_EXPIRED: FailureMeaning(
        "The carrier did not finish the order in time, or an operator abandoned it. Check the number at the carrier, "
        "then retry."
    ),
    FailureCode.APPROVAL_EXPIRED: FailureMeaning(
        "The carrier has not decided on the campaign in time. Ask the carrier why; an approval or a retry resumes it.",
        "as soon as the carrier approves the campaign",
        resumes_on_approval=True,
    ),
    FailureCode.DETACH_EXPIRED: FailureMeaning(
        "The carrier has not confirmed the detach in time. Check the number at the carrier, then retry."
    ),
}

UNKNOWN = FailureMeaning("Read the carrier's message; if it does not help, ask the operator.")
"""What a code means that an earlier version has stored."""

WAIT_FOR_CAMPAIGN = tuple(code for code, meaning in FAILURES.items() if meaning.resumes_on_approval)
"""Failures that end automatically when the carrier approves the campaign."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What can be done about the failure of one attachment now."""

    retried_automatically: bool
    can_retry: bool
    resolution: str


def remedy_of(code: str, *, has_failed: bool, is_current: bool) -> Remedy:
    """Return what can be done about a failure.

    Args:
        code: The failure's code.
        has_failed: The attachment is `failed`, not waiting for its next attempt.
        is_current: The number has not been moved since.
    """
    meaning = FAILURES[FailureCode(code)] if code in FailureCode.values else UNKNOWN
    if has_failed or meaning.resolution_while_retried is None:
        resumes = has_failed and meaning.resumes_on_approval
        return Remedy(is_current and resumes, is_current and has_failed, meaning.resolution)
    return Remedy(is_current, False, meaning.resolution_while_retried)
