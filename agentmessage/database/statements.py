"""SQL for the few statements that every request of the API runs.

The ORM writes a statement anew each time, which takes it ten times as long as PostgreSQL takes to answer. These are
written once, by hand, and PostgreSQL plans them once for each connection (a prepared statement). Everything else stays
with the ORM.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from psycopg import Cursor

from agentmessage.database.postgresql.base import read_times_fast

Row = TypeVar("Row", bound=Model)


def run(sql: str, parameters: Sequence[Any]) -> CursorWrapper:
    """The cursor of the statement, on Django's own connection and in its transaction, if there is one."""
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    # The parameters go apart from the text, as preparing wants it; the ORM's cursors write them into it.
    cursor = Cursor(connection.connection)
    read_times_fast(cursor)
    wrapper = connection.make_debug_cursor(cursor) if connection.queries_logged else connection.make_cursor(cursor)
    wrapper.execute(sql, parameters)
    return wrapper


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
