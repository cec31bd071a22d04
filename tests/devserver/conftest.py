"""Real servers in folders of their own. Whatever a test does, none is left behind."""

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.database.support import StartUser, User, is_running


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(open_folder: Path) -> Path:
    return open_folder / "data"


@pytest.fixture
def start_user(open_folder: Path) -> Iterator[StartUser]:
    """Start users. At the end they are killed and their servers asked to go; one that stays is killed and reported."""
    users: list[User] = []
    servers: set[int] = set()
    watchdogs: set[int] = set()

    def start(data_dir: Path, *options: str, **popen_arguments: Any) -> User:
        users.append(User(data_dir, *options, **popen_arguments))
        return users[-1]

    yield start

    for user in users:
        for state_file in (user.data_dir / "server.json", *open_folder.glob("system/clusters/*/server.json")):
            with suppress(FileNotFoundError, ValueError):
                state = json.loads(state_file.read_bytes())
                servers.add(state["pid"])
                watchdogs.add(state["watchdog"])
        user.kill()
    for watchdog in watchdogs:
        with suppress(ProcessLookupError):
            os.kill(watchdog, signal.SIGTERM)  # Only to save its half a second; tests of their own let it look.
    deadline = time.monotonic() + 5
    while any(map(is_running, servers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    left_behind = [pid for pid in servers if is_running(pid)]
    for pid in left_behind:
        os.kill(pid, signal.SIGKILL)
    assert not left_behind
