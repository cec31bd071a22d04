"""One installation for all of these tests. They run in one process, for each of them would take seconds to make."""

from collections.abc import Iterator

import pytest

from tests.support.installation import Installation, installed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share the installation together, whatever else runs in parallel."""
    for item in items:
        if "installation" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("installation"))


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """A PostgreSQL with the demo's data. A test that stops the server starts it again."""
    with installed() as installation:
        yield installation
