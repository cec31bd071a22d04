"""The page that says which campaign a number was on at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.actors import ActorKind
from agentmessage.admin.base import link
from console.attachments import Answer, Confirmation, PastTimeField, State, read_answers
from console.stats import may_view
from phone_numbers.admin.history import actor_of, with_actors
from phone_numbers.e164 import LONGEST_WRITTEN, as_written, to_e164
from phone_numbers.models import CampaignAttachment, PhoneNumber

_AROUND = 5


class ReportForm(forms.Form):
    """A number and a time."""

    number = forms.CharField(max_length=LONGEST_WRITTEN, widget=UnfoldAdminTextInputWidget)
    at = PastTimeField(
        label="Time in UTC",
        widget=UnfoldAdminTextInputWidget,
        help_text="As 2026-11-29 17:30:00. A time without a zone is read as UTC.",
    )

    def clean_number(self) -> PhoneNumber:
        """Find the number."""
        try:
            return PhoneNumber.objects.get(number=to_e164(self.cleaned_data["number"]))
        except ValidationError as error:
            raise ValidationError(f"This {error.message}.") from None
        except PhoneNumber.DoesNotExist:
            raise ValidationError("There is no such number here.") from None


def report_context(request: HttpRequest, site: AdminSite) -> dict[str, Any]:
    """Return the context of the page. Raises PermissionDenied."""
    if not (may_view(request, site, PhoneNumber) and may_view(request, site, CampaignAttachment)):
        raise PermissionDenied
    context: dict[str, Any] = {"title": "Campaign at a time"}
    if "at" not in request.GET:
        initial = {"number": request.GET.get("number"), "at": f"{timezone.now():%Y-%m-%d %H:%M:%S}"}
        return context | {"form": ReportForm(initial=initial)}
    form = ReportForm(request.GET)
    if not form.is_valid():
        return context | {"form": form}
    phone_number: PhoneNumber = form.cleaned_data["number"]
    (answer,) = read_answers(PhoneNumber.objects.filter(id=phone_number.id), form.cleaned_data["at"])
    page = link(reverse("admin:numbers_phonenumber_change", args=[phone_number.id]), as_written(phone_number.number))
    return context | {
        "form": form,
        "page": page,
        "sentences": list(_in_words(answer)),
        "table": {
            "headers": ["Recorded, in UTC", "From", "To", "By", "Request ID", "Reason", "Confirmed by the carrier"],
            "rows": list(_around(answer)),
        },
    }


def _in_words(answer: Answer) -> Iterator[str]:
    entry, at = answer.in_force, f"At {_exact(answer.at)} UTC"
    if answer.state is State.NOT_RECORDED:
        yield f"{at} the number was not recorded here: it was added at {_exact(answer.phone_number.created_at)}."
    if answer.state is State.NEVER_ATTACHED:
        yield f"{at} the number was on no campaign: none had been attached yet."
    if entry is None:
        return
    where = f"was on the campaign {_name(entry)}" if entry.campaign_id else "was on no campaign: it had been detached"
    yield f"{at} the number {where}. It belonged to {entry.organization}."
    request = f", request {entry.request_id}" if entry.request_id else ""
    reason = f" Reason: {entry.reason}" if entry.reason else ""
    yield f"That was recorded at {_exact(entry.created_at)} by {actor_of(entry)}{request}.{reason}"
    if entry.actor_kind == ActorKind.IMPORT:
        yield "History begins with this import. Since when the carrier had had the number there is not known."
    yield from _of_carrier(answer, entry)


def _of_carrier(answer: Answer, entry: CampaignAttachment) -> Iterator[str]:
    confirmed = answer.confirmed
    match answer.confirmation:
        case Confirmation.YES:
            yield f"The carrier had confirmed it, at {_exact(entry.propagated_at)}."
            return
        case Confirmation.NO:
            yield "The carrier had not confirmed it by then."
        case Confirmation.UNKNOWN:
            yield (
                f"Whether the carrier had confirmed it by then is not known: it was sent again at "
                f"{_exact(entry.resumed_at)}, and an earlier confirmation is not kept."
            )
            return
    if not answer.is_certain:
        yield "What it had confirmed last is not known: an attachment was sent again, and its confirmation is not kept."
    elif confirmed is None:
        yield "It had confirmed nothing before."
    else:
        what = f"the campaign {_name(confirmed)}" if confirmed.campaign_id else "that the number was on no campaign"
        yield f"It had last confirmed {what}, at {_exact(confirmed.propagated_at)}."


def _exact(moment: datetime | None) -> str:
    """Return the time in UTC, with its microseconds: what was in force may depend on them."""
    return str(moment and moment.astimezone(UTC).replace(tzinfo=None))


def _name(entry: CampaignAttachment) -> str:
    assert entry.campaign is not None  # noqa: S101  (The callers have asked.)
    return f"“{entry.campaign}” ({entry.campaign.tcr_campaign_id or 'no TCR ID'})"


def _around(answer: Answer) -> Iterator[list[object]]:
    """Yield the history around the time, newest first."""
    entries = with_actors(answer.phone_number.attachments.select_related("campaign", "previous_campaign"))
    later = entries.filter(created_at__gt=answer.at).order_by("created_at", "id")[:_AROUND]
    earlier = entries.filter(created_at__lte=answer.at).order_by("-created_at", "-id")[:_AROUND]
    for entry in (*reversed(later), *earlier):
        recorded = link(reverse("admin:numbers_campaignattachment_change", args=[entry.id]), _exact(entry.created_at))
        yield [
            format_html("{} <strong>in force</strong>", recorded) if entry == answer.in_force else recorded,
            entry.previous_campaign or "-",
            entry.campaign or "detached",
            actor_of(entry),
            entry.request_id or "-",
            entry.reason or "-",
            _exact(entry.propagated_at) if entry.propagated_at else entry.status,
        ]
