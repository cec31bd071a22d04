"""Lists, newest first, by keyset: a page starts where the last one ended, so the thousandth costs what the first does.

A cursor is base64url, without padding, of `{"created_at": …, "id": …}`: the last row of the page before.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import orjson
from django.db.models import DateTimeField, F, Func, QuerySet, TextField, UUIDField, Value
from django.db.models.lookups import LessThan

from agentmessage.api.envelope import Envelope, success
from agentmessage.api.query import Query
from agentmessage.errors import InvalidInput

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
# What every list takes, beside its own filters.
PAGE_PARAMETERS = ("limit", "cursor")


Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: just after the row with this moment and id."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        """As it goes to the client."""
        content = orjson.dumps({"created_at": self.created_at, "id": self.id}, option=orjson.OPT_UTC_Z)
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """What `encode` wrote. Raises InvalidInput for everything else."""
        refusal = InvalidInput("cursor is not one that this API gave; take next_cursor of the page before as it is")
        try:
            match orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))):
                case {"created_at": str(moment), "id": str(identifier)}:
                    cursor = cls(datetime.fromisoformat(moment).astimezone(UTC), UUID(identifier))
                case _:
                    raise refusal
        except (ValueError, OverflowError) as error:
            raise refusal from error
        # Another spelling of the same place, with more keys or in another order, has been edited.
        if cursor.encode() != text:
            raise refusal
        return cursor


class Rows(Protocol[Row_co]):
    """What there is to list."""

    def page(self, *, after: Cursor | None, most: int) -> Sequence[Row_co]:
        """The newest `most` rows, of those that come after the place."""

    def count(self) -> int:
        """How many there are in all."""


class QuerySetRows(Generic[Row]):
    """The rows of a query set."""

    def __init__(self, rows: QuerySet[Any, Row]) -> None:
        self.rows = rows

    def page(self, *, after: Cursor | None, most: int) -> Sequence[Row]:
        """As `Rows` has it."""
        page = self.rows.order_by("-created_at", "-id")
        if after is not None:
            # Compared as one row value, which PostgreSQL answers with a range of the index. `created_at < … OR …` is a
            # filter over all that come before.
            place = _row(Value(after.created_at, DateTimeField()), Value(after.id, UUIDField()))
            page = page.filter(LessThan(_row(F("created_at"), F("id")), place))
        return list(page[:most])

    def count(self) -> int:
        """As `Rows` has it."""
        return self.rows.count()


def _row(*parts: Any) -> Func:
    return Func(*parts, function="ROW", output_field=TextField())


def list_page(rows: Rows[Row], query: Query, render: Callable[[Row], dict[str, Any]]) -> Envelope:
    """The page of `rows` that the query asks for. Raises InvalidInput for a bad limit or cursor.

    What `render` makes of a row has its `id` and `created_at`: its place in the list. Two statements, whatever the
    page: the rows, and how many there are in all.
    """
    limit = query.whole_number("limit", least=1, most=MAX_LIMIT, default=DEFAULT_LIMIT)
    text = query.text("cursor")
    after = None if text is None else Cursor.decode(text)

    # One more than asked for tells whether there is a next page.
    found = rows.page(after=after, most=limit + 1)
    has_more = len(found) > limit
    total = len(found) if after is None and not has_more else rows.count()
    shown = [render(row) for row in found[:limit]]
    meta = {
        "total": total,
        "limit": limit,
        "offset": 0,
        "next_cursor": Cursor(shown[-1]["created_at"], shown[-1]["id"]).encode() if has_more else None,
    }
    return success(shown, meta=meta)
