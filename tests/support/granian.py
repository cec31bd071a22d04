"""The service behind granian, as README.md says to run it, on the database of the tests."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from devserver.processes import ending_with_us, free_port
from tests.support.waiting import DEADLINE, wait_until


@dataclass
class Served:
    """A server that answers on `port` and logs to `log`."""

    port: int
    log: Path

    def lines_of(self, request_id: str) -> list[dict[str, Any]]:
        """What was logged with the request's ID. Waits until there is something."""
        return wait_until(
            lambda: [line for line in self._lines() if line.get("request_id") == request_id], "the request is logged"
        )

    def wait_for_line(self, **fields: Any) -> dict[str, Any]:
        """Return the line of a request that had these fields, when it is there."""
        return wait_until(
            lambda: next((line for line in self._lines() if fields.items() <= line.items()), {}),
            f"a line has {fields}",
        )

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Parse what is logged so far, without a line that is half written."""
        for text in self.log.read_text().splitlines():
            if text.startswith("{") and text.endswith("}"):
                yield json.loads(text)


@contextmanager
def granian(log: Path, *, base: Mapping[str, str] | None = None, **changes: str) -> Iterator[Served]:
    """One worker with four threads, until the block ends.

    `changes` are settings; the others come from `base`, or are those of the tests' database.
    """
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
            env={**(base or environment()), **changes},
            stdout=output,
            stderr=output,
            start_new_session=True,
            **ending_with_us(signal.SIGTERM),
        )
        try:
            wait_until(lambda: serves(server, port, log), "granian serves")
            yield Served(port, log)
        finally:
            server.terminate()
            server.wait(DEADLINE)


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


def serves(server: "subprocess.Popen[bytes]", port: int, log: Path, path: str = "/healthz") -> bool:
    """Whether the server answers 200. Fails with its log if it has ended."""
    assert server.poll() is None, f"granian did not start:\n{log.read_text()}"
    probe = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        probe.request("GET", path)
        return probe.getresponse().status == 200
    except OSError:
        return False
    finally:
        probe.close()
