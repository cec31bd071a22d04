"""Arrays for PostgreSQL as one parameter. Element by element, psycopg takes longer than the query does."""

from collections.abc import Iterable
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Lookup
from django.db.models.sql.compiler import SQLCompiler


def array_literal(elements: Iterable[UUID | str]) -> str:
    """`{…}`, for elements without a comma, quote, brace, backslash or white space: ids and phone numbers."""
    return "{" + ",".join(map(str, elements)) + "}"


class _EqualsAny(Lookup):  # type: ignore[type-arg]  # Django cannot be subscripted here when it runs.
    """`column = ANY (array)`, which goes by the column's index whatever the planner believes of the tables."""

    lookup_name = "equals_any"
    prepare_rhs = False
    output_field = BooleanField()
    element: str

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[str | int]]:
        """The condition."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY (%s::{self.element}[])", [*parameters, self.rhs]


class UuidEqualsAny(_EqualsAny):
    """For a column of ids."""

    element = "uuid"


class TextEqualsAny(_EqualsAny):
    """For a column of text."""

    element = "text"
