"""Users of the embedded database as processes of their own, and what there is to know about processes."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

USE_DATABASE = Path(__file__).with_name("use_database.py")


class User:
    """A process that uses the database of a folder."""

    def __init__(self, data_dir: Path, *options: str, **popen_arguments: Any) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, str(USE_DATABASE), str(data_dir), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd="/",
            **popen_arguments,
        )

    def send(self, *command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def ask(self, *command: str) -> Any:
        """Send a command and return its result; an error fails the test."""
        self.send(*command)
        answer = self.receive()
        assert "result" in answer, answer
        return answer["result"]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def is_running(pid: int) -> bool:
    """Whether the process lives; a zombie does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def seconds_until(condition: Callable[[], bool], *, limit: float) -> float:
    """Wait for the condition; it coming true too late fails the test."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit, "too late"
        time.sleep(0.02)
    return time.monotonic() - start


StartUser = Callable[..., User]
