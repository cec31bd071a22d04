"""What a running `make run` tells the commands beside it: its database and its simulated carrier.

Only `manage.py` reads this, and only where DATABASE_URL is unset. Processes that serve a deployment never do.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

NOTHING_RUNS = "Nothing is running: start `make run` in another terminal, or set DATABASE_URL."
BASE_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Running:
    """The server of a data folder: what it is, for people, and the settings that lead to it."""

    description: str
    settings: dict[str, str]


def data_folder() -> Path:
    """Return the folder that DATA_DIR names, `.data` unless it is set."""
    return (BASE_DIR / (os.environ.get("DATA_DIR") or ".data")).resolve()


def lock_file(folder: Path) -> Path:
    """Return the file that the owner of the data folder keeps locked for as long as it lives."""
    return folder / "devserver.lock"


def settings_file(folder: Path) -> Path:
    """Return the file in which the owner publishes a `Running`. It outlives an owner that is killed."""
    return folder / "devserver.json"


def find_running(folder: Path) -> Running | None:
    """Return what runs in the data folder; None also for an owner that starts or stops, or that is another user."""
    try:
        with lock_file(folder).open("rb") as lock:
            return Running(**json.loads(settings_file(folder).read_bytes())) if _is_locked(lock) else None
    except (FileNotFoundError, PermissionError):
        return None


def _is_locked(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def set_defaults(settings: Mapping[str, str]) -> None:
    """Set variables of the environment that have no value yet. An empty value counts as none."""
    os.environ.update({name: value for name, value in settings.items() if not os.environ.get(name)})
