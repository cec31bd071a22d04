"""Advisory locks (flock) on files. The kernel releases them when their process ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentmessage.database.supervisor.errors import EmbeddedServerError

_POLL_SECONDS = 0.02


def try_lock(descriptor: int, *, exclusive: bool) -> bool:
    """Lock the open file at once, or return False."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def hold(path: Path, *, exclusive: bool, seconds: float) -> int:
    """Lock the file, made if missing, and return its descriptor; closing that releases the lock.

    Polls instead of blocking, so that a stuck holder becomes an error. Raises EmbeddedServerError after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        # Read-only is enough for flock, and lets a second user share a lock that the first one made.
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        keep = False
        try:
            is_locked = _wait_for_lock(descriptor, exclusive=exclusive, deadline=deadline)
            # If the folder was deleted meanwhile, this lock protects nothing any more.
            keep = is_locked and _is_same_file(descriptor, path)
        finally:
            if not keep:
                os.close(descriptor)
        if keep:
            return descriptor
        if not is_locked:
            raise EmbeddedServerError(f"Another process has held {path} for {seconds:.0f} seconds.")


@contextmanager
def locked(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the file exclusively. Raises EmbeddedServerError after `seconds`."""
    descriptor = hold(path, exclusive=True, seconds=seconds)
    try:
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether some process holds the file exclusively."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, exclusive=False)
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, *, exclusive: bool, deadline: float) -> bool:
    while not try_lock(descriptor, exclusive=exclusive):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
