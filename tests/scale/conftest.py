"""A small installation on several machines, all of them this one: see docs/scale.md."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devserver.demo import INVENTORY
from devserver.processes import ending_with_us, free_port
from tests.support import pgbouncer
from tests.support.pgbouncer import PgBouncer
from tests.support.postgresql import Server, programs

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Machines:
    """A PostgreSQL, a pgbouncer before it, and web processes that know no other way to it."""

    folder: Path
    postgresql: Server
    pgbouncer: PgBouncer
    key: str = ""
    ports: list[int] = field(default_factory=list)
    webs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment of a process that works on PostgreSQL directly."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")},
            "DJANGO_SETTINGS_MODULE": "agentmessage.settings",
            "DATABASE_URL": self.postgresql.url(),
            "SECRET_KEY": "only-for-the-tests-" + "x" * 50,
            "HTTPS": "off",
            "LOG_LEVEL": "WARNING",
            **changes,
        }

    @property
    def of_a_web_process(self) -> dict[str, str]:
        """The environment of a process that reaches PostgreSQL through pgbouncer."""
        return self.environment(DATABASE_URL=self.pgbouncer.url, DATABASE_PGBOUNCER="on")

    def manage(self, *words: str, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """`manage.py` with these words, on PostgreSQL directly unless an environment is given."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=REPOSITORY, env=environment or self.environment(), capture_output=True, text=True,
        )  # fmt: skip

    def start_web(self) -> None:
        """One more web process, as a deployment starts it."""
        port = free_port()
        command = [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1", "--blocking-threads", "4", "--log-level", "warning"),
            *("--workers-kill-timeout", "5", "agentmessage.wsgi:application"),
        ]
        with (self.folder / f"web-{port}.log").open("wb") as log:
            self.webs.append(
                subprocess.Popen(
                    command,
                    cwd=REPOSITORY,
                    env=self.of_a_web_process,
                    stderr=log,
                    **ending_with_us(signal.SIGTERM),
                )
            )
        self.ports.append(port)

    def wait_for_web(self) -> None:
        """Until each of them serves. Raises RuntimeError with the log of one that does not."""
        deadline = time.monotonic() + 60
        for port in self.ports:
            while True:
                try:
                    if self.call(port, "GET", "/v1/brands")[0] == 200:
                        break
                except OSError:
                    time.sleep(0.05)  # The poll, until it answers or has ended.
                if time.monotonic() > deadline:
                    raise RuntimeError((self.folder / f"web-{port}.log").read_text()[-2000:])

    def call(self, port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body of one answer, over a connection of its own."""
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            caller.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            response = caller.getresponse()
            return response.status, json.load(response)
        finally:
            caller.close()

    def stop(self) -> None:
        """All of it."""
        for web in self.webs:
            web.terminate()
        for web in self.webs:
            web.wait(20)
        self.pgbouncer.stop()
        self.postgresql.stop()


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Two web processes on the demo's data; a skip where Debian's programs are not there."""
    folder_of_programs = programs()
    if folder_of_programs is None:
        pytest.skip("needs PostgreSQL's server programs (Debian: apt-get install postgresql)")
    if pgbouncer.program() is None:
        pytest.skip("needs pgbouncer (Debian: apt-get install pgbouncer)")
    folder = Path(tempfile.mkdtemp(prefix="scale-", dir="/tmp"))
    folder.chmod(0o755)
    postgresql = Server(folder / "postgresql", folder_of_programs)
    machines = Machines(folder, postgresql, PgBouncer(postgresql, folder / "pgbouncer"))
    try:
        postgresql.create()
        postgresql.start()
        postgresql.sql("CREATE DATABASE agentmessage", database="postgres")
        for words in (["migrate", "-v0"], ["load_inventory", str(INVENTORY)]):
            done = machines.manage(*words)
            assert done.returncode == 0, done.stderr
        made = machines.manage("create_api_key", "--organization", "acme", "--name", "scale", "--scope",
                               "numbers:write", "--scope", "numbers:read", "--scope", "brands:read")  # fmt: skip
        assert made.returncode == 0, made.stderr
        machines.key = made.stdout.split()[-1]
        machines.pgbouncer.start()
        machines.start_web()
        machines.start_web()
        machines.wait_for_web()
        yield machines
    finally:
        machines.stop()
        shutil.rmtree(folder)
