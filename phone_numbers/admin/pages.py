"""The pages between an operator's choice of numbers and what becomes of them: choose and confirm, then the outcome."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.utils import display_for_label

from accounts.actors import Actor
from accounts.models import Operator
from agentmessage.admin.base import RowAdmin
from agentmessage.api.envelope import request_id_of
from phone_numbers.admin.forms import AttachForm
from phone_numbers.admin.operations import RowOutcome, attach_to_rows, detach_rows, release_rows, retry_rows
from phone_numbers.models import PhoneNumber

MAX_ROWS = 100
_LINK = '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>'


class OperationPage(ABC):
    """One thing that operators do to chosen numbers.

    `words` are what a row's outcome is called, `consequence` is what the operator should know before confirming.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    button: ClassVar[str]
    consequence: ClassVar[str]
    words: ClassVar[dict[str, str]]
    dangerous: ClassVar[bool] = False

    def __init__(self, model_admin: RowAdmin, request: HttpRequest, phone_numbers: Sequence[PhoneNumber]) -> None:
        self.model_admin = model_admin
        self.request = request
        self.phone_numbers = phone_numbers
        self.changelist: str = reverse("admin:numbers_phonenumber_changelist")

    @abstractmethod
    def run(self, form: forms.Form, actor: Actor) -> list[RowOutcome]:
        """Does it. `form` is valid."""

    def refusal(self) -> str | None:
        """Why it cannot be done to these numbers at all, in words."""
        if not self.phone_numbers:
            return "These numbers are gone."
        if len(self.phone_numbers) > MAX_ROWS:
            return f"At most {MAX_ROWS} numbers at once."
        return None

    def form(self, data: Any = None) -> forms.Form:
        """What there is to choose."""
        return forms.Form(data)

    def subject(self, form: forms.Form) -> str:
        """What was chosen, to stand after the title. `form` is valid."""
        return ""

    def ask(self, form: forms.Form | None = None) -> HttpResponse:
        """The page that asks, or the way back with the refusal."""
        refusal = self.refusal()
        if refusal is not None:
            messages.error(self.request, refusal)
            return HttpResponseRedirect(self._back())
        form = form or self.form()
        return self._page(
            "admin/numbers/phonenumber/operation.html",
            form=form,
            media=form.media,
            action=reverse("admin:numbers_phonenumber_operation", args=[self.name]),
            button=self.button,
            consequence=self.consequence,
            dangerous=self.dangerous,
            checkbox=ACTION_CHECKBOX_NAME,
            phone_numbers=self.phone_numbers,
            table={
                "headers": ["Number", "Organization", "State", "Campaign now"],
                "rows": [
                    [self._link(row), row.organization or "-", row.state, row.campaign or "-"]
                    for row in self.phone_numbers
                ],
            },
        )

    def answer(self) -> HttpResponse:
        """Does it, if the form is in order, and shows what became of each number."""
        if self.refusal() is not None:
            return self.ask()
        form = self.form(self.request.POST)
        if not form.is_valid():
            return self.ask(form)
        assert isinstance(self.request.user, Operator)  # noqa: S101  (Who is not signed in does not come here.)
        actor = Actor.for_operator(self.request.user, request_id=request_id_of(self.request))
        outcomes = {outcome.phone_number_id: outcome for outcome in self.run(form, actor)}
        rows = [(phone_number, outcomes[phone_number.id]) for phone_number in self.phone_numbers]
        for phone_number, outcome in rows:
            if outcome.outcome == "changed":
                self.model_admin.log_change(self.request, phone_number, f"{self.title}{self.subject(form)}.")
        counts = [(sum(outcome.outcome == kind for _, outcome in rows), word) for kind, word in self.words.items()]
        return self._page(
            "admin/numbers/phonenumber/outcome.html",
            title=self.title + self.subject(form),
            summary=", ".join(f"{count} {word}" for count, word in counts if count),
            table={
                "headers": ["Number", "Outcome", "Why"],
                "rows": [
                    [self._link(phone_number), self._label(outcome), outcome.reason] for phone_number, outcome in rows
                ],
            },
        )

    def _page(self, template: str, **context: Any) -> HttpResponse:
        page = self.model_admin.page(self.request, self.title) | {"back": self._back()} | context
        return TemplateResponse(self.request, template, page)

    def _back(self) -> str:
        """The list as the operator had filtered it, or the number's page; never another site."""
        asked = self.request.POST.get("back") or self.request.GET.get("back")
        if asked and asked.startswith(self.changelist) and url_has_allowed_host_and_scheme(asked, allowed_hosts=None):
            return asked
        return self.request.get_full_path() if self.request.path == self.changelist else self.changelist

    def _link(self, phone_number: PhoneNumber) -> str:
        return format_html(_LINK, reverse("admin:numbers_phonenumber_change", args=[phone_number.id]), phone_number)

    def _label(self, outcome: RowOutcome) -> str:
        colours = {"changed": "success", "unchanged": "info", "failed": "danger"}
        word = self.words[outcome.outcome]
        label: str = display_for_label(word, "-", {word: colours[outcome.outcome]})
        return label


