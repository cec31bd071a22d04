"""Django's PostgreSQL backend, where two of its habits cost each request more than the request's own SQL."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base, operations
from psycopg import pq
from psycopg.postgres import types
from psycopg_pool import ConnectionPool

_TIMES: Any = psycopg.adapters.get_loader(types["timestamptz"].oid, pq.Format.TEXT)


class DatabaseOperations(operations.DatabaseOperations):
    """The stock operations, which know no text of a prepared statement: those are logged as they were written."""

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> Any:
        """What DEBUG and the tests log."""
        return super().last_executed_query(cursor, sql, params) or sql


class DatabaseWrapper(base.DatabaseWrapper):
    """The stock backend, except for its pool and for how it reads times."""

    ops_class = DatabaseOperations

    @property
    def pool(self) -> Any:
        """The stock pool, except that a connection is looked at, and not asked, before it is given out."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if not options or self.settings_dict["NAME"] is None:
            return None
        pool = self._connection_pools.get(self.alias)
        if pool is None:
            pool = ConnectionPool(
                kwargs=self.pool_kwargs(),
                open=False,  # Not while settings are merely imported.
                configure=self._configure_connection,
                check=refuse_a_lost_connection,
                **options,
            )
            # Of several threads that come here at once, the first one's stays.
            pool = self._connection_pools.setdefault(self.alias, pool)
        return pool

    def pool_kwargs(self) -> Any:
        """How the pool connects."""
        return {**self.get_connection_params(), "autocommit": True}

    def create_cursor(self, name: str | None = None) -> Any:
        """The stock cursor, with a faster reader of times."""
        cursor = super().create_cursor(name)
        read_times_fast(cursor)
        return cursor


def read_times_fast(cursor: "psycopg.Cursor[Any]") -> None:
    """Lets psycopg's own C code read times: Django's reader takes nine times as long.

    Django reads them in Python to be free in the choice of the zone. The zone of our connections is UTC, always.
    """
    cursor.adapters.register_loader("timestamptz", _TIMES)


def refuse_a_lost_connection(connection: "psycopg.Connection[Any]") -> None:
    """Raises OperationalError where the server has closed the connection, so that the pool makes a new one.

    An idle connection has nothing to read unless the server goes away, or says something else unasked. To look at the
    socket takes microseconds; the pool's own check asks the server and waits for its answer.
    """
    looker = select.poll()
    looker.register(connection.fileno(), select.POLLIN)
    if looker.poll(0):
        ConnectionPool.check_connection(connection)
