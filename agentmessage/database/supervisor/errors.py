"""What can go wrong at run time."""

from django.db.utils import OperationalError


class EmbeddedServerError(OperationalError):
    """The embedded server did not start or cannot be joined; the message says why and what to do."""
