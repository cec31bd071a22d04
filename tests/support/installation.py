"""A PostgreSQL with the demo's data, in a folder that goes with it, and processes of the service on it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from devserver.cluster import find_programs, new_account
from devserver.demo import INVENTORY
from devserver.processes import ending_with_us
from tests.support.owners import ROOT, environment
from tests.support.postgresql import Server, programs
from tests.support.waiting import DEADLINE, wait_until


@dataclass
class WorkerProcess:
    """A worker, and what it has logged."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.events())

    def wait_for(self, event: str, *, more_than: int = 0) -> None:
        wait_until(lambda: self.count(event) > more_than, f"it logs {event}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status."""
        self.process.send_signal(how)
        return self.process.wait(DEADLINE)


class Installation:
    """A PostgreSQL with the demo's data, Debian's where it is installed, and workers on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Server(folder / "postgresql", programs() or find_programs(new_account()))
        self.server.create()
        self.server.start()
        self.server.sql("CREATE DATABASE agentmessage", database="postgres")
        self.manage("migrate", "-v0")
        self.manage("load_inventory", str(INVENTORY))

    def run(self, *words: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        """Run `manage.py` with these words. `changes` are settings."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=self.environment(**changes), capture_output=True, text=True,
        )  # fmt: skip

    def manage(self, *words: str, **changes: str) -> str:
        """What a command that succeeds writes to standard output."""
        ended = self.run(*words, **changes)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def new_key(self, *scopes: str) -> str:
        """An API key of the demo's organization."""
        return self.manage("create_api_key", "--organization", "acme", "--name", "test", *scopes).split()[-1]

    def environment(self, **changes: str) -> dict[str, str]:
        ours = {"DATABASE_URL": self.server.url(), "SECRET_KEY": "x" * 50, "READ_ENV_FILE": "off", "LOG_LEVEL": "INFO"}
        return environment(**ours | changes)

    @contextmanager
    def worker(self, *words: str, **changes: str) -> Iterator[WorkerProcess]:
        log = self.folder / f"worker-{os.urandom(4).hex()}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run_worker", *words],
                cwd=ROOT,
                env=self.environment(**changes),
                stdout=output,
                stderr=output,
                **ending_with_us(signal.SIGKILL),
            )
        try:
            yield WorkerProcess(process, log)
        finally:
            process.kill()
            process.wait()

    def defer(self, task: str) -> int:
        """The ID of a new job."""
        ((job,),) = self.server.sql(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
            " VALUES ('propagation', %s, '{\"timestamp\": 0}') RETURNING id",
            [task],
        )
        return int(job)

    def status(self, job: int) -> str | None:
        """The job's status; None once it has succeeded, for then it is deleted."""
        rows = self.server.sql("SELECT status::text FROM procrastinate_jobs WHERE id = %s", [job])
        return rows[0][0] if rows else None

    def wait_until_done(self, job: int) -> None:
        wait_until(lambda: self.status(job) is None, "the job is done")

    def workers(self) -> set[int]:
        return {row[0] for row in self.server.sql("SELECT id FROM procrastinate_workers")}


@contextmanager
def installed() -> Iterator[Installation]:
    """An installation, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="production-", dir="/tmp"))
    folder.chmod(0o755)
    installation = Installation(folder)
    try:
        yield installation
    finally:
        installation.server.stop()
        shutil.rmtree(folder)
