"""Prepared statements, for the few that every request of the API runs.

Django writes the SQL of a queryset again for every call, which takes ten times as long as PostgreSQL takes to answer:
with the lock of an attach as a plain queryset, the whole request takes twice as long (docs/adr/0016). These statements
are compiled when they are first used, and PostgreSQL plans them once per connection. Everything else uses plain
querysets.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from agentmessage.db.postgresql.base import DatabaseWrapper

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


def fetch_one(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the first row of a statement, or None."""
    row: tuple[Any, ...] | None = _execute(sql, parameters).fetchone()
    return row


def _execute(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> "CursorWrapper | psycopg.Cursor[Any]":
    wrapper = connections[DEFAULT_DB_ALIAS]
    assert isinstance(wrapper, DatabaseWrapper)  # noqa: S101  (The settings name no other backend.)
    cursor = wrapper.prepared_cursor()
    if wrapper.queries_logged or wrapper.execute_wrappers:
        # Django's own, slower path logs the statement and calls the wrappers.
        wrapped = wrapper.wrap_cursor(cursor)
        wrapped.execute(sql, parameters)
        return wrapped
    wrapper.validate_no_broken_transaction()
    with wrapper.wrap_database_errors:
        return cursor.execute(sql, parameters)


def instance(model: type[Row], values: Sequence[Any]) -> Row:
    """Return the object of a row of all columns of the model, as the ORM would have read it."""
    return model.from_db(DEFAULT_DB_ALIAS, _names(model), values)


@cache
def _names(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)
