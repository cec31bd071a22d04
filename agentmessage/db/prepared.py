"""SQL for the few statements that every request of the API runs.

The ORM writes a statement anew each time, which takes it ten times as long as PostgreSQL takes to answer. These are
written once, by hand, and PostgreSQL plans them once for each connection (a prepared statement). Everything else stays
with the ORM.
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


def run(sql: str, parameters: Parameters) -> None:
    """Runs a statement that answers no rows, on Django's own connection and in its transaction, if there is one."""
    _execute(sql, parameters)


def fetch_one(sql: str, parameters: Parameters) -> tuple[Any, ...] | None:
    """The first row of a statement, or None."""
    row: tuple[Any, ...] | None = _execute(sql, parameters).fetchone()
    return row


def fetch_all(sql: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    rows: list[tuple[Any, ...]] = _execute(sql, parameters).fetchall()
    return rows


def _execute(sql: str, parameters: Parameters) -> "CursorWrapper | psycopg.Cursor[Any]":
    connection = connections[DEFAULT_DB_ALIAS]
    assert isinstance(connection, DatabaseWrapper)  # noqa: S101  (The settings name no other backend.)
    cursor = connection.prepared_cursor()
    if connection.queries_logged or connection.execute_wrappers:
        # Somebody looks on: Django's own way, which has a place for that and takes a while to go through.
        wrapped = connection.wrap_cursor(cursor)
        wrapped.execute(sql, parameters)
        return wrapped
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        return cursor.execute(sql, parameters)


def select(model: type[Model], rest: str) -> str:
    """The statement that reads whole rows of the model's table, for `instance`. `rest` begins with its conditions."""
    return f"SELECT {columns(model)} FROM {model._meta.db_table} WHERE {rest}"  # noqa: S608  (Words of ours alone.)


def columns(model: type[Model], table: str | None = None) -> str:
    """All columns of the model, as `instance` takes them; of `table` where the statement calls it that."""
    prefix = table or model._meta.db_table
    return ", ".join(f"{prefix}.{name}" for name in _names(model)[0])


def instance(model: type[Row], values: Sequence[Any]) -> Row:
    """The object that a row of `columns` is, as the ORM would have read it."""
    return model.from_db(DEFAULT_DB_ALIAS, _names(model)[1], values)


@cache
def _names(model: type[Model]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    fields = model._meta.concrete_fields
    return tuple(str(field.column) for field in fields), tuple(field.attname for field in fields)
