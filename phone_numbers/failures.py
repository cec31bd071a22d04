"""What a failure of the carrier's side means for its reader: whether it passes by itself, and what to do."""

from dataclasses import dataclass

from django.db import models


class FailureCode(models.TextChoices):
    """The four classes that carriers' error codes fall into."""

    CARRIER_UNAVAILABLE = "CARRIER_UNAVAILABLE"
    CAMPAIGN_NOT_READY = "CAMPAIGN_NOT_READY"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What becomes of a failure."""

    is_retryable: bool
    resolution: str


REMEDIES: dict[str, Remedy] = {
    FailureCode.CARRIER_UNAVAILABLE: Remedy(True, "The carrier could not be asked. It is tried again by itself."),
    FailureCode.CAMPAIGN_NOT_READY: Remedy(
        True, "The carrier has not approved the campaign yet. It goes on by itself once it has."
    ),
    FailureCode.NOT_CONFIGURED: Remedy(
        False, "The account with the carrier lacks a setting. Ask the operator to mend it, then attach again."
    ),
    FailureCode.REJECTED: Remedy(
        False, "The carrier does not take this number on this campaign. Read its message, then attach another campaign."
    ),
}
UNKNOWN = Remedy(False, "Read the carrier's message; if it does not help, ask the operator.")
