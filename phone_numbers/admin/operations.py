"""The page of a bulk operation: choose a campaign, see a preview, confirm, and follow what becomes of each number.

One page serves one number and many, and what runs at once and what workers run: it shows the stored operation.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.utils import display_for_label

from accounts.models import Operator, Organization
from agentmessage.admin.base import ReadOnlyMixin, RowAdmin, link
from agentmessage.admin.export import csv_response
from agentmessage.admin.forms import ReasonForm
from agentmessage.admin.lists import STATUS_COLORS
from agentmessage.admin.unfold_typing import display
from agentmessage.api.envelope import request_id_of
from agentmessage.errors import ErrorCode, ValidationFailed
from campaigns.models import Campaign
from phone_numbers.admin.forms import AttachForm
from phone_numbers.bulk_operations import (
    WORKING,
    BulkAction,
    BulkOperation,
    BulkOperationRow,
    BulkPhase,
    OperatorJob,
    RowOutcome,
)
from phone_numbers.models import PhoneNumber
from phone_numbers.services.bulk_operations import (
    describe_operation,
    freeze_operation,
    freeze_undo,
    preview_operation,
    run_batch,
    start_operation,
)
from phone_numbers.services.operator_jobs import continue_job

_SHOWN = 100
# How long a page waits for numbers that another transaction holds.
_LOCK_SECONDS = 0.3
_FILTERS = "_changelist_filters"  # Django's own name for it.
_UNDOABLE = (BulkAction.ATTACH, BulkAction.DETACH, BulkAction.UNDO)
_NOT_DONE = (RowOutcome.FAILED, RowOutcome.BUSY)


@dataclass(frozen=True, slots=True)
class Wording:
    """How the page words an action, and how many rows it runs at once. Workers run more than that."""

    button: str
    consequence: str
    outcomes: Mapping[str, str]
    is_dangerous: bool = False
    at_once: int = 500


WORDINGS = {
    BulkAction.ATTACH: Wording(
        "Attach to",
        "The campaign replaces the one that a number has now. The carrier is notified afterwards.",
        {"changed": "attached", "unchanged": "unchanged", "failed": "failed", "busy": "busy"},
    ),
    BulkAction.DETACH: Wording(
        "Detach",
        "A number without a campaign must not send. The carrier is notified afterwards.",
        {"changed": "detached", "unchanged": "had none", "failed": "failed", "busy": "busy"},
        is_dangerous=True,
    ),
    BulkAction.RELEASE: Wording(
        "Release",
        "Released numbers are quarantined and lose their campaign. The organization can no longer use them.",
        {"changed": "released", "failed": "failed", "busy": "busy"},
        is_dangerous=True,
        at_once=100,
    ),
    BulkAction.UNDO: Wording(
        "Take back",
        "Each number goes back to the campaign that it had before. The carrier is notified afterwards.",
        {"changed": "taken back", "unchanged": "unchanged", "failed": "left alone", "busy": "busy"},
    ),
    BulkAction.RETRY: Wording(
        "Send again to",
        "The carrier is notified again of the attach or detach that failed.",
        {"changed": "sent again", "failed": "left alone", "busy": "busy"},
        at_once=100,
    ),
}
_REASONS: Mapping[str, str] = {
    ErrorCode.CAMPAIGN_NOT_ACTIVE: "The campaign is not active.",
    ErrorCode.BRAND_NOT_VERIFIED: "The campaign's brand is not verified.",
    ErrorCode.NUMBER_NOT_ASSIGNED: "The number is not assigned.",
    ErrorCode.NOT_FAILED: "Its propagation has not failed.",
    ErrorCode.NOT_FOUND: "The campaign no longer exists.",
    ErrorCode.PRECONDITION_FAILED: "Changed meanwhile: the number is no longer where you saw it.",
}


def begin_operation(request: HttpRequest, action: BulkAction, chosen: QuerySet[PhoneNumber]) -> HttpResponse:
    """Freeze the chosen numbers, and go to the operation's page. A refusal leads back to the list."""
    return _begin(request, lambda: freeze_operation(operator=operator_of(request), action=action, chosen=chosen))


