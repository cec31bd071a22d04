"""One installation for all of these tests."""

from collections.abc import Iterator

import pytest

from tests.support.installation import Installation, installed


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """A PostgreSQL with the demo's data. A test that stops the server starts it again."""
    with installed() as installation:
        yield installation
