"""Lists, newest first, by keyset: a page starts where the last one ended, so the thousandth costs what the first does.

A cursor is base64url, without padding, of `{"created_at": …, "id": …}`: the last row of the page before.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import DateTimeField, F, Func, QuerySet, TextField, UUIDField, Value
from django.db.models.lookups import LessThan
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request

from agentmessage.api.envelope import Envelope, success
from agentmessage.api.requests import RequestQuery, WholeNumberField

_NOT_OURS = "is not a cursor of this API; pass next_cursor of the previous page unchanged"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A page boundary: just after the row with this moment and ID."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        """Return what goes to the client."""
        content = orjson.dumps({"created_at": self.created_at, "id": self.id}, option=orjson.OPT_UTC_Z)
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Return what `encode` wrote. Raises ValueError, or OverflowError for a time near the end of all time."""
        match orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))):
            case {"created_at": str(moment), "id": str(identifier)}:
                cursor = cls(datetime.fromisoformat(moment).astimezone(UTC), UUID(identifier))
            case _:
                raise ValueError(text)
        # Another form of the same boundary, with more keys or in another order, has been edited.
        if cursor.encode() != text:
            raise ValueError(text)
        return cursor


@extend_schema_field({"type": "string", "format": "cursor", "minLength": 1, "maxLength": 400})
class CursorField(serializers.Field[Any, Any, Any, Any]):
    """A page boundary that this API gave."""

    default_error_messages = {"invalid": _NOT_OURS}

    def to_internal_value(self, data: str) -> Cursor:
        try:
            return Cursor.decode(data)
        except (ValueError, OverflowError):
            self.fail("invalid")


class PageQuery(RequestQuery):
    """What every list takes, beside its own filters."""

    limit = WholeNumberField(min_value=1, max_value=100, default=20, help_text="The page size.")
    cursor = CursorField(default=None, help_text="`meta.next_cursor` of the previous page, unchanged.")


class KeysetPagination(BasePagination):
    """Pages of any queryset whose rows have `id` and `created_at`, by the `PageQuery` that the view has read.

    Every page costs two statements: the rows, and their total.
    """

    def paginate_queryset(self, queryset: QuerySet[Any, Any], request: Request, view: Any = None) -> list[Any]:
        self.limit: int = view.query["limit"]
        after: Cursor | None = view.query["cursor"]
        page = queryset.order_by("-created_at", "-id")
        if after is not None:
            # Compared as one row value, which PostgreSQL answers with a range of the index. `created_at < … OR …` is a
            # filter over all that come before.
            boundary = _row(Value(after.created_at, DateTimeField()), Value(after.id, UUIDField()))
            page = page.filter(LessThan(_row(F("created_at"), F("id")), boundary))
        # One more than requested shows whether there is a next page.
        found = list(page[: self.limit + 1])
        has_more = len(found) > self.limit
        self.total = queryset.count() if has_more or after is not None else len(found)
        rows = found[: self.limit]
        self.next_cursor = _boundary_after(rows[-1]).encode() if has_more else None
        return rows

    def get_paginated_response(self, data: Any) -> Envelope:  # type: ignore[override]  # An envelope, not DRF's response.
        """Return the page, with the cursor of the next one in the body and in a header."""
        meta = {"total": self.total, "limit": self.limit, "offset": 0, "next_cursor": self.next_cursor}
        response = success(data, meta=meta)
        if self.next_cursor is not None:
            response["X-Next-Cursor"] = self.next_cursor
        return response


def _row(*parts: Any) -> Func:
    return Func(*parts, function="ROW", output_field=TextField())


def _boundary_after(row: Any) -> Cursor:
    if isinstance(row, Mapping):
        return Cursor(row["created_at"], row["id"])
    return Cursor(row.created_at, row.id)
