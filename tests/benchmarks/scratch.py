"""A database of its own for a benchmark, made by Django as for tests and dropped afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.db import connection


@contextmanager
def scratch_database() -> Iterator[None]:
    """Sets Django up on a migrated, empty database."""
    django.setup()
    name = connection.settings_dict["NAME"]
    # Not the tests' database: they may run at the same time.
    connection.settings_dict["TEST"]["NAME"] = f"bench_{name}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
