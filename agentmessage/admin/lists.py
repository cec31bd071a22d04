"""Lists of a million rows: counts with a cap, pages that end with it, filters by named conditions."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self, cast

from django.contrib.admin.views.main import ChangeList
from django.contrib.postgres.expressions import ArraySubquery
from django.core.paginator import Paginator
from django.db.models import Func, IntegerField, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

CAP = 10_000


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

    @cached_property
    def count(self) -> CappedCount:
        """Return how many rows there are."""
        return counted(cast("QuerySet[Any]", self.object_list))


class CappedChangeList(ChangeList):
    """A list without a filter or search has nothing more to show, so it does not offer to show all."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        if not (self.has_active_filters or self.query):
            self.full_result_count = self.result_count


class NamedFilter(DropdownFilter):
    """Filter rows by one of several conditions. What counts the rows behind a link to the list uses the same ones."""

    conditions: ClassVar[Mapping[str, tuple[str, Q]]]
    """Label and condition by the parameter's value."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(name, label) for name, (label, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that meet the chosen condition."""
        chosen = self.conditions.get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset
