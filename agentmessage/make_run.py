"""How a running `make run` shares its database and its simulated carrier with the commands beside it.

Only `manage.py` asks, and only where DATABASE_URL is unset. Processes that serve a deployment never do.
"""

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.core.exceptions import ImproperlyConfigured

from agentmessage.environment import env

BASE_DIR = Path(__file__).resolve().parent.parent
NOTHING_RUNS = "Nothing is running: start `make run` in another terminal, or set DATABASE_URL."


@dataclass(frozen=True, slots=True)
class Running:
    """What runs in a data folder: a description for people, and the settings that lead to its database."""

    description: str
    settings: dict[str, str]


def data_folder() -> Path:
    """Return the folder that DATA_DIR names."""
    return (BASE_DIR / env.DATA_DIR).resolve()


def lock_file(folder: Path) -> Path:
    """Return the file that the owner of the data folder keeps locked for as long as it lives."""
    return folder / "devserver.lock"


def settings_file(folder: Path) -> Path:
    """Return the file in which the owner publishes what runs. It outlives an owner that is killed."""
    return folder / "devserver.json"


def find_running(folder: Path) -> Running | None:
    """Return what runs in the data folder; None also for an owner that starts or stops, or that is another user."""
    try:
        with lock_file(folder).open("rb") as lock:
            return Running(**json.loads(settings_file(folder).read_bytes())) if _is_locked(lock) else None
    except (FileNotFoundError, PermissionError):
        return None


@contextmanager
def beside_make_run() -> Iterator[None]:
    """Use the database of a running `make run` in the block, unless DATABASE_URL names one."""
    env.load(BASE_DIR / ".env")
    running = None if env.DATABASE_URL else find_running(data_folder())
    for name, value in running.settings.items() if running else ():
        os.environ.setdefault(name, value)
    try:
        yield
    except ImproperlyConfigured as error:
        if env.DATABASE_URL:
            raise
        sys.exit(f"{error}\n{NOTHING_RUNS}")


def _is_locked(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
