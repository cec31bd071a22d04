"""Start or join the server of a data folder, and keep it alive as long as this process lives."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agentmessage.database.supervisor import locks, postmaster
from agentmessage.database.supervisor.cluster import USER, Cluster, open_cluster, server_environment
from agentmessage.database.supervisor.errors import EmbeddedServerError
from agentmessage.database.supervisor.installation import find_installation

_HOST = "127.0.0.1"
_WATCHDOG = Path(__file__).with_name("watchdog.py")
# Making a cluster takes about two seconds; a slow disk or a crash recovery may take far longer.
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.01
_ATTEMPTS = 6


@dataclass(frozen=True)
class ServerAddress:
    """How to connect."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class _Membership:
    """What this process holds: a share of the users' lock, and what it saw when it joined."""

    cluster: Cluster
    users_lock: int
    state: bytes
    address: ServerAddress

    def is_current(self) -> bool:
        """Whether the server that was joined still runs. Asked at every connection: two files, about 20 µs."""
        try:
            return self.cluster.state_file.read_bytes() == self.state and locks.is_held(self.cluster.watchdog_lock)
        except FileNotFoundError:
            return False


class EmbeddedServer:
    """The server of one data folder, as this process sees it."""

    def __init__(self, data_dir: Path, *, durable: bool) -> None:
        self._data_dir = data_dir
        self._durable = durable
        self._mutex = threading.Lock()
        self._membership: _Membership | None = None

    def address(self) -> ServerAddress:
        """Return where the server listens, after starting or joining it if need be.

        Raises ImproperlyConfigured if it cannot exist here, and EmbeddedServerError if it does not start.
        """
        with self._mutex:
            if self._membership is None or not self._membership.is_current():
                try:
                    self._membership = self._join()
                except PermissionError as error:
                    raise EmbeddedServerError(
                        f"The embedded PostgreSQL in {self._data_dir} cannot be used: {error}. "
                        "Run as the user who made it, delete it as that user, or set DATABASE_URL."
                    ) from error
                except OSError as error:
                    raise EmbeddedServerError(
                        f"The embedded PostgreSQL in {self._data_dir} cannot be used: {error}"
                    ) from error
            return self._membership.address

    def program(self, name: str) -> Path:
        """The path of a PostgreSQL program that belongs to the server."""
        return find_installation().program(name)

    def _leave(self) -> None:
        """Give up this process's share of the lock."""
        if self._membership is not None:
            os.close(self._membership.users_lock)
            self._membership = None

    def _join(self) -> _Membership:
        self._leave()
        installation = find_installation()
        _make_data_dir(self._data_dir)
        with locks.locked(self._data_dir / "start.lock", seconds=_START_SECONDS):
            cluster = open_cluster(self._data_dir, installation, durable=self._durable)
            # First become a user, so that the server found or started below cannot stop again. Waits while one stops.
            users_lock = locks.hold(cluster.users_lock, exclusive=False, seconds=_STOP_SECONDS)
            try:
                state = _wait_for_running(cluster) or _start(cluster, durable=self._durable)
                address = ServerAddress(_HOST, json.loads(state)["port"], USER, cluster.password)
            except BaseException:
                os.close(users_lock)
                raise
        return _Membership(cluster, users_lock, state, address)


_servers: dict[Path, EmbeddedServer] = {}
_servers_mutex = threading.Lock()


def server_for(data_dir: Path, *, durable: bool) -> EmbeddedServer:
    """Return the one object for this folder in this process. Starts nothing yet."""
    with _servers_mutex:
        return _servers.setdefault(data_dir, EmbeddedServer(data_dir, durable=durable))


def _forget_after_fork() -> None:
    """A forked child joins by itself when it connects: otherwise it would keep the server alive without using it.

    Closing its copy leaves the parent's lock in place. Mutexes are new, since a thread may have held them at the fork.
    """
    global _servers_mutex  # noqa: PLW0603 - see above.
    for server in _servers.values():
        server._leave()  # noqa: SLF001 - the same module.
    _servers.clear()
    _servers_mutex = threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)


