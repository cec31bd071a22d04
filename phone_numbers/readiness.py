"""Answer "can this number send now?" from the service's own rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from agentmessage.errors import NotFound
from campaigns.models import CarrierStatus
from phone_numbers.failures import remedy_of
from phone_numbers.models import AttachmentStatus, LineOptionStatus, NumberState, NumberType, PhoneNumber


class BlockerCode(models.TextChoices):
    """What can keep a number from sending, in the order in which blockers are listed."""

    NUMBER_NOT_ASSIGNED = "NUMBER_NOT_ASSIGNED"
    SMS_DISABLED = "SMS_DISABLED"
    NO_CAMPAIGN = "NO_CAMPAIGN"
    CAMPAIGN_NOT_ACTIVE = "CAMPAIGN_NOT_ACTIVE"
    BRAND_NOT_VERIFIED = "BRAND_NOT_VERIFIED"
    CAMPAIGN_REJECTED = "CAMPAIGN_REJECTED"
    CAMPAIGN_SUSPENDED = "CAMPAIGN_SUSPENDED"
    CAMPAIGN_NOT_APPROVED = "CAMPAIGN_NOT_APPROVED"
    NOT_PROPAGATED = "NOT_PROPAGATED"
    NUMBER_TYPE_NOT_ELIGIBLE = "NUMBER_TYPE_NOT_ELIGIBLE"
    CAMPAIGN_NUMBER_LIMIT = "CAMPAIGN_NUMBER_LIMIT"


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason why a number cannot send, or why it is not known whether it can (`is_certain` is False)."""

    code: BlockerCode
    message: str
    resolution: str
    retry_at: datetime | None = None
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a number can send, as observed at one moment. `can_send` is None if that is not known."""

    can_send: bool | None
    observed_at: datetime
    blockers: list[Blocker]

    @property
    def summary(self) -> str:
        """The answer in words."""
        if self.can_send is None:
            return "It is not known whether this number can send."
        return "This number can send." if self.can_send else "This number cannot send."


def read_readiness(numbers: QuerySet[PhoneNumber], **lookup: Any) -> Readiness:
    """Return the readiness of one of the numbers, in one statement. Raises NotFound."""
    on_same_campaign = PhoneNumber.objects.filter(
        organization_id=OuterRef("organization_id"), campaign_id=OuterRef("campaign_id")
    )
    # Whether a number follows the first and the last one that the limit allows; no count walks a large campaign.
    most = settings.CAMPAIGN_NUMBER_LIMIT
    number = (
        numbers.filter(**lookup)
        .select_related("campaign__brand", "current_attachment")
        .annotate(
            observed_at=Now(),
            exceeds_one=Exists(on_same_campaign[1:2]),
            exceeds_limit=Exists(on_same_campaign[most : most + 1]),
        )
        .order_by()
        .first()
    )
    if number is None:
        raise NotFound
    blockers = list(_blockers(number))
    can_send = False if any(blocker.is_certain for blocker in blockers) else None if blockers else True
    return Readiness(can_send, number.observed_at, blockers)


def _blockers(number: Any) -> Iterator[Blocker]:
    if not number.is_assigned:
        yield Blocker(
            BlockerCode.NUMBER_NOT_ASSIGNED,
            f"The number is {NumberState(number.state).label}.",
            "It has left the carrier. Release it, or port it back in."
            if number.state == NumberState.LOST
            else "Wait for its order or port to finish; a released number has to be ordered again.",
        )
        if number.state == NumberState.LOST:
            # Its campaign has been taken from it.
            return
    if not number.sms_enabled:
        yield Blocker(
            BlockerCode.SMS_DISABLED, "SMS is off for the number.", "Ask the operator to turn SMS on for the number."
        )
    if number.number_type != NumberType.LOCAL:
        # Its campaign says nothing: only local numbers send under a 10DLC campaign.
        yield Blocker(
            BlockerCode.NUMBER_TYPE_NOT_ELIGIBLE,
            f"A {NumberType(number.number_type).label.lower()} number does not send under a 10DLC campaign.",
            "Ask the carrier: a toll-free number has to be verified, a short code has its own program.",
            is_certain=False,
        )
        return
    if number.campaign is None:
        yield Blocker(
            BlockerCode.NO_CAMPAIGN,
            "The number is not attached to a campaign.",
            "Attach a campaign that is ACTIVE and approved.",
        )
        return
    yield from _campaign_blockers(number)
    if number.carrier_line_option_status != LineOptionStatus.PROPAGATED:
        yield _propagation_blocker(number)
    limit = number.campaign.number_limit
    if limit is not None and (number.exceeds_one if limit == 1 else number.exceeds_limit):
        yield Blocker(
            BlockerCode.CAMPAIGN_NUMBER_LIMIT,
            f"The campaign has more than the {limit} numbers that carriers allow without a number pool.",
            "Move numbers to another campaign, or register a number pool for this one.",
            is_certain=False,
        )


def _campaign_blockers(number: PhoneNumber) -> Iterator[Blocker]:
    campaign = number.campaign
    assert campaign is not None  # noqa: S101  (The caller has checked it.)
    if not campaign.is_active:
        yield Blocker(
            BlockerCode.CAMPAIGN_NOT_ACTIVE,
            f"The campaign is {campaign.status}.",
            "Attach another campaign, or have this one active again.",
        )
    if not campaign.brand.is_verified:
        yield Blocker(
            BlockerCode.BRAND_NOT_VERIFIED,
            f"The campaign's brand is {campaign.brand.identity_status or 'not verified yet'}.",
            "Have the brand's identity verified by The Campaign Registry.",
        )
    match campaign.effective_carrier_status:
        case CarrierStatus.REJECTED:
            yield Blocker(
                BlockerCode.CAMPAIGN_REJECTED,
                "The carrier has rejected the campaign.",
                "Attach another campaign, or have this one approved.",
            )
        case CarrierStatus.SUSPENDED:
            yield Blocker(
                BlockerCode.CAMPAIGN_SUSPENDED,
                "The operator has suspended the campaign."
                if campaign.suspension_reason
                else "The carrier has suspended the campaign.",
                "Ask why. The number can send again once the suspension ends.",
            )
        case CarrierStatus.PENDING:
            yield Blocker(
                BlockerCode.CAMPAIGN_NOT_APPROVED,
                "The carrier has not decided on the campaign yet.",
                "Wait for the carrier's approval; propagation follows automatically.",
                is_certain=False,
            )


def _propagation_blocker(number: PhoneNumber) -> Blocker:
    attachment = number.current_attachment
    if attachment is None:
        return Blocker(
            BlockerCode.NOT_PROPAGATED,
            "The carrier has not confirmed the attachment.",
            "Ask the operator to reconcile the number with the carrier.",
            is_certain=False,
        )
    has_failed = attachment.status == AttachmentStatus.FAILED
    # Once an order has been sent, the carrier may have carried it out.
    may_be_done = attachment.submitted_at is not None and not has_failed
    if attachment.failure_code is None:
        return Blocker(
            BlockerCode.NOT_PROPAGATED,
            "The carrier has not confirmed the attachment yet." if may_be_done else "The carrier is not notified yet.",
            "Wait; it happens automatically.",
            attachment.next_attempt_at,
            is_certain=not may_be_done,
        )
    remedy = remedy_of(attachment.failure_code, has_failed=has_failed, is_current=True)
    return Blocker(
        BlockerCode.NOT_PROPAGATED,
        f"{attachment.failure_code}: {attachment.failure_message or 'the carrier gave no reason'}",
        remedy.resolution,
        attachment.next_attempt_at,
        is_certain=not may_be_done,
    )
