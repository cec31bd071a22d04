"""The pages of an operation on numbers: choose, confirm, and see the outcome of each number.

Every page posts to the list with its filters, as the list's own actions do. So the selection, which may be all that a
filter finds, need not travel.
"""

import io
from abc import ABC, abstractmethod
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.utils import display_for_label

from accounts.actors import Actor
from accounts.models import Operator
from agentmessage.admin.base import RowAdmin
from agentmessage.api.envelope import request_id_of
from agentmessage.files import CsvWriter
from phone_numbers.models import PhoneNumber

_SHOWN = 100
_LINK = '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>'
_COLOURS = {"changed": "success", "unchanged": "info", "failed": "danger", "busy": "danger"}

Kind = Literal["changed", "unchanged", "failed", "busy"]


class Chosen(NamedTuple):
    """A number that the operator has chosen."""

    id: UUID
    number: str
    organization_id: UUID | None
    attachment_id: UUID | None


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """The outcome of one number. `reason` says why it failed or is busy."""

    kind: Kind
    reason: str = ""


class Operation(ABC):
    """One thing that operators do to chosen numbers.

    `action` is the action of the list that every page posts to, `submits` the field that says that the form was sent,
    `consequence` what the operator should know before confirming, and `words` the names of the outcomes.
    """

    action: ClassVar[str]
    submits: ClassVar[str] = "confirm"
    title: ClassVar[str]
    button: ClassVar[str]
    consequence: ClassVar[str]
    words: ClassVar[dict[Kind, str]]
    dangerous: ClassVar[bool] = False

    def __init__(
        self, model_admin: RowAdmin, request: HttpRequest, chosen: QuerySet[PhoneNumber], *, selected: Sequence[str]
    ) -> None:
        self.model_admin = model_admin
        self.request = request
        self.chosen = chosen.order_by("number")
        self.count = self.chosen.count()
        self.selected = selected
        changelist: str = reverse("admin:numbers_phonenumber_changelist")
        self.back = request.get_full_path() if request.path == changelist else changelist

    @abstractmethod
    def refusal(self) -> str | None:
        """Say why the operation is not possible for these numbers."""

    @abstractmethod
    def run(self, numbers: Sequence[Chosen], form: forms.Form, actor: Actor, *, dry_run: bool) -> list[RowOutcome]:
        """Do it, or with `dry_run` say what would happen. `form` is valid."""

    def form(self, data: Any) -> forms.Form:
        """Return the form that says what to do, apart from the numbers."""
        return forms.Form(data)

    def subject(self, form: forms.Form) -> str:
        """Return what was chosen in the valid form, to follow the title."""
        return ""

    def respond(self) -> HttpResponse:
        """Return the page that is next."""
        refusal = self.refusal()
        if refusal is not None:
            messages.error(self.request, refusal)
            return HttpResponseRedirect(self.back)
        form = self.form(self.request.POST if self.submits in self.request.POST else None)
        if not form.is_valid():
            return self._choose(form)
        is_confirmed = "confirm" in self.request.POST
        # Read before anything changes: a number that has moved may not be found by the filter any more.
        fields = ("id", "number", "organization_id", "current_attachment_id")
        numbers = [Chosen(*row) for row in self.chosen.values_list(*fields)]
        outcomes = self.run(numbers, form, self._actor(), dry_run=not is_confirmed)
        if is_confirmed:
            changed = [number for number, outcome in zip(numbers, outcomes, strict=True) if outcome.kind == "changed"]
            self._log(changed, f"{self.title}{self.subject(form)}.")
        return self._show(form, numbers, outcomes, is_confirmed=is_confirmed)

    def _choose(self, form: forms.Form) -> HttpResponse:
        phone_numbers = list(self.chosen.select_related("organization", "campaign")[:_SHOWN])
        is_last_step = self.submits == "confirm"
        return self._page(
            "operation",
            form=form,
            media=form.media,
            count=self.count,
            shown=len(phone_numbers),
            consequence=self.consequence if is_last_step else "",
            button=self.button if is_last_step else "",
            hidden={"confirm": "yes"} if is_last_step else {},
            phone_numbers=phone_numbers,
            table={
                "headers": ["Number", "Organization", "State", "Campaign now"],
                "rows": [
                    [self._link(row.id, row.number), row.organization or "-", row.state, row.campaign or "-"]
                    for row in phone_numbers
                ],
            },
        )

    def _show(
        self, form: forms.Form, numbers: Sequence[Chosen], outcomes: Sequence[RowOutcome], *, is_confirmed: bool
    ) -> HttpResponse:
        """Return the outcome of a confirmed operation, or a preview that asks for the confirmation."""
        words = self.words if is_confirmed else self.words | {"changed": f"would be {self.words['changed']}"}
        rows = list(zip(numbers, outcomes, strict=True))
        counts = Counter(outcome.kind for outcome in outcomes)
        failed = [(number.number, outcome.reason) for number, outcome in rows if outcome.kind in ("failed", "busy")]
        # Of many numbers, those that need attention.
        shown = [row for row in rows if len(rows) <= _SHOWN or row[1].kind in ("failed", "busy")][:_SHOWN]
        return self._page(
            "outcome" if is_confirmed else "operation",
            title=self.title + self.subject(form),
            summary=", ".join(f"{counts[kind]:,} {word}" for kind, word in words.items() if counts[kind]),
            count=counts["changed"],
            consequence=self.consequence,
            button=self.button if counts["changed"] else "",
            hidden={name: str(value) for name, value in form.data.items() if name in form.fields} | {"confirm": "yes"},
            reasons={
                "headers": ["Why", "Numbers"],
                "rows": [[reason, f"{n:,}"] for reason, n in Counter(why for _, why in failed).most_common()],
            },
            table={
                "headers": ["Number", "Outcome", "Why"],
                "rows": [
                    [self._link(number.id, number.number), _label(outcome.kind, words[outcome.kind]), outcome.reason]
                    for number, outcome in shown
                ],
            },
            shown=len(shown),
            failed_count=len(failed),
            csv=_as_link(failed) if failed else "",
        )

    def _page(self, template: str, **context: Any) -> HttpResponse:
        page = self.model_admin.page(self.request, self.title) | {
            "action": self.action,
            "back": self.back,
            "checkbox": ACTION_CHECKBOX_NAME,
            "dangerous": self.dangerous,
            "select_across": self.request.POST.get("select_across", "0"),
            "selected": self.selected,
        }
        return TemplateResponse(self.request, f"admin/numbers/phonenumber/{template}.html", page | context)

    def _actor(self) -> Actor:
        return Actor.for_operator(self._operator(), request_id=request_id_of(self.request))

    def _log(self, changed: Sequence[Chosen], message: str) -> None:
        if changed:
            numbers = [PhoneNumber(id=number.id, number=number.number) for number in changed]
            LogEntry.objects.log_actions(self._operator().pk, numbers, CHANGE, message)

    def _operator(self) -> Operator:
        assert isinstance(self.request.user, Operator)  # noqa: S101  (The admin is for those who are signed in.)
        return self.request.user

    def _link(self, phone_number_id: UUID, number: str) -> str:
        return format_html(_LINK, reverse("admin:numbers_phonenumber_change", args=[phone_number_id]), number)


def _label(kind: Kind, word: str) -> str:
    label: str = display_for_label(word, "-", {word: _COLOURS[kind]})
    return label


def _as_link(failed: Sequence[tuple[str, str]]) -> str:
    """Put a CSV into the link itself, so that the server keeps nothing."""
    file = io.StringIO(newline="")
    writer = CsvWriter(file, ("number", "message"))
    for row in failed:
        writer.write(row)
    return "data:text/csv;charset=utf-8;base64," + b64encode(file.getvalue().encode()).decode()
