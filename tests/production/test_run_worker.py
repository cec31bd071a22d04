"""`manage.py run_worker` as a process of its own, on a PostgreSQL of its own that goes away and comes back."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.installation import Installation, installed
from tests.support.owners import ROOT, environment
from tests.support.waiting import DEADLINE, wait_until


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """One in which nothing else has left work for a worker."""
    with installed() as installation:
        yield installation


def test_a_worker_outlives_its_database(installation: Installation) -> None:
    """Absent at the start, stopped in order, crashed: the same process works again each time."""
    installation.server.stop()
    with installation.worker() as worker:
        wait_until(lambda: "error connecting" in worker.log.read_text(), "it has tried to connect")
        for how in (signal.SIGINT, signal.SIGQUIT, None):
            installation.server.start()
            job = installation.defer("tidy_up")
            installation.wait_until_done(job)
            assert worker.process.poll() is None
            if how is not None:
                before = worker.count("worker.reconnecting")
                installation.server.stop(how)
                worker.wait_for("worker.reconnecting", more_than=before)
        newest = max(installation.workers())
        assert worker.stop() == 0
        assert newest not in installation.workers()
        assert "worker.stopped" in [event["event"] for event in worker.events()]


def test_a_worker_stops_while_its_database_is_away(installation: Installation) -> None:
    installation.server.stop()
    try:
        with installation.worker() as worker:
            wait_until(lambda: "error connecting" in worker.log.read_text(), "it has tried to connect")
            assert worker.stop(signal.SIGINT) == 0
            assert worker.count("worker.stopped") == 1
    finally:
        installation.server.start()


@pytest.mark.parametrize("again", [False, True], ids=["after its grace", "when asked twice"])
def test_a_worker_stops_in_spite_of_a_job_that_does_not_end(again: bool, installation: Installation) -> None:
    """The carrier accepts connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE)
        carrier = f"simulated://127.0.0.1:{silent.getsockname()[1]}"
        with installation.worker("--grace", "55" if again else "0.5", CARRIER_URL=carrier) as worker:
            job = installation.defer("sync_campaigns")
            call, _address = silent.accept()
            assert installation.status(job) == "doing"
            if again:
                worker.process.terminate()
                worker.wait_for("worker.stopping")
            assert worker.stop() == 0
            call.close()
            assert worker.events()[-1]["event"] == "worker.jobs_cut_off"
            assert worker.count("worker.stopped") == 0
    # As housekeeping does once its worker has been silent for long.
    with installation.server.connect() as connection:
        connection.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job])
        connection.execute("DELETE FROM procrastinate_workers")


def test_a_worker_waits_for_the_migrations(installation: Installation) -> None:
    installation.server.sql("CREATE DATABASE empty", database="postgres")
    with installation.worker(DATABASE_URL=installation.server.url("empty")) as worker:
        worker.wait_for("worker.reconnecting", more_than=1)
        assert "procrastinate" in worker.events()[-1].get("reason", "procrastinate")
        assert worker.process.poll() is None
        assert worker.stop() == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "DATABASE_URL names no database"), (("--grace", "60"), "must be above 0 and at most 55")],
)
def test_what_cannot_be_put_right_by_waiting_ends_it_at_once(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", "run_worker", *words],
        cwd=ROOT,
        env=environment(SECRET_KEY="x" * 50, READ_ENV_FILE="off", DATA_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert ended.returncode != 0
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_server_of_these_tests_is_really_away(installation: Installation) -> None:
    """The negative control."""
    installation.server.stop()
    with pytest.raises(psycopg.OperationalError):
        installation.workers()
    installation.server.start()
