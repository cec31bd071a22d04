"""The PostgreSQL and the two servers of a comparison."""

import http.client
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from devserver.processes import ending_with_us, free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
DATA_DIR = ROOT / ".data" / "bench"
WORKERS = 2
THREADS = 4
_NAME = "bench_api"
# Where the service's processes keep their counters together, as several of them need it.
_COUNTERS = DATA_DIR / "counters"


@dataclass(frozen=True)
class Database:
    """The database of one comparison."""

    url: str

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection in autocommit."""
        return psycopg.connect(self.url, autocommit=True)


@contextmanager
def database() -> Iterator[Database]:
    """An empty, migrated database on the server of `python -m devserver`, dropped afterwards.

    The server does not wait for the disk: the wait is the same for both, and would make the framework look cheaper
    than it is.
    """
    shutil.rmtree(_COUNTERS, ignore_errors=True)
    _COUNTERS.mkdir(parents=True)
    server = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(server.geturl(), autocommit=True) as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
        maintenance.execute(f"CREATE DATABASE {_NAME}")
        try:
            found = Database(server._replace(path=f"/{_NAME}").geturl())
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
    port = free_port()
    with log.open("wb") as words:
        server = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "granian",
                    "--interface",
                    "wsgi",
                    "--http",
                    "1",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(port),
                ),
                *("--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--respawn-failed-workers"),
                *("--workers-kill-timeout", "10", application),
            ],
            cwd=ROOT,
            env=_environment(found),
            stdout=words,
            stderr=words,
            start_new_session=True,
            **ending_with_us(signal.SIGTERM),
        )
        try:
            _wait_until_ready(server, port, log)
            yield port
        finally:
            server.terminate()
            server.wait()


def _environment(found: Database) -> dict[str, str]:
    """What the service's own settings are by default, whatever is set here; and what the floor reads."""
    ours = ("DATABASE", "THROTTLE", "LOG_LEVEL", "DJANGO", "CORS", "DEBUG", "GRANIAN", "PROMETHEUS", "METRICS")
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


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until something answers; what it says does not matter (the floor knows no such route)."""

    def answers_or_has_ended() -> bool:
        probe = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            probe.request("GET", "/healthz")
            probe.getresponse()
        except OSError:
            return server.poll() is not None
        finally:
            probe.close()
        return True

    wait_until(answers_or_has_ended, "the server answers")
    if server.poll() is not None:
        sys.exit(f"The server did not start:\n{log.read_text(errors='replace')[-3000:]}")
