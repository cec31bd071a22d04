"""What a failure on the carrier side means: whether it is retried automatically, and what to do."""

from dataclasses import dataclass

from django.db import models


class FailureCode(models.TextChoices):
    """The kinds of failure that carriers report, and those that are found before the carrier is asked."""

    CARRIER_UNAVAILABLE = "CARRIER_UNAVAILABLE"
    CAMPAIGN_NOT_READY = "CAMPAIGN_NOT_READY"
    CAMPAIGN_REJECTED = "CAMPAIGN_REJECTED"
    CAMPAIGN_SUSPENDED = "CAMPAIGN_SUSPENDED"
    CAMPAIGN_NOT_ACTIVE = "CAMPAIGN_NOT_ACTIVE"
    BRAND_NOT_VERIFIED = "BRAND_NOT_VERIFIED"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    REJECTED = "REJECTED"


WAIT_FOR_CAMPAIGN = (FailureCode.CAMPAIGN_REJECTED, FailureCode.CAMPAIGN_SUSPENDED)
"""Failures that end automatically when the carrier approves the campaign."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What becomes of a failure: whether the same can succeed later, and what to do."""

    is_retryable: bool
    resolution: str


REMEDIES: dict[str, Remedy] = {
    FailureCode.CARRIER_UNAVAILABLE: Remedy(
        True, "The carrier is temporarily unavailable; the attempt is repeated at next_attempt_at."
    ),
    FailureCode.CAMPAIGN_NOT_READY: Remedy(
        True,
        "The carrier does not take numbers on this campaign yet; the attempt is repeated at next_attempt_at.",
    ),
    FailureCode.CAMPAIGN_REJECTED: Remedy(
        False,
        "The carrier has rejected the campaign. Attach another one, or have this one approved.",
    ),
    FailureCode.CAMPAIGN_SUSPENDED: Remedy(
        True,
        "The carrier has suspended the campaign; the attempt is repeated once it is approved again.",
    ),
    FailureCode.CAMPAIGN_NOT_ACTIVE: Remedy(
        False, "The campaign is no longer active. Attach another one, or retry once this one is active again."
    ),
    FailureCode.BRAND_NOT_VERIFIED: Remedy(
        False, "The campaign's brand is no longer verified. Have it verified again, then retry."
    ),
    FailureCode.NOT_CONFIGURED: Remedy(
        False, "The account with the carrier lacks a setting. Ask the operator to add it, then retry."
    ),
    FailureCode.REJECTED: Remedy(
        False, "The carrier does not take this number on this campaign. Read its message, then attach another campaign."
    ),
}
GIVEN_UP = Remedy(True, "The carrier could not do it in many attempts. Retry once the carrier is well again.")
UNKNOWN = Remedy(False, "Read the carrier's message; if it does not help, ask the operator.")


def remedy_of(code: str, *, has_ended: bool) -> Remedy:
    """Return what to do about a failure. `has_ended`: it is no longer retried automatically."""
    if has_ended and code in (FailureCode.CARRIER_UNAVAILABLE, FailureCode.CAMPAIGN_NOT_READY):
        return GIVEN_UP
    return REMEDIES.get(code, UNKNOWN)
