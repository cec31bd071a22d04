"""Processes that `make run` starts, and that end with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import Self

from django.conf import settings

_SECONDS_TO_END = 8.0


class Children:
    """Starts Python modules, and ends all of them at once when the block ends or this process is told to stop."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        def stop(signum: int, _frame: FrameType | None) -> None:
            raise SystemExit(128 + signum)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for child in self._running:
            child.terminate()
        deadline = time.monotonic() + _SECONDS_TO_END
        for child in self._running:
            try:
                child.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def start(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None, quiet: bool = False
    ) -> subprocess.Popen[bytes]:
        """Runs a module as `python -m` does. `quiet`: what it says on standard output is not shown."""
        child = subprocess.Popen(  # noqa: S603  (Our own modules.)
            [sys.executable, "-m", "agentmessage.database.lifetime", module, *arguments],
            env=os.environ | dict(environment or {}),
            cwd=settings.BASE_DIR,
            stdout=subprocess.DEVNULL if quiet else None,
            # In a session of its own, so that Ctrl-C reaches this process alone, which then stops its children once.
            start_new_session=True,
        )
        self._running.append(child)
        return child
