"""Database errors that no statement is to blame for, classified by SQLSTATE."""

from enum import Enum

import psycopg
import structlog
from django.db import Error, InterfaceError, OperationalError

log = structlog.get_logger(__name__)

# Lock timeout; canceled, by statement_timeout too; idle_in_transaction_session_timeout, transaction_timeout. Of class
# 40, deadlocks and serialization failures.
_CONFLICTS = ("55P03", "57014", "25P03", "25P04", "40")
# Connections, resources, a server that starts, stops or fails, and a standby that takes no writes.
_UNAVAILABLE = ("08", "53", "57", "58", "25006")


class Trouble(Enum):
    """The kinds of trouble, each by the name of its log event."""

    CONFLICT = "database.conflict"
    """A lock or statement timeout, a deadlock or a serialization failure. The same call may succeed later."""
    UNAVAILABLE = "database.unavailable"
    """The database cannot be reached or used."""


def trouble_of(error: BaseException | None) -> Trouble | None:
    """Classify a database error. Return None for any other exception, including errors of the statement itself."""
    if not isinstance(error, Error | psycopg.Error):
        return None
    state = _sqlstate(error)
    if state is None:
        # psycopg raised it: the server did not answer.
        lost = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
        return Trouble.UNAVAILABLE if isinstance(error, lost) else None
    if state.startswith(_CONFLICTS):
        return Trouble.CONFLICT
    return Trouble.UNAVAILABLE if state.startswith(_UNAVAILABLE) else None


def log_trouble(error: BaseException | None) -> Trouble | None:
    """Log database trouble, a conflict as a warning and the rest as an error, and return it. Other exceptions: None."""
    trouble = trouble_of(error)
    if error is not None and trouble is not None:
        write = log.warning if trouble is Trouble.CONFLICT else log.error
        write(trouble.value, sqlstate=_sqlstate(error), error=str(error).strip())
    return trouble


def _sqlstate(error: BaseException) -> str | None:
    # Django's exceptions have psycopg's as their cause.
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None
