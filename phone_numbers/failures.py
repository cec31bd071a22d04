"""What a failure of the carrier's side means for its reader: whether it passes by itself, and what to do."""

from dataclasses import dataclass

from django.db import models


class FailureCode(models.TextChoices):
    """The classes that carriers' error codes fall into, and what we see ourselves before the carrier is asked."""

    CARRIER_UNAVAILABLE = "CARRIER_UNAVAILABLE"
    CAMPAIGN_NOT_READY = "CAMPAIGN_NOT_READY"
    CAMPAIGN_REJECTED = "CAMPAIGN_REJECTED"
    CAMPAIGN_SUSPENDED = "CAMPAIGN_SUSPENDED"
    CAMPAIGN_NOT_ACTIVE = "CAMPAIGN_NOT_ACTIVE"
    BRAND_NOT_VERIFIED = "BRAND_NOT_VERIFIED"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    REJECTED = "REJECTED"


WAIT_FOR_CAMPAIGN = (FailureCode.CAMPAIGN_REJECTED, FailureCode.CAMPAIGN_SUSPENDED)
"""Failures that end by themselves when the carrier approves the campaign after all."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What becomes of a failure: whether the same can succeed later, and what to do."""

    is_retryable: bool
    resolution: str


REMEDIES: dict[str, Remedy] = {
    FailureCode.CARRIER_UNAVAILABLE: Remedy(
        True, "The carrier could not do it just now. It is tried again by itself at next_attempt_at."
    ),
    FailureCode.CAMPAIGN_NOT_READY: Remedy(
        True, "The carrier does not take numbers on this campaign yet. It is tried again by itself at next_attempt_at."
    ),
    FailureCode.CAMPAIGN_REJECTED: Remedy(
        False,
        "The carrier has rejected the campaign. Attach another one, or have this one approved: it goes on by itself.",
    ),
    FailureCode.CAMPAIGN_SUSPENDED: Remedy(
        True, "The carrier has suspended the campaign. It goes on by itself when the carrier approves it again."
    ),
    FailureCode.CAMPAIGN_NOT_ACTIVE: Remedy(
        False, "The campaign is no longer active. Attach another one, or retry once this one is active again."
    ),
    FailureCode.BRAND_NOT_VERIFIED: Remedy(
        False, "The campaign's brand is no longer verified. Have it verified again, then retry."
    ),
    FailureCode.NOT_CONFIGURED: Remedy(
        False, "The account with the carrier lacks a setting. Ask the operator to mend it, then retry."
    ),
    FailureCode.REJECTED: Remedy(
        False, "The carrier does not take this number on this campaign. Read its message, then attach another campaign."
    ),
}
GIVEN_UP = Remedy(True, "The carrier could not do it in many attempts. Retry once the carrier is well again.")
UNKNOWN = Remedy(False, "Read the carrier's message; if it does not help, ask the operator.")


def remedy_of(code: str, *, has_ended: bool) -> Remedy:
    """What to do about a failure. `has_ended`: it is no longer tried again by itself."""
    if has_ended and code in (FailureCode.CARRIER_UNAVAILABLE, FailureCode.CAMPAIGN_NOT_READY):
        return GIVEN_UP
    return REMEDIES.get(code, UNKNOWN)
