"""The user that PostgreSQL runs as: ourselves or, because PostgreSQL refuses root, `nobody`."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devserver.errors import DevServerError


@dataclass(frozen=True)
class Account:
    """A user and group to change to, or, without them, ourselves."""

    uid: int | None = None
    gid: int | None = None

    def popen_arguments(self) -> dict[str, Any]:
        """Return what makes `subprocess` run a program as this account, without our other groups."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make the account the owner of a file or folder."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_run(self, *command: str | Path) -> bool:
        """Return whether a command succeeds as this account. Trying it is the only way: every folder above counts."""
        try:
            subprocess.run(command, cwd="/", capture_output=True, check=True, **self.popen_arguments())  # noqa: S603  (Our own commands.)
        except (OSError, subprocess.SubprocessError):
            return False
        return True


def new_account() -> Account:
    """Return the account for a new cluster.

    Raises:
        DevServerError: We are root, and cannot become `nobody`.
    """
    if os.geteuid() != 0:
        return Account()
    try:
        # initdb wants a name for its user, so a bare number does not do.
        entry = pwd.getpwnam("nobody")
    except KeyError:
        account = None
    else:
        account = Account(entry.pw_uid, entry.pw_gid)
    if account is None or not account.can_run("/bin/sh", "-c", ":"):
        raise DevServerError(
            "PostgreSQL refuses to run as root, and root cannot become `nobody` here. Use a plain user."
        )
    return account


def account_of(pgdata: Path) -> Account:
    """Return the account that owns an existing cluster."""
    if os.geteuid() != 0:
        return Account()
    status = pgdata.stat()
    return Account(status.st_uid, status.st_gid)
