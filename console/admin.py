"""What operators have changed: Django's log of the admin, as a list."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from agentmessage.admin.base import MomentRangeFilter, ReadOnlyMixin, RowAdmin
from agentmessage.admin.unfold_typing import display
from console import imports  # noqa: F401  (Django finds an app's admin classes here.)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyMixin, RowAdmin):
    """The changes of all operators."""

    list_display = ("action_time", "user", "kind", "object_repr", "change")
    export_also = ("object_id",)
    list_select_related = ("user", "content_type")
    list_filter = (("user", AutocompleteSelectFilter), "content_type", ("action_time", MomentRangeFilter))
    # By ID, which is as old as the entry and has an index.
    ordering = ("-id",)
    search_fields = ("object_id__exact",)
    when_empty = "What operators change here is listed with who and why."
    id_lookups = ("object_id",)
    search_help_text = "ID of what was changed"
    fields = ("action_time", "user", "kind", "object_repr", "object_id", "change")
    readonly_fields = ("kind", "change")

    @display(description="kind")
    def kind(self, entry: LogEntry) -> Any:
        """Return what kind of row was changed."""
        content_type: Any = entry.content_type
        return content_type and content_type.name

    @display(description="change")
    def change(self, entry: LogEntry) -> str:
        """Return the change in words."""
        return entry.get_change_message() or str(entry.get_action_flag_display())
