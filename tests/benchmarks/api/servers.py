"""The PostgreSQL and the two servers of a comparison."""

import http.client
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from agentmessage.database.lifetime import take_children_along
from agentmessage.database.supervisor.server import server_for

ROOT = Path(__file__).resolve().parents[3]
DATA_DIR = ROOT / ".data" / "bench"
WORKERS = 2
THREADS = 4
_NAME = "bench_api"
# Where the service's processes keep their counters together, as several of them need it.
_COUNTERS = DATA_DIR / "counters"
_READY_SECONDS = 60


@dataclass(frozen=True)
class Database:
    """The database of one comparison."""

    url: str

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection in autocommit."""
        return psycopg.connect(self.url, autocommit=True)


@contextmanager
def database() -> Iterator[Database]:
    """An empty, migrated database on an embedded PostgreSQL of its own, dropped afterwards.

    It does not wait for the disk: the wait is the same for both, and would make the framework look cheaper than it is.
    """
    address = server_for(DATA_DIR, durable=False).address()
    shutil.rmtree(_COUNTERS, ignore_errors=True)
    _COUNTERS.mkdir()
    server = f"postgres://{address.user}:{address.password}@{address.host}:{address.port}"
    with psycopg.connect(f"{server}/agentmessage", autocommit=True) as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
        maintenance.execute(f"CREATE DATABASE {_NAME}")
        try:
            found = Database(f"{server}/{_NAME}")
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
                cwd=ROOT,
                env=_environment(found),
                check=True,
            )
            yield found
        finally:
            maintenance.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")


@contextmanager
def serving(application: str, found: Database, *, log: Path) -> Iterator[int]:
    """Granian, as README.md says to run it in production, with `application`; on which port. Its words go to `log`."""
    port = _free_port()
    take_children_along()
    with log.open("wb") as words:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "agentmessage.database.lifetime"),
                *("granian", "--interface", "wsgi", "--http", "1", "--host", "127.0.0.1", "--port", str(port)),
                *("--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--respawn-failed-workers"),
                *("--workers-kill-timeout", "10", application),
            ],
            cwd=ROOT,
            env=_environment(found),
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
        try:
            _wait_until_ready(server, port, log)
            yield port
        finally:
            server.terminate()
            server.wait()


def _environment(found: Database) -> dict[str, str]:
    """What the service's own settings are by default, whatever is set here; and what the floor reads."""
    ours = ("DATABASE", "THROTTLE", "LOG_LEVEL", "REDIS", "DJANGO", "CORS", "DEBUG", "GRANIAN", "PROMETHEUS", "METRICS")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "DJANGO_SETTINGS_MODULE": "agentmessage.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": found.url,
        "DATABASE_POOL": str(THREADS),
        "LOG_LEVEL": "INFO",
        "METRICS_TOKEN": "bench",
        "PROMETHEUS_MULTIPROC_DIR": str(_COUNTERS),
        "BENCH_DATABASE_URL": found.url,
        "BENCH_POOL": str(THREADS),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until something answers; what it says does not matter (the floor knows no such route)."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        probe = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            probe.request("GET", "/healthz")
            probe.getresponse()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            probe.close()
    sys.exit(f"The server did not start:\n{log.read_text(errors='replace')[-3000:]}")
