"""What the page of a number leads with: its state in words, what to do, and what happened to it."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from unfold.utils import display_for_label

from agentmessage.admin.lists import STATUS_COLORS
from agentmessage.admin.moments import duration, relative
from phone_numbers.admin.history import actor_of, with_actors
from phone_numbers.e164 import as_written
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, NumberState, PhoneNumber
from phone_numbers.readiness import read_readiness

_SHOWN = 20
_UNDER_WAY = {LineOptionStatus.PENDING: "Pending", LineOptionStatus.REMOVING: "Being taken off its campaign"}


def describe_number(phone_number: PhoneNumber, request: HttpRequest) -> dict[str, Any]:
    """Return the context of the page."""
    may_see_history = request.user.has_perm("numbers.view_campaignattachment")
    timeline = list(_timeline(phone_number)) if may_see_history else None
    history = "admin:numbers_campaignattachment"
    of_number = f"?phone_number__id__exact={phone_number.id}"
    return {
        "written": as_written(phone_number.number),
        "status_text": describe_status(phone_number),
        "readiness": read_readiness(PhoneNumber.objects.all(), id=phone_number.id),
        "campaign_page": phone_number.campaign_id
        and reverse("admin:campaigns_campaign_change", args=[phone_number.campaign_id]),
        "timeline": None if timeline is None else timeline[:_SHOWN],
        "whole_history": reverse(f"{history}_changelist") + of_number if timeline and len(timeline) > _SHOWN else None,
        "history_csv": reverse(f"{history}_export") + of_number if timeline else None,
    }


def describe_status(phone_number: PhoneNumber) -> str:
    """Describe the number's status at the carrier in words."""
    attachment, status = phone_number.current_attachment, phone_number.carrier_line_option_status
    if not phone_number.is_assigned and status is None:
        return f"{capfirst(NumberState(phone_number.state).label)}."
    if status is None or attachment is None:
        return "On no campaign." if phone_number.campaign_id is None else f"{capfirst(status)}."
    if status == LineOptionStatus.PROPAGATED:
        confirmed = phone_number.carrier_line_option_propagated_at
        when = relative(confirmed) if confirmed else "at an unknown time"
        return format_html("Propagated: the carrier confirmed it {}.", when)
    said = f": {attachment.failure_message or attachment.failure_code}" if attachment.failure_code else ""
    if status == LineOptionStatus.FAILED:
        return f"Failed{said}" if said else "Failed."
    since = duration((timezone.now() - (attachment.resumed_at or attachment.created_at)).total_seconds())
    under_way = _UNDER_WAY[LineOptionStatus(status)]
    return format_html("{} for {}. {}{}", under_way, since, _next_step(attachment), said or ".")


def _next_step(attachment: CampaignAttachment) -> str:
    if attachment.status == AttachmentStatus.SUBMITTED:
        return "The order is at the carrier"
    if attachment.next_attempt_at is None:
        return "It waits for the carrier to approve the campaign"
    if attachment.next_attempt_at <= timezone.now():
        return "The carrier is notified now"
    return format_html("Next attempt {}", relative(attachment.next_attempt_at))


def _timeline(phone_number: PhoneNumber) -> Iterator[dict[str, Any]]:
    """Yield the newest entries of history, one more than is shown."""
    entries = with_actors(phone_number.attachments.select_related("campaign", "previous_campaign"))
    for entry in entries.order_by("-created_at", "-id")[: _SHOWN + 1]:
        is_open = entry.status in (AttachmentStatus.PENDING, AttachmentStatus.SUBMITTED)
        is_superseded = is_open and entry.id != phone_number.current_attachment_id
        status = AttachmentStatus.SUPERSEDED if is_superseded else AttachmentStatus(entry.status)
        codes = (entry.failure_code, entry.failure_carrier_code, entry.failure_message)
        yield {
            "address": reverse("admin:numbers_campaignattachment_change", args=[entry.id]),
            "at": relative(entry.created_at),
            "origin": entry.previous_campaign or "no campaign",
            "target": entry.campaign or "no campaign",
            "actor": actor_of(entry),
            "request_id": entry.request_id,
            "reason": entry.reason,
            "status": display_for_label(status.label, "-", {status.label: STATUS_COLORS.get(status, "default")}),
            "failure": ": ".join(code for code in codes if code),
        }
