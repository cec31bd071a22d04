"""Real servers in folders of their own. Whatever a test does, none is left behind."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.owners import Owner, processes_of, wait_until_gone

StartOwner = Callable[..., Owner]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that every user can pass through, unlike pytest's own. At the end nothing may run in it."""
    folder = Path(tempfile.mkdtemp(prefix="devserver-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    yield folder
    left = processes_of(folder)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until_gone(folder)
    shutil.rmtree(folder)
    assert not left


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    """Name a data folder that does not exist yet."""
    return open_folder / "data"


@pytest.fixture
def start_owner(open_folder: Path) -> Iterator[StartOwner]:
    """Start owners, which are killed at the end, and wait until the kernel has ended their servers."""
    owners: list[Owner] = []

    def start(data_dir: Path, **arguments: Any) -> Owner:
        owners.append(Owner(data_dir, **arguments))
        return owners[-1]

    yield start
    for owner in owners:
        owner.kill()
    wait_until_gone(open_folder)
