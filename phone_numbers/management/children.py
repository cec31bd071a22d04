"""Processes that `make run` starts, and that end with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from django.conf import settings

_SECONDS_TO_END = 8


@contextmanager
def running(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module, or `manage.py`, until the block ends or this process is told to stop."""
    module = "manage" if module == "manage.py" else module
    child = subprocess.Popen(  # noqa: S603  (Our own modules.)
        [sys.executable, "-m", "agentmessage.database.lifetime", module, *arguments],
        env=os.environ | dict(environment or {}),
        cwd=settings.BASE_DIR,
        # In a session of its own, so that Ctrl-C reaches this process alone, which then stops its children once.
        start_new_session=True,
    )

    def stop(signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