def begin_undo(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Freeze what a batch has moved, and go to the page that takes it back."""
    return _begin(request, lambda: freeze_undo(operator=operator_of(request), batch_id=batch_id))


def _begin(request: HttpRequest, freeze: Callable[[], BulkOperation]) -> HttpResponse:
    try:
        operation = freeze()
    except ValidationFailed as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(_changelist(request.GET.urlencode()))
    _run_at_once(operation)
    filters = f"?{urlencode({_FILTERS: request.GET.urlencode()})}" if request.GET else ""
    return HttpResponseRedirect(reverse("admin:numbers_bulkoperation_change", args=[operation.id]) + filters)


class OperatorJobAdmin(ReadOnlyMixin, RowAdmin):
    """What operators preview and confirm. An operator sees and continues their own without any permission to view."""

    def visible(self, request: HttpRequest, object_id: str) -> Any:
        """Return the job of a page's address. Raises Http404, PermissionDenied."""
        job: OperatorJob = self.get_row(request, object_id)
        if job.operator_id != request.user.pk and not self.has_view_permission(request, job):
            raise PermissionDenied
        return job

    def take_step(self, request: HttpRequest, *, has_begun: bool) -> HttpResponse:
        """Lead back to the job's page after a step, which may have come too late."""
        if not has_begun:
            name = str(self.opts.verbose_name).removeprefix("bulk ")
            said = f"Nothing was done: the {name} has changed since you opened it. Review it again."
            messages.error(request, said)
        return HttpResponseRedirect(request.get_full_path())


@admin.register(BulkOperation)
class BulkOperationAdmin(OperatorJobAdmin):
    """The operations of the last 30 days."""

    list_display = ("created_at", "operator", "action", "phase", "progress", "started_at", "finished_at")
    list_select_related = ("operator",)
    list_filter = ("action", "phase")
    # By ID, which is as old as the operation and has an index.
    ordering = ("-id",)
    search_fields = ("operator__username__startswith",)
    when_empty = "Choose numbers in their list and an action."
    id_lookups = ("id", "campaign_id")
    search_help_text = "Beginning of the operator's name, or the ID of the operation or its campaign"

    @display(description="numbers")
    def progress(self, operation: BulkOperation) -> str:
        return f"{operation.rows_done:,} of {operation.rows_total:,}"

    def get_urls(self) -> list[URLPattern]:
        """Add the CSV of what was not done."""
        view = self.admin_site.admin_view(self.csv_view)
        return [path("<path:object_id>/not-done.csv", view, name="numbers_bulkoperation_csv"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the operation, or take its next step."""
        operation = self.visible(request, object_id)
        if request.method != "POST":
            return self._page(request, operation, self._form(operation))
        if not (operation.operator_id == request.user.pk and request.user.has_perm("numbers.change_phonenumber")):
            raise PermissionDenied
        form = self._form(operation, request.POST)
        if "continue" in request.POST:
            has_begun = continue_job(operation)
        elif "undo" in request.POST:
            return begin_undo(request, operation.id)
        elif not form.is_valid():
            return self._page(request, operation, form)
        elif "confirm" in request.POST:
            has_begun = self._confirm(request, operation, form)
        elif operation.action != BulkAction.ATTACH:
            has_begun = False
        else:
            has_begun = preview_operation(operation, campaign_id=form.cleaned_data["campaign"].id)
        if has_begun:
            _run_at_once(operation)
        return self.take_step(request, has_begun=has_begun)

    def csv_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Send what failed, and what was not tried, as CSV."""
        rows = _not_done(self.visible(request, object_id)).order_by("position")
        return csv_response(
            "not-done.csv",
            ("number", "outcome", "message"),
            (
                (number, outcome if outcome in _NOT_DONE else "not tried", _reason(outcome, code))
                for number, outcome, code in rows.values_list("number", "outcome", "code")
            ),
        )

    def _form(self, operation: BulkOperation, data: Any = None) -> forms.Form:
        if operation.action != BulkAction.ATTACH:
            return ReasonForm(data)
        organization_id = operation.rows.values_list("organization_id", flat=True)[:1]
        return AttachForm(data, campaigns=Campaign.objects.filter(organization_id__in=organization_id))

    def _confirm(self, request: HttpRequest, operation: BulkOperation, form: forms.Form) -> bool:
        campaign = form.cleaned_data.get("campaign")
        campaign_id = None if campaign is None else campaign.id
        reason = form.cleaned_data["reason"] or None
        has_begun = start_operation(
            operation, campaign_id=campaign_id, request_id=request_id_of(request), reason=reason
        )
        if has_begun:
            self.log_change(request, operation, f"Confirmed. {describe_operation(operation)}.")
        return has_begun

    def _page(self, request: HttpRequest, operation: BulkOperation, form: forms.Form) -> HttpResponse:
        phase, wording = BulkPhase(operation.phase), WORDINGS[BulkAction(operation.action)]
        words = dict(wording.outcomes)
        if operation.started_at is None:
            words["changed"] = f"would be {words['changed']}"
        done = operation.rows.filter(position__lte=operation.rows_done)
        counted = list(done.values_list("outcome", "code").annotate(n=Count("position")).order_by("-n", "code"))
        counts: Counter[str] = Counter()
        for outcome, _code, n in counted:
            counts[outcome] += n
        not_tried = operation.rows_total - operation.rows_done
        summary = [f"{counts[outcome]:,} {word}" for outcome, word in words.items() if counts[outcome]]
        if not_tried and phase != BulkPhase.CHOOSING:
            summary.append(f"{not_tried:,} {'not tried' if phase == BulkPhase.STOPPED else 'to go'}")
        can_act = operation.operator_id == request.user.pk
        can_choose = can_act and phase == BulkPhase.CHOOSING and operation.action == BulkAction.ATTACH
        needs_confirmation = can_act and phase == BulkPhase.PREVIEWED
        count = counts["changed"] if phase == BulkPhase.PREVIEWED else operation.rows_total
        is_shown = phase == BulkPhase.PREVIEWED and count > 0
        context = self.page(request, describe_operation(operation)) | {
            "back": _changelist(request.GET.get(_FILTERS, "")),
            "operation": operation,
            "form": form if can_choose or needs_confirmation else None,
            "warnings": operation.warnings if is_shown else [],
            "moves": _moves_table(operation) if is_shown else None,
            "can_undo": can_act
            and phase == BulkPhase.FINISHED
            and operation.action in _UNDOABLE
            and counts["changed"] > 0,
            "media": form.media,
            "can_choose": can_choose,
            "can_confirm": needs_confirmation and count > 0,
            "can_continue": can_act and phase == BulkPhase.STOPPED,
            "is_working": phase in WORKING,
            "percent": 100 * operation.rows_done // max(1, operation.rows_total),
            "summary": ", ".join(summary),
            "count": count,
            "consequence": wording.consequence if needs_confirmation else "",
            "button": wording.button,
            "dangerous": wording.is_dangerous,
            "reasons": {
                "headers": ["Why", "Numbers"],
                "rows": [[_reason(outcome, code), f"{n:,}"] for outcome, code, n in counted if outcome in _NOT_DONE],
            },
            "failed_count": counts["failed"] + counts["busy"],
            "listed": operation.rows_total if phase == BulkPhase.CHOOSING else counts["failed"] + counts["busy"],
            "csv": reverse("admin:numbers_bulkoperation_csv", args=[operation.id]),
            **_shown(operation, words),
        }
        return TemplateResponse(request, "admin/numbers/bulkoperation/page.html", context)


def _shown(operation: BulkOperation, words: Mapping[str, str]) -> dict[str, Any]:
    """Return the table of numbers: all of a few, and of many those that need attention."""
    rows: QuerySet[BulkOperationRow] = operation.rows.order_by("position")
    if operation.phase == BulkPhase.CHOOSING:
        chosen = list(rows[:_SHOWN])
        organizations = Organization.objects.in_bulk({row.organization_id for row in chosen} - {None})
        campaigns = Campaign.objects.in_bulk({row.campaign_id for row in chosen} - {None})
        cells = [
            [_link(row), organizations.get(row.organization_id, "-"), campaigns.get(row.campaign_id, "-")]
            for row in chosen
        ]
        return {"shown": len(chosen), "table": {"headers": ["Number", "Organization", "Campaign now"], "rows": cells}}
    if operation.rows_total > _SHOWN:
        rows = rows.filter(outcome__in=_NOT_DONE)
    shown = list(rows.filter(position__lte=operation.rows_done)[:_SHOWN])
    cells = [
        [_link(row), _label(row.outcome, words.get(row.outcome, row.outcome)), _reason(row.outcome, row.code)]
        for row in shown
    ]
    return {"shown": len(shown), "table": {"headers": ["Number", "Outcome", "Why"], "rows": cells}}


def _moves_table(operation: BulkOperation) -> dict[str, Any]:
    """Return how many numbers go from which campaign to which."""
    moves = sorted(operation.moves, key=itemgetter(2), reverse=True)[:_SHOWN]
    campaigns = {
        str(campaign.id): campaign
        for campaign in Campaign.objects.filter(
            id__in={identifier for move in moves for identifier in move[:2]} - {None}
        )
    }
    rows = [
        [campaigns.get(origin, "no campaign"), campaigns.get(target, "no campaign"), f"{count:,}"]
        for origin, target, count in moves
    ]
    return {"headers": ["From", "To", "Numbers"], "rows": rows}


def _run_at_once(operation: BulkOperation) -> None:
    """Run the phase of a small operation. Workers run those of large ones."""
    if operation.rows_total <= WORDINGS[BulkAction(operation.action)].at_once:
        run_batch(operation_id=operation.id, lock_seconds=_LOCK_SECONDS)


def _not_done(operation: BulkOperation) -> QuerySet[BulkOperationRow]:
    done = Q(position__lte=operation.rows_done)
    return operation.rows.filter(done & Q(outcome__in=_NOT_DONE) | ~done)


@cache
def _reason(outcome: str, code: str) -> str:
    if outcome == RowOutcome.BUSY:
        return "Another transaction is changing the number now: try it again."
    known = ErrorCode.__members__.get(code)
    return _REASONS.get(code) or (f"{known.message.capitalize()}." if known is not None else "")


def operator_of(request: HttpRequest) -> Operator:
    """Return who is signed in."""
    assert isinstance(request.user, Operator)  # noqa: S101  (The admin is for those who are signed in.)
    return request.user


def _changelist(query: str) -> str:
    address: str = reverse("admin:numbers_phonenumber_changelist")
    return f"{address}?{query}" if query else address


def _link(row: BulkOperationRow) -> str:
    return link(reverse("admin:numbers_phonenumber_change", args=[row.phone_number_id]), row.number)


def _label(outcome: str, word: str) -> str:
    label: str = display_for_label(word, "-", {word: STATUS_COLORS[outcome]})
    return label
