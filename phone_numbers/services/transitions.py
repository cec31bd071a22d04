"""The one table of how an attachment's status may change, and the log line that every change writes."""

from enum import StrEnum, auto
from functools import partial
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from phone_numbers.models import AttachmentStatus, CampaignAttachment

log = structlog.get_logger(__name__)

_PENDING, _SUBMITTED, _FAILED = AttachmentStatus.PENDING, AttachmentStatus.SUBMITTED, AttachmentStatus.FAILED
_PROPAGATED, _SUPERSEDED = AttachmentStatus.PROPAGATED, AttachmentStatus.SUPERSEDED


class Cause(StrEnum):
    """What changes an attachment's status."""

    CLAIM = auto()
    """A worker claims what is due, or finds that it need not or cannot be sent."""
    OUTCOME = auto()
    """The attachment's order ends, or leaves the attachment out."""
    EXPIRY = auto()
    """The attachment has waited for longer than its maximum age."""
    APPROVAL = auto()
    """The carrier approves the campaign."""
    RETRY = auto()
    """A tenant or an operator asks for another attempt."""
    RECONCILE = auto()
    """The carrier has lost what it once confirmed."""
    LOSS = auto()
    """The number is no longer at the carrier."""


TRANSITIONS: dict[tuple[AttachmentStatus, AttachmentStatus], frozenset[Cause]] = {
    (_PENDING, _SUBMITTED): frozenset({Cause.CLAIM}),
    (_PENDING, _PROPAGATED): frozenset({Cause.CLAIM, Cause.LOSS}),
    (_PENDING, _FAILED): frozenset({Cause.CLAIM, Cause.EXPIRY}),
    (_PENDING, _SUPERSEDED): frozenset({Cause.CLAIM, Cause.EXPIRY}),
    (_SUBMITTED, _PENDING): frozenset({Cause.OUTCOME}),
    (_SUBMITTED, _PROPAGATED): frozenset({Cause.OUTCOME}),
    (_SUBMITTED, _FAILED): frozenset({Cause.OUTCOME}),
    (_SUBMITTED, _SUPERSEDED): frozenset({Cause.OUTCOME}),
    (_FAILED, _PENDING): frozenset({Cause.APPROVAL, Cause.RETRY}),
    (_PROPAGATED, _PENDING): frozenset({Cause.RECONCILE}),
}
"""From and to, and what may cause it. No row begins with `superseded`, which is final; the database enforces that."""


class ForbiddenTransition(Exception):
    """The table has no such transition for this cause."""


def check_transition(before: str, after: AttachmentStatus, cause: Cause) -> None:
    """Raise ForbiddenTransition unless the table allows the change."""
    if cause not in TRANSITIONS.get((AttachmentStatus(before), after), frozenset()):
        raise ForbiddenTransition(f"{before} -> {after.value} by {cause.value}")


def supersede(attachments: QuerySet[CampaignAttachment], cause: Cause) -> list[CampaignAttachment]:
    """Supersede those of the attachments that are no longer the current one of their number, and return them."""
    outdated = attachments.exclude(phone_number__current_attachment=F("id"))
    superseded = list(outdated.select_for_update(no_key=True, of=("self",)))
    for attachment in superseded:
        check_transition(attachment.status, AttachmentStatus.SUPERSEDED, cause)
        log_transition(
            attachment_id=attachment.id,
            outcome=AttachmentStatus.SUPERSEDED,
            is_detach=attachment.campaign_id is None,
            request_id=attachment.request_id,
            order_id=attachment.order_id if attachment.status == AttachmentStatus.SUBMITTED else None,
        )
    ids = [attachment.id for attachment in superseded]
    CampaignAttachment.objects.filter(id__in=ids).update(status=AttachmentStatus.SUPERSEDED, next_attempt_at=None)
    return superseded


def log_transition(
    *,
    attachment_id: UUID,
    outcome: AttachmentStatus,
    is_detach: bool,
    request_id: str | None,
    order_id: UUID | None = None,
    failure: str | None = None,
    carrier_code: str | None = None,
) -> None:
    """Write the log line of one transition once the transaction has committed, so that it is about what happened."""
    write = partial(
        log.info,
        "propagation.recorded",
        outcome=outcome.value,
        action="detach" if is_detach else "attach",
        attachment_id=str(attachment_id),
        order_id=None if order_id is None else str(order_id),
        request_id=request_id,
        failure=failure,
        carrier_code=carrier_code,
    )
    transaction.on_commit(write)
