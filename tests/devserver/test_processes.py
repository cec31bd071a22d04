"""Processes that end with their parent."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devserver.processes import ChildProcesses, free_port, wait_for_any
from tests.support.owners import ROOT, environment, is_running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the child of a killed process")

APPLICATION = """
import os
from devserver.processes import end_with_session_leader
end_with_session_leader()
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
# Starts granian as the demo does, and tells its process id.
PARENT = """
import sys
from devserver.processes import ChildProcesses
with ChildProcesses() as processes:
    granian = processes.start("granian", "--interface", "wsgi", "--workers", "2", "--respawn-failed-workers",
        "--http", "1", "--no-log", "--port", sys.argv[1], "followed:application")
    print(granian.pid, flush=True)
    granian.wait()
"""
StartParent = Callable[[], tuple[int, int, set[int]]]


@pytest.fixture
def start_parent(tmp_path: Path) -> Iterator[StartParent]:
    """Start it; return its process id, granian's and those of granian's workers."""
    (tmp_path / "followed.py").write_text(APPLICATION)
    port = free_port()
    parents: list[subprocess.Popen[str]] = []

    def start() -> tuple[int, int, set[int]]:
        search_path = os.pathsep.join([str(ROOT), str(tmp_path)])
        command = [sys.executable, "-c", PARENT, str(port)]
        parent = subprocess.Popen(
            command,
            env=environment(PYTHONPATH=search_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        parents.append(parent)
        assert parent.stdout is not None
        granian = int(parent.stdout.readline())
        wait_until(lambda: _answers(port), "granian answers")
        wait_until(lambda: len(_children(granian)) == 2, "granian has two workers")
        return parent.pid, granian, _children(granian)

    yield start
    for parent in parents:
        parent.kill()
        parent.communicate()


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
    wait_until(lambda: not any(map(is_running, {ancestors[1], *workers})), "granian and its workers have ended")


def test_a_parent_that_has_ended_before_the_kernel_was_asked() -> None:
    child = (
        "import os, signal; from devserver.processes import end_with_parent; end_with_parent(signal.SIGTERM, parent=1)"
    )
    ended = subprocess.run([sys.executable, "-c", child], cwd=ROOT, env=environment())
    assert ended.returncode == -signal.SIGTERM


def test_children_end_with_the_block_also_those_that_do_not_obey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devserver.processes._SECONDS_TO_END", 0.2)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "obedient.py").write_text("import signal; signal.pause()")
    (tmp_path / "stubborn.py").write_text(
        "import pathlib, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pathlib.Path(__file__).with_name('deaf').touch(); [signal.pause() for _ in iter(int, 1)]"
    )
    with ChildProcesses() as processes:
        obedient, stubborn = processes.start("obedient"), processes.start("stubborn")
        wait_until((tmp_path / "deaf").exists, "the child ignores signals")
    assert (obedient.returncode, stubborn.returncode) == (-signal.SIGTERM, -signal.SIGKILL)


def test_the_first_one_to_end_is_named() -> None:
    with subprocess.Popen(["sleep", "600"]) as lasting, subprocess.Popen(["false"]) as ending:
        assert wait_for_any(lasting, ending) is ending
        lasting.kill()


def test_a_free_port_is_the_wanted_one_if_it_is_free() -> None:
    port = free_port()
    assert free_port(port) == port
    assert free_port(70_000) != 70_000
