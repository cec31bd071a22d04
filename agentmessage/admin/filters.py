"""Filters that the lists share."""

from datetime import UTC, datetime, time
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date, parse_time
from unfold.contrib.filters.admin import RangeDateTimeFilter


class MomentRangeFilter(RangeDateTimeFilter):
    """Rows of a span of time, in UTC. A day without a time is the whole day; what is no date does not filter.

    Unfold's own compares with a time that has no zone, and ignores a day without a time.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows in question."""
        for end, lookup, whole_day in (("from", "gte", time.min), ("to", "lte", time.max)):
            moment = self._moment(end, whole_day)
            if moment is not None:
                queryset = queryset.filter(**{f"{self.field_path}__{lookup}": moment})
        return queryset

    def _moment(self, end: str, whole_day: time) -> datetime | None:
        try:
            day = parse_date(self._given(f"{end}_0"))
            at = parse_time(self._given(f"{end}_1"))
        except ValueError:  # Well formed, but there is no such day or time.
            return None
        return datetime.combine(day, at or whole_day, UTC) if day is not None else None

    def _given(self, name: str) -> str:
        return str(self.used_parameters.get(f"{self.field_path}_{name}") or "")
