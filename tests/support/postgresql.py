"""PostgreSQL servers of a test's or a benchmark's own: on a free port, in a folder that goes with them."""

import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from devserver.cluster import Account, environment, new_account
from devserver.processes import ending_with_us, free_port
from tests.support.waiting import DEADLINE, wait_until

USER = "agentmessage"
COMMON = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is tiny in containers.
    "jit": "off",
    "timezone": "UTC",
}


def programs() -> Path | None:
    """Return the folder of the system's newest PostgreSQL server programs; None where there are none."""
    folders = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if folders:
        return max(folders, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def popen_arguments(account: Account) -> dict[str, Any]:
    """Return what makes `subprocess` run a server's program as `account`, for no longer than this process lives."""
    return {
        "cwd": "/",
        "env": environment(),
        "start_new_session": True,
        "umask": 0o077,
        **ending_with_us(signal.SIGINT),
        **account.popen_arguments(),
    }


def answers(process: "subprocess.Popen[bytes] | None", url: str, log: Path) -> bool:
    """Whether a server takes connections. Raises RuntimeError with its log if it has ended."""
    if process is None or process.poll() is not None:
        raise RuntimeError(log.read_text()[-2000:])
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@dataclass
class Server:
    """One server: `create`, `start`, `stop`. The superuser's password is made up."""

    folder: Path
    bin: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.account = new_account()

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.folder / "data"

    def url(self, database: str = "agentmessage") -> str:
        """As DATABASE_URL takes it."""
        return f"postgres://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """An empty cluster."""
        self._make_folder()
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        password_file.chmod(0o644)  # In a folder that only we can enter.
        self._run("initdb", "-D", str(self.data), "-U", USER, f"--pwfile={password_file}", "--auth=scram-sha-256",
                  "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
        password_file.unlink()

    def start(self) -> None:
        """Starts it and waits until it answers. Raises RuntimeError with its log if it ends."""
        settings = {**COMMON, **self.settings, "port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **popen_arguments(self.account),
            )  # fmt: skip
        wait_until(lambda: answers(self.process, self.url("postgres"), self.folder / "log"), "PostgreSQL answers")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: fast, or in the given mode."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(DEADLINE)
            self.process = None

    def connect(self, database: str = "agentmessage") -> psycopg.Connection:
        """A connection in autocommit."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def sql(self, statement: str, parameters: Sequence[Any] = (), *, database: str = "agentmessage") -> list[Any]:
        """The rows of a statement, over a connection of its own."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700)
        self.account.give(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        ended = subprocess.run(
            [str(self.bin / program), *arguments], capture_output=True, text=True, **popen_arguments(self.account)
        )
        if ended.returncode:
            raise RuntimeError(f"{program}: {ended.stderr[-2000:]}")
