"""Where the files of one server are, and how they are made, once."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from agentmessage.database.supervisor.account import Account, account_for_new_cluster, account_of
from agentmessage.database.supervisor.errors import EmbeddedServerError
from agentmessage.database.supervisor.installation import Installation

USER = "agentmessage"
DATABASE = "agentmessage"

# For root whose data folder `nobody` cannot reach, because some folder above is private.
SYSTEM_FOLDER = Path("/var/lib/agentmessage-numbers")

# PostgreSQL cuts paths at 1024 bytes; the rest is for the files below.
_LONGEST_PATH = 900


@dataclass(frozen=True)
class Cluster:
    """One database cluster. `home` is the data folder, or a folder that the server's account can reach."""

    data_dir: Path
    home: Path
    installation: Installation
    account: Account | None

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "pgdata"

    @property
    def users_lock(self) -> Path:
        """Shared by every process that uses the server; taken alone to stop it."""
        return self.home / "users.lock"

    @property
    def watchdog_lock(self) -> Path:
        """Held by the watchdog as long as it and its server live."""
        return self.home / "watchdog.lock"

    @property
    def state_file(self) -> Path:
        """Written by the watchdog: port and process id of its server. Missing while it stops."""
        return self.home / "server.json"

    @property
    def port_file(self) -> Path:
        """The port of the last start, which the next one prefers."""
        return self.home / "port"

    @property
    def pointer(self) -> Path:
        """Says where `home` is. Without it the cluster counts as deleted."""
        return _pointer(self.data_dir)

    @property
    def log(self) -> Path:
        """What PostgreSQL and the watchdog say."""
        return self.data_dir / "postgres.log"

    @property
    def password(self) -> str:
        """The password of the only user."""
        return _password_file(self.data_dir).read_text("ascii")


def open_cluster(data_dir: Path, installation: Installation, *, durable: bool) -> Cluster:
    """Find the cluster of the data folder, or make it. The caller holds the start lock.

    Raises ImproperlyConfigured if it cannot exist here, EmbeddedServerError if making it fails.
    """
    if len(os.fsencode(data_dir)) > _LONGEST_PATH:
        raise ImproperlyConfigured(f"The path of the data folder is too long for PostgreSQL: {data_dir}")
    home = _recorded_home(data_dir)
    if home is None:
        return _create(data_dir, installation, durable=durable)
    pgdata = home / "pgdata"
    if not pgdata.exists() or not _password_file(data_dir).exists():
        raise ImproperlyConfigured(
            f"The embedded database of {data_dir} is incomplete: {pgdata} or the file `password` is gone. "
            f"Restore it, or delete {data_dir} to start with an empty one."
        )
    if os.geteuid() not in {0, pgdata.stat().st_uid}:
        raise ImproperlyConfigured(
            f"The embedded database in {pgdata} belongs to another user. Run as that user, or set DATABASE_URL."
        )
    major = (pgdata / "PG_VERSION").read_text("ascii").strip()
    if major != installation.major:
        raise ImproperlyConfigured(
            f"The embedded database in {pgdata} was made by PostgreSQL {major}, but {installation.major} is installed. "
            f"Dump it with the old version and load it into the new one, or delete {data_dir} to start afresh."
        )
    account = account_of(pgdata)
    return Cluster(data_dir, home, _reachable(installation, account), account)


