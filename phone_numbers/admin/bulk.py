"""The action "Attach campaign…" on a list of numbers, up to all that a filter finds.

Three pages, each a POST to the list with its filters, so that the selection need not travel: choose a campaign; see
what would become of the numbers; confirm, and see what became of them.
"""

import csv
import io
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from accounts.actors import Actor
from accounts.admin.base import RowAdmin
from accounts.models import Operator
from agentmessage.api.request_ids import request_id_of
from campaigns.models import Campaign
from phone_numbers.admin.forms import AttachForm
from phone_numbers.admin.operations import LOCK_SECONDS, why
from phone_numbers.models import PhoneNumber
from phone_numbers.services.bulk_attach import Outcome, Row, bulk_attach

# More than that is for `manage.py attach_campaign`, which takes any number and can be interrupted.
MAX_ROWS = 200_000
_BATCH = 10_000
_SHOWN = 100


@dataclass
class _Told:
    """What becomes of the numbers: how many of each outcome, why the others fail, and which those are."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def summary(self, attached: str) -> str:
        """The outcomes that there are, in words."""
        words = {
            Outcome.ATTACHED: attached,
            Outcome.UNCHANGED: "unchanged",
            Outcome.FAILED: "failed",
            Outcome.BUSY: "busy",
        }
        return ", ".join(f"{self.counts[kind]:,} {word}" for kind, word in words.items() if self.counts[kind])


class BulkAttachPage:
    """What the action answers, whichever of the three pages it is."""

    title = "Attach a campaign"

    def __init__(self, model_admin: RowAdmin, request: HttpRequest, chosen: QuerySet[PhoneNumber]) -> None:
        self.model_admin = model_admin
        self.request = request
        self.chosen = chosen.order_by()
        self.back = request.get_full_path()

    def answer(self) -> HttpResponse:
        """The page that is next."""
        found = self.chosen.values_list("organization_id", flat=True).distinct()[:2]
        organizations: list[UUID | None] = [*found]
        count = self.chosen.count()
        refusal = _refusal(organizations, count)
        if refusal is not None:
            messages.error(self.request, refusal)
            return HttpResponseRedirect(self.back)
        assert organizations[0] is not None  # noqa: S101  (Or it would have been refused.)
        is_chosen = "campaign" in self.request.POST
        form = AttachForm(self.request.POST if is_chosen else None, organization_id=organizations[0])
        if not is_chosen or not form.is_valid():
            return self._page("ask", form=form, media=form.media, count=count)
        campaign: Campaign = form.cleaned_data["campaign"]
        is_confirmed = "confirm" in self.request.POST
        told = self._attach(campaign, dry_run=not is_confirmed)
        return self._page(
            "outcome" if is_confirmed else "preview",
            title=f"{self.title}: {campaign.name}",
            campaign=campaign,
            summary=told.summary("attached" if is_confirmed else "would be attached"),
            attachable=told.counts[Outcome.ATTACHED],
            reasons={
                "headers": ["Why", "Numbers"],
                "rows": [[reason, f"{number:,}"] for reason, number in told.reasons.most_common()],
            },
            failed={"headers": ["Number", "Why"], "rows": [list(row) for row in told.failed[:_SHOWN]]},
            failed_count=len(told.failed),
            shown=min(_SHOWN, len(told.failed)),
            csv=_as_link(told.failed) if told.failed else "",
        )

    def _attach(self, campaign: Campaign, *, dry_run: bool) -> _Told:
        assert isinstance(self.request.user, Operator)  # noqa: S101  (Who is not signed in does not come here.)
        actor = Actor.for_operator(self.request.user, request_id=request_id_of(self.request))
        # Read at once: a number that has moved may not be found by the filter any more.
        numbers: list[tuple[UUID, str]] = list(self.chosen.values_list("id", "number"))
        told = _Told()
        for start in range(0, len(numbers), _BATCH):
            part = numbers[start : start + _BATCH]
            results = bulk_attach(
                organization_id=campaign.organization_id,
                rows=[Row(phone_number_id, campaign.id) for phone_number_id, _ in part],
                actor=actor,
                dry_run=dry_run,
                lock_seconds=LOCK_SECONDS,
            )
            for (_, number), result in zip(part, results, strict=True):
                told.counts[result.outcome] += 1
                if result.outcome in (Outcome.FAILED, Outcome.BUSY):
                    reason = why(result)
                    told.reasons[reason] += 1
                    told.failed.append((number, reason))
        return told

    def _page(self, name: str, **context: Any) -> HttpResponse:
        posted = self.request.POST
        page = self.model_admin.page(self.request, self.title) | {
            "back": self.back,
            "checkbox": ACTION_CHECKBOX_NAME,
            "selected": posted.getlist(ACTION_CHECKBOX_NAME),
            "select_across": posted.get("select_across", "0"),
            "action": "attach_selected",
        }
        return TemplateResponse(self.request, f"admin/numbers/phonenumber/bulk_{name}.html", page | context)


def _refusal(organizations: list[UUID | None], count: int) -> str | None:
    """Why these numbers cannot be attached at all, in words."""
    if not organizations:
        return "These numbers are gone."
    if None in organizations:
        return "A number without an organization takes no campaign: choose numbers of one organization."
    if len(organizations) > 1:
        return "The numbers belong to several organizations: choose numbers of one organization."
    if count > MAX_ROWS:
        return f"{count:,} numbers are more than a page should wait for: manage.py attach_campaign takes any number."
    return None


def _as_link(failed: list[tuple[str, str]]) -> str:
    """A CSV in the link itself: nothing is kept on the server, and nothing has to be cleaned away."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(("number", "message"))
    writer.writerows(failed)
    return "data:text/csv;charset=utf-8;base64," + b64encode(file.getvalue().encode()).decode()