class AttachPage(OperationPage):
    """Attach a campaign of the numbers' organization."""

    name = "attach"
    title = "Attach a campaign"
    button = "Attach"
    consequence = "The campaign takes the place of the one that a number has now. The carrier hears of it afterwards."
    words = {"changed": "attached", "unchanged": "unchanged", "failed": "failed"}

    def refusal(self) -> str | None:
        """A campaign belongs to one organization, and so must the numbers."""
        organizations = {phone_number.organization_id for phone_number in self.phone_numbers}
        if None in organizations:
            return "A number without an organization takes no campaign: choose numbers of one organization."
        if len(organizations) > 1:
            return "The numbers belong to several organizations: choose numbers of one organization."
        return super().refusal()

    def form(self, data: Any = None) -> forms.Form:
        """Which campaign."""
        organization_id = self.phone_numbers[0].organization_id
        assert organization_id is not None  # noqa: S101  (Or it would have been refused.)
        return AttachForm(data, organization_id=organization_id)

    def subject(self, form: forms.Form) -> str:
        """The campaign."""
        return f": {form.cleaned_data['campaign'].name}"

    def run(self, form: forms.Form, actor: Actor) -> list[RowOutcome]:
        """Attaches it."""
        campaign = form.cleaned_data["campaign"]
        return attach_to_rows(
            organization_id=campaign.organization_id,
            phone_number_ids=[phone_number.id for phone_number in self.phone_numbers],
            campaign_id=campaign.id,
            actor=actor,
        )


class DetachPage(OperationPage):
    """Take numbers off their campaigns."""

    name = "detach"
    title = "Detach campaigns"
    button = "Detach"
    consequence = "A number without a campaign must not send. The carrier hears of it afterwards."
    words = {"changed": "detached", "unchanged": "had none", "failed": "failed"}
    dangerous = True

    def run(self, form: forms.Form, actor: Actor) -> list[RowOutcome]:
        """Takes them off."""
        return detach_rows(phone_numbers=self.phone_numbers, actor=actor)


class ReleasePage(OperationPage):
    """Release numbers from their organizations' use."""

    name = "release"
    title = "Release numbers"
    button = "Release"
    consequence = "Released numbers are quarantined and lose their campaign. The organization can no longer use them."
    words = {"changed": "released", "unchanged": "unchanged", "failed": "failed"}
    dangerous = True

    def run(self, form: forms.Form, actor: Actor) -> list[RowOutcome]:
        """Releases them."""
        return release_rows(phone_numbers=self.phone_numbers, actor=actor)


class RetryPage(OperationPage):
    """Send failed propagations again."""

    name = "retry"
    title = "Send failed propagations again"
    button = "Send again"
    consequence = "The carrier is told once more of the attach or detach that it has refused or never heard of."
    words = {"changed": "sent again", "unchanged": "unchanged", "failed": "left alone"}

    def run(self, form: forms.Form, actor: Actor) -> list[RowOutcome]:
        """Makes them due."""
        return retry_rows(phone_numbers=self.phone_numbers)


PAGES: dict[str, type[OperationPage]] = {page.name: page for page in (AttachPage, DetachPage, ReleasePage, RetryPage)}
