"""Prepared statements, for the few that every request of the API runs.

The ORM compiles a queryset for each call, which takes ten times as long as PostgreSQL takes to answer. These statements
are compiled once (`agentmessage.db.compiled`), and PostgreSQL plans them once per connection. Everything else uses
plain querysets.
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


def instance(model: type[Row], values: Sequence[Any]) -> Row:
    """Return the object of a row of all columns of the model, as the ORM would have read it."""
    return model.from_db(DEFAULT_DB_ALIAS, _names(model), values)


@cache
def _names(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)