def _make_data_dir(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True)
    except FileExistsError:
        return
    # Ours, so we may: as root, the server's account must be able to pass through.
    data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _wait_for_running(cluster: Cluster) -> bytes | None:
    """Return the state of the server once it is ready, or None if there is none."""
    deadline = time.monotonic() + _START_SECONDS
    while locks.is_held(cluster.watchdog_lock):
        try:
            state = cluster.state_file.read_bytes()
        except FileNotFoundError:
            state = b""  # It starts or stops.
        if state and postmaster.is_ready(cluster.pgdata, json.loads(state)["pid"]):
            return state
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"PostgreSQL in {cluster.pgdata} was not ready after {_START_SECONDS:.0f} seconds."
            )
        time.sleep(_POLL_SECONDS)
    return None


def _start(cluster: Cluster, *, durable: bool) -> bytes:
    """Start a watchdog and its server, with another port if somebody was faster to take ours."""
    cluster.state_file.unlink(missing_ok=True)
    postmaster.remove_orphan(cluster.pgdata)
    for attempt in range(_ATTEMPTS):
        port = _choose_port(cluster, use_last=attempt == 0)
        written = cluster.log.stat().st_size if cluster.log.exists() else 0
        _launch_watchdog(cluster, port, durable=durable)
        state = _wait_for_running(cluster)
        if state is not None:
            cluster.port_file.write_text(str(port), "ascii")
            return state
        said = _log_since(cluster.log, written)
        if "pre-existing shared memory block" in said:
            time.sleep(0.5)  # The processes of a killed server are still leaving.
        elif "could not create any TCP/IP sockets" not in said:
            break
    raise EmbeddedServerError(
        f"The embedded PostgreSQL in {cluster.pgdata} did not start. "
        f"If its files are damaged, delete {cluster.data_dir} to start with an empty one. It said:\n{said[-2000:]}"
    )


def _launch_watchdog(cluster: Cluster, port: int, *, durable: bool) -> None:
    postgres = [str(cluster.installation.program("postgres")), "-D", str(cluster.pgdata)]
    job = {
        "command": postgres + postmaster.options(port=port, durable=durable),
        "environment": server_environment(),
        "identity": None if cluster.account is None else cluster.account.popen_arguments(),
        "port": port,
        "log": str(cluster.log),
        "pointer": str(cluster.pointer),
        "state_file": str(cluster.state_file),
        "users_lock": str(cluster.users_lock),
        "watchdog_lock": str(cluster.watchdog_lock),
    }
    completed = subprocess.run(  # noqa: S603 - our own script, and no shell.
        [sys.executable, "-I", "-S", "-B", str(_WATCHDOG)],
        input=json.dumps(job).encode(),
        capture_output=True,
        cwd="/",
        env=server_environment(),
        start_new_session=True,  # Ctrl-C and hang-ups are for us, not for the server.
        check=False,
    )
    if not completed.stdout:
        raise EmbeddedServerError(
            f"The watchdog of the embedded PostgreSQL did not start; see {cluster.log}. "
            f"{completed.stderr.decode(errors='replace')[-2000:]}"
        )


def _choose_port(cluster: Cluster, *, use_last: bool) -> int:
    """A free port; the last one if possible, for those who wrote it down."""
    candidates = [0]
    if use_last:
        with suppress(FileNotFoundError, ValueError):  # A power cut may have left it empty.
            candidates.insert(0, int(cluster.port_file.read_text("ascii")))
    for candidate in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As PostgreSQL does.
            try:
                probe.bind((_HOST, candidate))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            port: int = probe.getsockname()[1]
            return port
    raise EmbeddedServerError(f"There is no free port on {_HOST}.")


def _log_since(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace").strip()