def server_environment() -> dict[str, str]:
    """A small environment: variables such as PGPORT would change what the programs do, and messages stay English."""
    kept = ("PATH", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def _pointer(data_dir: Path) -> Path:
    return data_dir / "cluster.json"


def _password_file(data_dir: Path) -> Path:
    return data_dir / "password"


def _recorded_home(data_dir: Path) -> Path | None:
    try:
        home: str = json.loads(_pointer(data_dir).read_text("utf-8"))["home"]
        return data_dir / home
    except FileNotFoundError:
        if not (data_dir / "pgdata").exists():
            return None
    # Whoever made it died just before its last step. It is whole: it got its name when it was.
    _write_pointer(data_dir, data_dir)
    return data_dir


def _write_pointer(data_dir: Path, home: Path) -> None:
    # A home inside the data folder is written down as "", so that the folder can be moved.
    _write_private(_pointer(data_dir), json.dumps({"home": "" if home == data_dir else str(home)}))


def _create(data_dir: Path, installation: Installation, *, durable: bool) -> Cluster:
    account = account_for_new_cluster()
    home = _home_for(data_dir, account)
    cluster = Cluster(data_dir, home, _reachable(installation, account), account)
    password = secrets.token_urlsafe(32)
    scratch = _scratch_folder(home, account)
    try:
        _initialize(cluster, scratch, password, durable=durable)
        _write_private(_password_file(data_dir), password)
        (scratch / "data").rename(cluster.pgdata)
        _write_pointer(data_dir, home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return cluster


def _home_for(data_dir: Path, account: Account | None) -> Path:
    """The data folder, if the account can get there; otherwise a folder of the system, new for every cluster."""
    if account is None:
        return data_dir
    probe = _scratch_folder(data_dir, account)
    is_reachable = account.can(("-w", probe / "data"), ("-x", probe / "data"))
    shutil.rmtree(probe)
    if is_reachable:
        return data_dir
    clusters = _system_folder() / "clusters"
    clusters.mkdir(mode=0o755, exist_ok=True)
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    # The data folder names no cluster (any more): whatever was made for this path has been deleted by its owner.
    for abandoned in clusters.glob(f"{name}-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    # Root's own, so that the account cannot lay links where root writes; only pgdata inside is the account's.
    home = clusters / f"{name}-{secrets.token_hex(8)}"
    home.mkdir(mode=0o711)
    home.chmod(0o711)
    return home


def _reachable(installation: Installation, account: Account | None) -> Installation:
    return installation if installation.is_usable_by(account) else installation.copy_below(_system_folder())


def _system_folder() -> Path:
    try:
        SYSTEM_FOLDER.mkdir(mode=0o755, exist_ok=True)
        status = SYSTEM_FOLDER.lstat()
    except OSError as error:
        raise ImproperlyConfigured(
            f"The user `nobody`, as whom PostgreSQL runs for root, needs {SYSTEM_FOLDER}: {error.strerror}. "
            "Run as another user, move the project to where everybody may read, or set DATABASE_URL."
        ) from error
    if status.st_uid != 0 or status.st_mode & 0o022:
        raise ImproperlyConfigured(f"{SYSTEM_FOLDER} must belong to root and be writable by root alone.")
    return SYSTEM_FOLDER


def _scratch_folder(home: Path, account: Account | None) -> Path:
    """Make a new folder of ours with an empty folder `data` that is the account's alone.

    The name is new each time: an initdb whose starter was killed may still write into its own.
    """
    for leftover in home.glob("pgdata.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(dir=home, prefix="pgdata.new-"))
    data = scratch / "data"
    data.mkdir(mode=0o700)
    if account is not None:
        os.chown(data, account.uid, account.gid)
        scratch.chmod(0o711)
    return scratch


def _write_private(path: Path, text: str, owner: Account | None = None) -> None:
    """Write the file so that it is there whole or not at all, for its owner alone; None is ourselves."""
    scratch = path.with_name(path.name + ".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)  # After a power cut the data would be useless without it.
        if owner is not None:
            os.fchown(descriptor, owner.uid, owner.gid)
    scratch.rename(path)


def _initialize(cluster: Cluster, scratch: Path, password: str, *, durable: bool) -> None:
    pgdata = scratch / "data"
    password_file = scratch / "password"
    _write_private(password_file, password, owner=cluster.account)  # initdb reads it as that account.
    initdb = [
        str(cluster.installation.program("initdb")),
        f"--pgdata={pgdata}",
        f"--username={USER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        # The password has 256 random bits: stretching it would only slow down every connection.
        "--set=scram_iterations=1",
    ]
    if not durable:
        initdb += ["--no-sync", "--no-data-checksums"]
    _run(initdb, cluster.account, "initdb")
    single_user = [
        str(cluster.installation.program("postgres")),
        "--single",
        "-D",
        str(pgdata),
        *("-c", "exit_on_error=on"),
        *("-c", f"fsync={'on' if durable else 'off'}"),
        "postgres",
    ]
    _run(single_user, cluster.account, "creating the database", statement=f"CREATE DATABASE {DATABASE}\n")


def _run(command: list[str], account: Account | None, action: str, *, statement: str = "") -> None:
    identity: dict[str, Any] = {} if account is None else account.popen_arguments()
    completed = subprocess.run(  # noqa: S603 - our own command, and no shell.
        command,
        input=statement,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        cwd="/",
        env=server_environment(),
        umask=0o077,
        start_new_session=True,  # Ctrl-C reaches us, and we clean up; killing it half-way would gain nothing.
        check=False,
        **identity,
    )
    if completed.returncode != 0:
        raise EmbeddedServerError(
            f"The embedded PostgreSQL could not be set up; {action} said:\n{completed.stderr.strip()[-2000:]}"
        )
