"""SQL for the few statements that every request of the API runs.

The ORM builds its SQL again for each call, which takes ten times as long as PostgreSQL takes to answer. These
statements are written once, by hand, and PostgreSQL plans them once per connection (a prepared statement). Everything
else uses the ORM.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from agentmessage.db.postgresql.base import DatabaseWrapper

Row = TypeVar("Row", bound=Model)
Parameters = Sequence[Any] | Mapping[str, Any]


def fetch_one(sql: str, parameters: Parameters) -> tuple[Any, ...] | None:
    """Return the first row of a statement, or None."""
    row: tuple[Any, ...] | None = _execute(sql, parameters).fetchone()
    return row


def _execute(sql: str, parameters: Parameters) -> "CursorWrapper | psycopg.Cursor[Any]":
    connection = connections[DEFAULT_DB_ALIAS]
    assert isinstance(connection, DatabaseWrapper)  # noqa: S101  (The settings name no other backend.)
    cursor = connection.prepared_cursor()
    if connection.queries_logged or connection.execute_wrappers:
        # Django's own, slower path logs the statement and calls the wrappers.
        wrapped = connection.wrap_cursor(cursor)
        wrapped.execute(sql, parameters)
        return wrapped
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        return cursor.execute(sql, parameters)


def select(model: type[Model], rest: str) -> str:
    """Return a statement that reads whole rows of the model's table, for `instance`. `rest` follows the WHERE."""
    return f"SELECT {columns(model)} FROM {model._meta.db_table} WHERE {rest}"  # noqa: S608  (No input of a caller.)


def columns(model: type[Model], table: str | None = None) -> str:
    """Return all columns of the model, as `instance` takes them; `table` is the alias that the statement uses."""
    prefix = table or model._meta.db_table
    return ", ".join(f"{prefix}.{name}" for name in _names(model)[0])


def instance(model: type[Row], values: Sequence[Any]) -> Row:
    """Return the object of a row of `columns`, as the ORM would have read it."""
    return model.from_db(DEFAULT_DB_ALIAS, _names(model)[1], values)


@cache
def _names(model: type[Model]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    fields = model._meta.concrete_fields
    return tuple(str(field.column) for field in fields), tuple(field.attname for field in fields)
