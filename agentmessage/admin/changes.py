"""Why rows are changed: every form asks, the admin's log keeps it, and the page of a row shows the last changes."""

import json
from typing import TYPE_CHECKING, Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from agentmessage.admin.forms import REASON
from agentmessage.admin.moments import relative
from agentmessage.validators import REASON_LENGTH

if TYPE_CHECKING:
    from agentmessage.admin.unfold_typing import ModelAdmin
else:
    ModelAdmin = object

_SHOWN = 5


class ChangesMixin(ModelAdmin):
    """Ask why a row is added or changed, and show what belongs to it. Precedes the admin class.

    The forms of that class are `ReasonForm`s.
    """

    change_form_outer_after_template = "admin/changes.html"

    def describe(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the page of a row shows before its form: `panels`, each with `title`, `said` and `rows`."""
        return {}

    def has_history(self, row: Any) -> bool:
        """Whether something refers to the row, so that no page offers to delete it."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields of the row."""
        return [name for name in super().get_fields(request, obj) if name != REASON]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask why, where the operator may write."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            return fieldsets
        return [*fieldsets, (f"Why this {'addition' if obj is None else 'change'}", {"fields": (REASON,)})]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write the addition, and why."""
        return super().log_addition(request, obj, _with_reason(request, message))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write the change, and why."""
        return super().log_change(request, obj, _with_reason(request, message))

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Show what belongs to a row, and what changed lately."""
        if obj is not None:
            context |= self.describe(request, obj)
            may_delete = self.has_delete_permission(request, obj) and not self.has_history(obj)
            # Unfold's own button to delete would be the most prominent one of the page.
            context |= {"changes": _changes(obj), "may_delete": may_delete, "show_delete": False}
            context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, add, change, form_url, obj)


def _with_reason(request: HttpRequest, message: Any) -> Any:
    if reason := request.POST.get(REASON, "").strip()[:REASON_LENGTH]:
        text = message if isinstance(message, str) else json.dumps(message)
        return f"{LogEntry(change_message=text).get_change_message()} Reason: {reason}"
    return message


def _changes(row: Model) -> dict[str, Any]:
    kind = ContentType.objects.get_for_model(row)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
    rows = [
        [relative(entry.action_time), entry.user, entry.get_change_message() or entry.get_action_flag_display()]
        for entry in entries.order_by("-action_time")[:_SHOWN]
    ]
    return {"title": "Recent changes", "rows": rows}
