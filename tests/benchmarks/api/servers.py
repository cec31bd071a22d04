"""The contestants: a server each, with a database of its own on one PostgreSQL that waits for the disk."""

import http.client
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg

from devserver.processes import ending_with_us, free_port
from tests.benchmarks.api import stock
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
_GRANIAN = ("granian", "--interface", "wsgi", "--http", "1", "--workers", "2", "--blocking-threads")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "floor": (*_GRANIAN, "2", "tests.benchmarks.api.floor:application"),
    # By default it kills workers that are silent for five seconds, as on a busy machine.
    "peer": (
        *("uvicorn", "--workers", "2", "--no-access-log", "--timeout-worker-healthcheck", "120"),
        "tests.benchmarks.api.peer:application",
    ),
    # As README.md says to run it in production.
    "service": (
        *_GRANIAN,
        "4",
        "--respawn-failed-workers",
        "--workers-kill-timeout",
        "10",
        "agentmessage.wsgi:application",
    ),
}


@dataclass(frozen=True)
class Contestant:
    """A running server, its keys, and a connection to its database."""

    port: int
    keys: stock.Keys
    connection: "psycopg.Connection[tuple[object, ...]]"
    history: str

    def count_history(self) -> int:
        """Return how many entries there are: each move adds one."""
        row = self.connection.execute(f"SELECT count(*) FROM {self.history}").fetchone()
        assert row
        assert isinstance(row[0], int)
        return row[0]


@contextmanager
def contestants() -> Iterator[dict[str, Contestant]]:
    """Start all of them, each with the same numbers."""
    with ExitStack() as stack:
        logs = Path(stack.enter_context(TemporaryDirectory()))
        yield {name: stack.enter_context(_contestant(name, command, logs / name)) for name, command in COMMANDS.items()}


@contextmanager
def _contestant(name: str, command: tuple[str, ...], folder: Path) -> Iterator[Contestant]:
    folder.mkdir()
    port, log = free_port(), folder / "log"
    with _database(f"bench_api_{name}") as url, psycopg.connect(url, autocommit=True) as connection:
        environment = _environment(url, counters=folder)
        if name == "service":
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
            keys, history = stock.fill(connection), "numbers_campaignattachment"
        else:
            keys, history = stock.fill_lean(connection), "attachment"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [sys.executable, "-m", *command, "--host", "127.0.0.1", "--port", str(port)],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **ending_with_us(signal.SIGTERM),
            )
        try:
            wait_until(lambda: server.poll() is not None or _answers(port), f"{name} answers")
            if server.poll() is not None:
                sys.exit(f"{name} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            yield Contestant(port, keys, connection, history)
        finally:
            server.terminate()
            server.wait()


@contextmanager
def _database(name: str) -> Iterator[str]:
    """Create an empty database on the server of `python -m devserver`, and drop it afterwards."""
    server = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(server.geturl(), autocommit=True) as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        maintenance.execute(f"CREATE DATABASE {name}")
        try:
            yield server._replace(path=f"/{name}").geturl()
        finally:
            maintenance.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _environment(url: str, *, counters: Path) -> dict[str, str]:
    """Return the service's default settings, whatever is set here, with metrics on; and the others' database."""
    ours = ("DATABASE", "THROTTLE", "LOG_LEVEL", "DJANGO", "CORS", "DEBUG", "GRANIAN", "PROMETHEUS", "METRICS")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "DJANGO_SETTINGS_MODULE": "agentmessage.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": url,
        "METRICS_TOKEN": "bench",
        "PROMETHEUS_MULTIPROC_DIR": str(counters),
        "BENCH_DATABASE_URL": url,
    }


def _answers(port: int) -> bool:
    """Return whether something answers; what does not matter, because the floor knows no such route."""
    probe = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        probe.request("GET", "/healthz")
        probe.getresponse()
    except OSError:
        return False
    finally:
        probe.close()
    return True
