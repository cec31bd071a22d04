"""The data folder: who owns it, what its owner publishes, and its private files."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from agentmessage.make_run import Running, find_running, lock_file, settings_file
from devserver.processes import pause

# Another owner that starts for the first time, or stops, may take this long.
_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.05


class DevServerError(Exception):
    """What goes wrong in a way that one sentence explains: what is wrong, and what to do."""


class InUse(DevServerError):
    """Another process owns the data folder."""


@contextmanager
def owned(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Own the data folder, made if missing, while the block runs. The kernel frees it even if this process is killed.

    Args:
        folder: The data folder.
        wait: For an owner that is starting or stopping. One that is running is never waited for.

    Raises:
        InUse: Another process owns the folder. The message says what runs there.
        DevServerError: The folder cannot be made or written to.
    """
    try:
        make_folder(folder)
        lock = os.open(lock_file(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DevServerError(f"The data folder {folder} cannot be used: {error.strerror}.") from error
    try:
        _take(lock, folder, seconds=_WAIT_SECONDS if wait else 0)
        settings_file(folder).unlink(missing_ok=True)  # Of an owner that was killed.
        try:
            yield
        finally:
            settings_file(folder).unlink(missing_ok=True)
    finally:
        os.close(lock)


def publish(folder: Path, running: Running) -> None:
    """Publish what runs to the commands beside this process and to others that want the folder. The caller owns it."""
    write_private(settings_file(folder), json.dumps(asdict(running)))


def secret_key(folder: Path) -> str:
    """Return the folder's own SECRET_KEY, made once, so that operators stay signed in."""
    path = folder / "secret_key"
    if not path.is_file():
        write_private(path, secrets.token_urlsafe(50))
    return path.read_text(encoding="ascii")


def make_folder(folder: Path, mode: int | None = None) -> None:
    """Make a folder if it is missing, with a mode that the umask does not change: ours alone, unless one is given."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    # For root, PostgreSQL runs as another user, who has to pass through.
    folder.chmod(mode or (0o711 if os.geteuid() == 0 else 0o700))


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all, also across a power cut."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def _take(lock: int, folder: Path, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = find_running(folder)
            if running is not None:
                raise InUse(
                    f"{running.description} in {folder}. For another one beside it: "
                    "DATA_DIR=.data/second PORT=8001 make run"
                ) from None
            if time.monotonic() >= deadline:
                raise InUse(f"Another process has been starting or stopping in {folder} for a while.") from None
            pause(_POLL_SECONDS)
        else:
            return
