"""Querysets whose SQL is written once, for the statements of the hot path.

Django writes the SQL of a queryset again for every call. With the lock of an attach as a plain queryset, the whole
request takes twice as long (docs/adr/0016). Here a queryset is compiled when it is first used, and runs as a prepared
statement from then on.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from agentmessage.db.prepared import fetch_one, instance

Row = TypeVar("Row", bound=Model)


class Param(Expression):
    """A value that is passed when the statement runs."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        """Write a named placeholder."""
        return f"%({self.name})s", []


class CompiledQueryset(Generic[Row]):
    """A queryset. Each value in it is a `Param`."""

    def __init__(self, build: Callable[[], "QuerySet[Row, Any]"]) -> None:
        self._build = build

    def first(self, **parameters: Any) -> Row | None:
        """Return the first row, or None."""
        row = self.first_values(**parameters)
        return None if row is None else instance(self._compiled[1], row)

    def first_values(self, **parameters: Any) -> tuple[Any, ...] | None:
        """Return the columns of the first row, or None. With `select_related` those of the other model follow."""
        return fetch_one(self._compiled[0], parameters)

    @cached_property
    def _compiled(self) -> tuple[str, type[Row]]:
        queryset = self._build()
        sql, values = queryset.query.sql_with_params()
        if values:
            raise ValueError(f"Pass these values as Param: {values}")
        return sql, queryset.model
