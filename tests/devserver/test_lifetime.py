"""Processes that follow their parent."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.database.support import is_running, seconds_until

REPOSITORY = Path(__file__).resolve().parents[2]
APPLICATION = """
import os
from agentmessage.database.lifetime import exit_with_parent
exit_with_parent()
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
# Starts granian as run_demo does, and tells its process id.
PARENT = """
import subprocess, sys
from agentmessage.database.lifetime import take_children_along
take_children_along()
granian = subprocess.Popen([sys.executable, "-m", "agentmessage.database.lifetime", "granian", "--interface", "wsgi",
    "--workers", "2", "--respawn-failed-workers", "--http", "1", "--no-log", "--port", sys.argv[1],
    "followed:application"])
print(granian.pid, flush=True)
granian.wait()
"""
StartParent = Callable[[], tuple[int, int, set[int]]]


@pytest.fixture
def start_parent(tmp_path: Path) -> Iterator[StartParent]:
    """Start it; return its process id, granian's and those of granian's workers."""
    (tmp_path / "followed.py").write_text(APPLICATION)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    parents: list[subprocess.Popen[str]] = []

    def start() -> tuple[int, int, set[int]]:
        environment = os.environ | {"PYTHONPATH": _search_path(REPOSITORY, tmp_path)}
        command = [sys.executable, "-c", PARENT, str(port)]
        parent = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        parents.append(parent)
        assert parent.stdout is not None
        granian = int(parent.stdout.readline())
        seconds_until(lambda: _answers(port), limit=15)
        seconds_until(lambda: len(_children(granian)) == 2, limit=5)
        return parent.pid, granian, _children(granian)

    yield start
    for parent in parents:
        parent.kill()
        parent.communicate()


def _search_path(*folders: Path) -> str:
    return os.pathsep.join([*map(str, folders), *filter(None, sys.path)])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _children(pid: int) -> set[int]:
    lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True).stdout.splitlines()
    return {int(child) for child, parent in map(str.split, lines) if int(parent) == pid}


@pytest.mark.parametrize("victim", [0, 1], ids=["parent", "granian"])
def test_nothing_of_granian_outlives_a_killed_ancestor(victim: int, start_parent: StartParent) -> None:
    *ancestors, workers = start_parent()
    os.kill(ancestors[victim], signal.SIGKILL)
    seconds_until(lambda: not any(map(is_running, {ancestors[1], *workers})), limit=5)


def test_process_that_is_not_asked_does_not_follow() -> None:
    child = (
        "import time; from agentmessage.database.lifetime import exit_with_parent; exit_with_parent(); time.sleep(20)"
    )
    parent = (
        "import subprocess, sys\n"
        "no_output = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], **no_output)\n"
        "print(child.pid)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "EXIT_WITH_PARENT"}
    found = subprocess.run(
        [sys.executable, "-c", parent],
        env=environment | {"PYTHONPATH": _search_path(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(found.stdout)
    try:
        time.sleep(1)
        assert is_running(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
