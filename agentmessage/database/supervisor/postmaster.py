"""PostgreSQL's main process as the file system shows it: ready, stale, orphaned."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from agentmessage.database.supervisor.errors import EmbeddedServerError

_POLL_SECONDS = 0.01
# Lines of postmaster.pid, by PostgreSQL's src/include/utils/pidfile.h.
_LINE_PID, _LINE_STATUS = 0, 7


def options(*, port: int, durable: bool) -> list[str]:
    """The settings, on the command line: by postgresql.conf, old clusters would not follow new versions of them."""
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
        "wal_level": "minimal",  # Nobody replicates from here.
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def is_ready(pgdata: Path, pid: int) -> bool:
    """Whether this server accepts connections."""
    lines = _pid_file(pgdata)
    return len(lines) > _LINE_STATUS and lines[_LINE_PID] == str(pid) and lines[_LINE_STATUS].strip() == "ready"


def remove_orphan(pgdata: Path) -> None:
    """Stop a server that lost its watchdog, and remove a pid file that would keep the next one from starting.

    Raises EmbeddedServerError if it does not end.
    """
    lines = _pid_file(pgdata)
    if not lines or not lines[_LINE_PID].isdigit():
        return
    pid = int(lines[_LINE_PID])
    if not _is_server_of(pgdata, pid):
        if _is_alive(pid):
            # After a reboot some other process may have its number, and PostgreSQL would refuse to start. With the
            # number free, the file stays: PostgreSQL checks by itself whether anything of the old server is left.
            (pgdata / "postmaster.pid").unlink(missing_ok=True)
        return
    for signal_number, seconds in ((signal.SIGINT, 20), (signal.SIGQUIT, 6), (signal.SIGKILL, 2)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal_number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _is_server_of(pgdata, pid):
                return
            time.sleep(_POLL_SECONDS)
    raise EmbeddedServerError(f"An old PostgreSQL of {pgdata}, process {pid}, does not end.")


def _pid_file(pgdata: Path) -> list[str]:
    try:
        return (pgdata / "postmaster.pid").read_text("utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_server_of(pgdata: Path, pid: int) -> bool:
    """Whether the process is PostgreSQL's main process for this folder."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cwd").samefile(pgdata)  # It lives in its folder; a zombie lives nowhere.
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            return False
    else:
        command = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
        found = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own command, and no shell.
        return b"postgres" in found.stdout and os.fsencode(pgdata) in found.stdout
