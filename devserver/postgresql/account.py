"""The user that PostgreSQL runs as: ourselves or, because PostgreSQL refuses root, `nobody`."""

import os
import pwd
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devserver.errors import DevServerError


@dataclass(frozen=True)
class Account:
    """A user and group to change to. Without them it is ourselves."""

    uid: int = -1
    gid: int = -1

    def popen_arguments(self) -> dict[str, Any]:
        """Return what makes `subprocess` run a program as this account, without our other groups."""
        return {} if self.uid < 0 else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make the account the owner of a file or folder."""
        os.chown(path, self.uid, self.gid)  # -1 leaves it unchanged.

    def can_run(self, *command: str | Path) -> bool:
        """Return whether a command succeeds as this account. Only trying shows it: every folder above counts."""
        try:
            subprocess.run(command, cwd="/", capture_output=True, check=True, **self.popen_arguments())  # noqa: S603  (Our own commands.)
        except (OSError, subprocess.SubprocessError):
            return False
        return True


def new_account() -> Account:
    """Return the account for a new cluster. Raises DevServerError if we are root and cannot become `nobody`."""
    if os.geteuid() != 0:
        return Account()
    with suppress(KeyError):  # initdb wants a name for its user, so any number would not do.
        entry = pwd.getpwnam("nobody")
        account = Account(entry.pw_uid, entry.pw_gid)
        if account.can_run("/bin/sh", "-c", ":"):
            return account
    raise DevServerError("PostgreSQL refuses to run as root, and root cannot become `nobody` here. Use a plain user.")


def account_of(pgdata: Path) -> Account:
    """Return the account that owns an existing cluster."""
    status = pgdata.stat()
    return Account(status.st_uid, status.st_gid) if os.geteuid() == 0 else Account()
