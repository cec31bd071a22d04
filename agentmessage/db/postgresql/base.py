"""Django's PostgreSQL backend, where two of its habits cost each request more than the request's own SQL."""

import select
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.db.backends.postgresql import base, operations
from django.db.backends.utils import CursorWrapper
from psycopg import pq
from psycopg.postgres import types

_TIMES: Any = psycopg.adapters.get_loader(types["timestamptz"].oid, pq.Format.TEXT)


class NoDatabase(ImproperlyConfigured, OperationalError):
    """DATABASE_URL names no database.

    Also an OperationalError, like a server that cannot be reached: `makemigrations` goes on without a database.
    """


class DatabaseOperations(operations.DatabaseOperations):
    """The stock operations, which know no text of a prepared statement."""

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> Any:
        """What DEBUG and the tests log: the statement with its parameters in it."""
        return super().last_executed_query(cursor, sql, params) or self.compose_sql(sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    """The stock backend, except for how it looks at a kept connection and how it reads times."""

    ops_class = DatabaseOperations
    _prepared: "psycopg.Cursor[Any] | None" = None

    def get_connection_params(self) -> dict[str, Any]:
        """Return the stock parameters. Raises NoDatabase where the settings were made without DATABASE_URL."""
        if self.settings_dict["NAME"] == "" and not self.settings_dict["OPTIONS"].get("service"):
            raise NoDatabase("DATABASE_URL names no database. It looks like postgres://user:password@host:5432/name")
        return super().get_connection_params()

    def close_if_health_check_failed(self) -> None:
        """Closes a connection that was kept from an earlier request and that the server has closed since.

        An idle connection has nothing to read unless the server goes away, or says something else unasked. To look at
        the socket takes microseconds; the stock backend asks the server before every request and waits for its answer.
        """
        if self.connection is None or not self.health_check_enabled or self.health_check_done:  # type: ignore[attr-defined,has-type]  # The stubs do not know them.
            return
        if _has_something_to_read(self.connection) and not self.is_usable():
            self.close()
        self.health_check_done = True

    def create_cursor(self, name: str | None = None) -> Any:
        """The stock cursor, with a faster reader of times."""
        cursor = super().create_cursor(name)
        _read_times_fast(cursor)
        return cursor

    def prepared_cursor(self) -> "psycopg.Cursor[Any]":
        """The connection's cursor for `agentmessage.db.prepared`: parameters go apart from the text.

        There is one, made once: whoever uses it takes all rows of its statement before the next one.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        cursor = self._prepared
        if cursor is None or cursor.connection is not self.connection:
            cursor = self._prepared = psycopg.Cursor(self.connection)
            _read_times_fast(cursor)
        return cursor

    def wrap_cursor(self, cursor: "psycopg.Cursor[Any]") -> CursorWrapper:
        """The cursor as Django hands it out: its statements are logged if they are to be, and pass through wrappers."""
        raw: Any = cursor
        return self.make_debug_cursor(raw) if self.queries_logged else self.make_cursor(raw)


def _has_something_to_read(connection: "psycopg.Connection[Any]") -> bool:
    looker = select.poll()
    looker.register(connection.fileno(), select.POLLIN)
    return bool(looker.poll(0))


def _read_times_fast(cursor: "psycopg.Cursor[Any]") -> None:
    """Lets psycopg's own C code read times: Django's reader takes sixteen times as long.

    Django reads them in Python to be free in the choice of the zone. The zone of our connections is UTC, always.
    """
    cursor.adapters.register_loader("timestamptz", _TIMES)
