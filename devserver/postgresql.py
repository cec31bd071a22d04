"""PostgreSQL as a child of this process, for as long as a block runs.

The lock file is the whole protocol: the process that starts the server takes the lock and hands its descriptor on to
initdb and PostgreSQL. So the kernel keeps it locked until the last process of the server is gone, however it ended, and
the process that gets the lock may start.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from devserver.cluster import DATABASE, USER, Cluster, environment, open_cluster, start_over
from devserver.data_folder import DevServerError, make_folder
from devserver.processes import ending_with_us, free_port, pause

# A start after a crash has to recover first.
_START_SECONDS = 120.0
_STOP: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGINT, 30), (signal.SIGQUIT, 6), (signal.SIGKILL, 6))
_POLL_SECONDS = 0.01
_ATTEMPTS = 5
# Lines of postmaster.pid, by PostgreSQL's src/include/utils/pidfile.h.
_LINE_PID, _LINE_STATUS = 0, 7


@dataclass(frozen=True)
class Server:
    """A server that accepts connections."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def postgresql(folder: Path, *, durable: bool = True) -> Iterator[Server]:
    """Run the server of a folder, made if missing. On Linux it ends with this process even if that is killed.

    `durable=False` trades crash safety for speed. The caller owns the data folder around this one.

    Raises:
        DevServerError: It cannot run here. The message says why.
    """
    make_folder(folder)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(lock, folder)
        cluster = open_cluster(folder, lock=lock, durable=durable)
        process, port = _start(cluster, folder, lock=lock, durable=durable)
        try:
            # No TLS in these programs. SCRAM proves the server to us as well.
            options = "sslmode=disable&require_auth=scram-sha-256"
            yield Server(f"postgres://{USER}:{cluster.password}@127.0.0.1:{port}/{DATABASE}?{options}", process)
        finally:
            _stop(process)
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    """Take the lock. A server that holds it has lost its owner, and the kernel has signaled it to stop (on Linux)."""
    deadline = time.monotonic() + sum(seconds for _, seconds in _STOP)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if sys.platform != "linux":
                _stop_abandoned((folder / "pgdata").resolve())
            if time.monotonic() > deadline:
                raise DevServerError(f"An old PostgreSQL in {folder} does not end.") from None
            pause(_POLL_SECONDS)
        else:
            return


def _stop_abandoned(pgdata: Path) -> None:
    pid = _status(pgdata)[_LINE_PID]
    command = ["/bin/ps", "-ww", "-o", "command=", "-p", pid]
    shown = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  (Our own command.)
    if os.fsencode(pgdata) in shown.stdout:  # The number may belong to another process by now.
        os.kill(int(pid), signal.SIGINT)


def _start(cluster: Cluster, folder: Path, *, lock: int, durable: bool) -> "tuple[subprocess.Popen[bytes], int]":
    """Start the server and wait until it is ready; on another port if its own was taken meanwhile."""
    log = folder / "postgres.log"
    for _ in range(_ATTEMPTS):
        (cluster.pgdata / "postmaster.pid").unlink(missing_ok=True)  # Stale: we hold the lock.
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  (Our own command.)
                [str(cluster.programs / "postgres"), "-D", str(cluster.pgdata), *_options(port, durable=durable)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment(),
                umask=0o077,
                start_new_session=True,  # Ctrl-C reaches only us, who stop it last.
                pass_fds=[lock],
                **ending_with_us(signal.SIGINT),
                **cluster.account.popen_arguments(),
            )
        try:
            if _becomes_ready(cluster.pgdata, process):
                return process, port
        except BaseException:
            _stop(process)
            raise
        text = log.read_text("utf-8", errors="replace").strip()
        if "could not create any TCP/IP sockets" not in text:
            break
    raise DevServerError(f"PostgreSQL did not start. Its output:\n{text[-2000:]}\n{start_over(folder)}")


def _options(port: int, *, durable: bool) -> list[str]:
    """Return the settings, on the command line: in postgresql.conf, old clusters would keep old ones."""
    settings = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "jit": "off",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # No statements or row values in the log: they may hold what must not be logged.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_checkpoints": "off",
        "dynamic_shared_memory_type": "mmap",  # /dev/shm is tiny in containers.
        "io_method": "sync",  # Fewer processes.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _becomes_ready(pgdata: Path, process: "subprocess.Popen[bytes]") -> bool:
    """Wait until the server accepts connections, or return False if it ends."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None:
        lines = _status(pgdata)
        if lines[_LINE_PID] == str(process.pid) and lines[_LINE_STATUS] == "ready":
            return True
        if time.monotonic() > deadline:
            raise DevServerError(f"PostgreSQL in {pgdata} was not ready after {_START_SECONDS:.0f} seconds.")
        pause(_POLL_SECONDS)
    return False


def _status(pgdata: Path) -> list[str]:
    """Return the lines of postmaster.pid, as many as are read here."""
    lines = []
    with suppress(FileNotFoundError):
        lines = (pgdata / "postmaster.pid").read_text("utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines] + [""] * (_LINE_STATUS + 1)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop the server: fast, then at once, then by force."""
    for number, seconds in _STOP:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
