"""Django's PostgreSQL backend, where two of its habits cost each request more than the request's own SQL."""

import os
import select
from typing import Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections
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
    """The stock operations, which do not know the text of a prepared statement."""

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> Any:
        """Return what DEBUG and the tests log: the statement with its parameters."""
        return super().last_executed_query(cursor, sql, params) or self.compose_sql(sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    """The stock backend, except for its health check, its reader of times, and prepared statements."""

    ops_class = DatabaseOperations
    _prepared: "psycopg.Cursor[Any] | None" = None

    def get_connection_params(self) -> dict[str, Any]:
        """Return the stock parameters. Raises NoDatabase where the settings were made without DATABASE_URL."""
        if self.settings_dict["NAME"] == "" and not self.settings_dict["OPTIONS"].get("service"):
            raise NoDatabase("DATABASE_URL names no database. The format is postgres://user:password@host:5432/name")
        return super().get_connection_params()

    def close_if_health_check_failed(self) -> None:
        """Close a connection that was kept from an earlier request and that the server has closed since.

        An idle connection has nothing to read unless the server went away or sent a notice. Checking the socket takes
        microseconds; the stock backend sends a query before every request and waits for the answer.
        """
        if self.connection is None or not self.health_check_enabled or self.health_check_done:  # type: ignore[attr-defined,has-type]  # The stubs do not know them.
            return
        if _has_something_to_read(self.connection) and not self.is_usable():
            self.close()
        self.health_check_done = True

    def create_cursor(self, name: str | None = None) -> Any:
        """Return the stock cursor with a faster reader of times."""
        cursor = super().create_cursor(name)
        _read_times_fast(cursor)
        return cursor

    def prepared_cursor(self) -> "psycopg.Cursor[Any]":
        """Return the connection's cursor for `agentmessage.db.prepared`, which sends parameters apart from the text.

        All callers share it: fetch all rows of a statement before the next one.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        cursor = self._prepared
        if cursor is None or cursor.connection is not self.connection:
            cursor = self._prepared = psycopg.Cursor(self.connection)
            _read_times_fast(cursor)
        return cursor

    def wrap_cursor(self, cursor: "psycopg.Cursor[Any]") -> CursorWrapper:
        """Return the cursor as Django hands it out, with its log and its wrappers."""
        raw: Any = cursor
        return self.make_debug_cursor(raw) if self.queries_logged else self.make_cursor(raw)


def _has_something_to_read(connection: "psycopg.Connection[Any]") -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _read_times_fast(cursor: "psycopg.Cursor[Any]") -> None:
    """Let psycopg's C code read times: Django's reader takes sixteen times as long.

    Django reads them in Python to support any time zone. The time zone of these connections is always UTC.
    """
    cursor.adapters.register_loader("timestamptz", _TIMES)


_of_parent: list[Any] = []


def _leave_connections_to_parent() -> None:
    """Open new connections in a process that was forked: two processes cannot share one. The parent's go on."""
    for wrapper in connections.all(initialized_only=True):
        _of_parent.append(wrapper.connection)  # Kept, because what is collected is closed.
        wrapper.connection = None


os.register_at_fork(after_in_child=_leave_connections_to_parent)
