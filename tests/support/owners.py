"""Owners of a data folder as processes of their own, and what there is to know about processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from agentmessage.environment import SETTINGS
from tests.support.waiting import DEADLINE, wait_until

ROOT = Path(__file__).resolve().parents[2]
OWNER = Path(__file__).with_name("owner.py")


class Owner:
    """A process that owns a data folder and runs its server until its standard input ends."""

    def __init__(
        self, data_dir: Path, *, python: str = sys.executable, python_path: str = "", **popen_arguments: Any
    ) -> None:
        self.process = subprocess.Popen(
            [python, str(OWNER), str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd="/",
            env=environment(PYTHONPATH=os.pathsep.join(filter(None, (python_path, str(ROOT))))),
            **popen_arguments,
        )

    def answer(self) -> dict[str, Any]:
        """Return what it says: the server's `url`, `pid`, `pgdata` and `program`, or the `error` that ended it."""
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def stop(self) -> None:
        """Let it end in order."""
        self.process.communicate(timeout=DEADLINE)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.communicate(timeout=DEADLINE)


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a newcomer: nothing is set that this service reads, except for `changes`."""
    ours = ("DJANGO_", "PYTEST_", "MAKE", *(setting.name for setting in SETTINGS))
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | changes


def is_running(pid: int) -> bool:
    """Return whether the process lives; a zombie does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def processes_of(data_dir: Path) -> dict[int, str]:
    """Return the other processes that have this folder in their environment or command line, or work in it."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            is_alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            is_inside = (folder / "cwd").readlink().is_relative_to(data_dir)
        except OSError:  # It has ended.
            continue
        if is_alive and (is_inside or os.fsencode(data_dir) in words) and int(folder.name) != os.getpid():
            found[int(folder.name)] = repr(words[:200])
    return found


def wait_until_gone(folder: Path) -> None:
    """Wait until nothing runs that has to do with the folder."""
    wait_until(lambda: not processes_of(folder), f"nothing runs in {folder}")
