"""What the tests of inventories share."""

import pytest

from tests.support.inventories import Ids


@pytest.fixture
def ids() -> Ids:
    """The ids of the test's documents."""
    return Ids()
