"""Under which user the server runs: ours, or, because PostgreSQL refuses root, `nobody`."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Account:
    """A user and group to change to."""

    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """What makes `subprocess` run a program as this account, without our other groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, *shell_tests: tuple[str, Path]) -> bool:
        """Whether this account passes all of these shell tests, such as `("-r", path)`.

        It is asked by being it, because every folder above counts.
        """
        script = 'while [ $# -gt 0 ]; do test "$1" "$2" || exit 1; shift 2; done'
        arguments = [str(part) for shell_test in shell_tests for part in shell_test]
        completed = subprocess.run(  # noqa: S603 - our own command; paths are arguments of the script, not part of it.
            ["/bin/sh", "-c", script, "sh", *arguments],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            **self.popen_arguments(),
        )
        return completed.returncode == 0


def account_for_new_cluster() -> Account | None:
    """Return the account a new server runs as; None is our own.

    Raises ImproperlyConfigured if we are root and there is no `nobody` to change to.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        # initdb wants a name for its user, so a bare number would not do.
        raise ImproperlyConfigured(
            "PostgreSQL refuses to run as root, and there is no user `nobody`. Run as another user or set DATABASE_URL."
        ) from None
    account = Account(uid=entry.pw_uid, gid=entry.pw_gid)
    try:
        account.can()
    except (OSError, subprocess.SubprocessError):
        raise ImproperlyConfigured(
            "PostgreSQL refuses to run as root, and this root may not change to `nobody`. "
            "Run as another user or set DATABASE_URL."
        ) from None
    return account


def account_of(folder: Path) -> Account | None:
    """Return the account that owns the folder of an existing cluster; None is our own."""
    if os.geteuid() != 0:
        return None
    status = folder.stat()
    return Account(uid=status.st_uid, gid=status.st_gid)
