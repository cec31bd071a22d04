"""Lists of a million rows: counts with a cap, pages that end with it, filters by named conditions."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self, cast

from django.contrib.admin.views.main import ChangeList
from django.contrib.postgres.expressions import ArraySubquery
from django.core.paginator import Paginator
from django.db.models import DateTimeField, Func, IntegerField, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from agentmessage.admin.moments import moment_column

CAP = 10_000

STATUS_COLORS: dict[str, str] = {
    status: color
    for color, statuses in {
        "success": ("ACTIVE", "APPROVED", "ASSIGNED", "VERIFIED", "VETTED_VERIFIED", "propagated", "usable", "changed"),
        "info": ("AVAILABLE", "submitted", "unchanged"),
        "warning": ("PENDING", "SELF_DECLARED", "pending", "removing", "expired"),
        "danger": (
            "REJECTED", "EXPIRED", "SUSPENDED", "UNVERIFIED", "QUARANTINED", "LOST", "failed", "revoked", "busy",
        ),
    }.items()
    for status in statuses
}  # fmt: skip
"""What every list and page shows a status in, whatever has it."""


class CappedCount(int):
    """A count up to `CAP`; as text, "10,000+" for all that are larger."""

    is_more: bool

    def __new__(cls, counted: int) -> Self:
        """Cap what has been counted."""
        count = super().__new__(cls, min(counted, CAP))
        count.is_more = counted > CAP
        return count

    def __str__(self) -> str:
        return f"{int(self):,}{'+' if self.is_more else ''}"


def counted(rows: QuerySet[Any]) -> CappedCount:
    """Count rows, as many as matter to a person."""
    return CappedCount(rows.order_by()[: CAP + 1].count())


class CappedSubquery(Func):
    """Count the rows of a queryset within another statement, up to one more than `CAP`."""

    function = "CARDINALITY"
    output_field = IntegerField()

    def __init__(self, queryset: QuerySet[Any]) -> None:
        super().__init__(ArraySubquery(queryset.order_by().values("pk")[: CAP + 1]))


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # Generic for type checkers only.
    """Count and offer at most the first `CAP` rows, so that no page reads the whole table, neither count nor OFFSET."""

    cap = f"{CAP:,}"

    @cached_property
    def count(self) -> CappedCount:
        return counted(cast("QuerySet[Any]", self.object_list))


class CappedChangeList(ChangeList):
    """A list with relative times. Without a filter or search it has nothing more to show, so it does not offer all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        moments: dict[Any, Any] = {
            field.name: moment_column(field.name, str(field.verbose_name))
            for field in self.lookup_opts.concrete_fields
            if isinstance(field, DateTimeField)
        }
        # The export and the order of the rows go by the fields' names, so only what is shown is replaced.
        self.list_display = [moments.get(name, name) for name in self.list_display]
        self.list_display_links = [moments.get(name, name) for name in self.list_display_links or ()]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.has_active_filters or self.query):
            self.full_result_count = self.result_count


class NamedFilter(DropdownFilter):
    """Filter rows by one of several conditions. What counts the rows behind a link to the list uses the same ones."""

    conditions: ClassVar[Mapping[str, tuple[str, Q]]]
    """Label and condition by the parameter's value."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label) for name, (label, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.conditions.get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset
