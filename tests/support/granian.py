"""The service behind granian, as README.md says to run it, on the database of the tests."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from devserver.processes import free_port

SECONDS = 60


@dataclass
class Served:
    """A server that answers on `port` and logs to `log`."""

    port: int
    log: Path

    def lines_of(self, request_id: str) -> list[dict[str, Any]]:
        """What was logged with the request's ID. Waits until there is something."""
        deadline = time.monotonic() + SECONDS
        while True:
            lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
            found = [line for line in lines if line.get("request_id") == request_id]
            if found:
                return found
            assert time.monotonic() < deadline, self.log.read_text()

    def wait_for_line(self, **fields: Any) -> dict[str, Any]:
        """Return the line of a request that had these fields, when it is there."""
        deadline = time.monotonic() + SECONDS
        while True:
            for text in self.log.read_text().splitlines():
                line = json.loads(text) if text.startswith("{") and text.endswith("}") else {}
                if fields.items() <= line.items():
                    return line
            assert time.monotonic() < deadline, self.log.read_text()


@contextmanager
def granian(log: Path, **changes: str) -> Iterator[Served]:
    """One worker with four threads, until the block ends. `changes` are settings."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--blocking-threads", "4", "--workers-kill-timeout", "10"),
        "agentmessage.wsgi:application",
    ]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=environment() | changes,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            _wait_until_it_serves(server, port, log)
            yield Served(port, log)
        finally:
            server.terminate()
            server.wait(SECONDS)


def environment() -> dict[str, str]:
    """Return the environment of a process of the service on the database of the tests."""
    connection.ensure_connection()
    info = connection.connection.info
    user, password, host = (quote(text, safe="") for text in (info.user, info.password, info.host))
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "agentmessage.settings",
        "DATABASE_URL": f"postgres://{user}:{password}@{host}:{info.port}/{info.dbname}",
        "DATABASE_LOCK_WAITERS": "",
        "LOG_LEVEL": "INFO",
    }


def _wait_until_it_serves(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        probe = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        try:
            probe.request("GET", "/healthz")
            if probe.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)  # Between two checks whether it listens.
        finally:
            probe.close()
    raise AssertionError(f"granian did not start:\n{log.read_text()}")
