"""`python -m devserver COMMAND …`: any command with a database."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.devserver.conftest import StartOwner
from tests.support.owners import ROOT, environment, processes_of, wait_until_gone
from tests.support.waiting import DEADLINE, wait_until

# Leaves a sign that it runs, and cleans up when a signal stops it.
LASTING = """
import os, pathlib, psycopg, sys, time
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
    try:
        time.sleep(600)  # Until a signal stops it.
    finally:
        connection.execute("CREATE TABLE cleaned_up ()")
        pathlib.Path(sys.argv[1]).write_text("cleaned up")
"""


def devserver(data_dir: Path, *command: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "devserver", *command],
        cwd=ROOT,
        env=environment(DATA_DIR=str(data_dir), DATABASE_DURABLE="off", **changes),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


def start(data_dir: Path, *command: str) -> "subprocess.Popen[Any]":
    return subprocess.Popen(
        [sys.executable, "-m", "devserver", *command],
        cwd=ROOT,
        env=environment(DATA_DIR=str(data_dir), DATABASE_DURABLE="off"),
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )


def test_the_command_has_a_database_and_its_status_counts(data_dir: Path) -> None:
    script = (
        "import os, psycopg, sys\n"
        "with psycopg.connect(os.environ['DATABASE_URL']) as connection:\n"
        "    print(*connection.execute('SELECT current_database()').fetchone(), len(os.environ['SECRET_KEY']))\n"
        "sys.exit(7)"
    )
    ended = devserver(data_dir, sys.executable, "-c", script, DATABASE_URL="")
    assert (ended.returncode, ended.stdout) == (7, "agentmessage 67\n"), ended.stderr


def test_a_command_that_a_signal_ends_has_the_status_of_a_shell(data_dir: Path) -> None:
    assert devserver(data_dir, "sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist(data_dir: Path) -> None:
    ended = devserver(data_dir, "./no-such-command")
    assert (ended.returncode, ended.stderr) == (1, "./no-such-command: No such file or directory.\n")


def test_a_database_that_is_named_already_is_refused(data_dir: Path) -> None:
    ended = devserver(data_dir, "true", DATABASE_URL="postgres://user:secret@db.example/production")
    assert ended.returncode == 1
    assert ended.stderr.startswith("DATABASE_URL names a database")
    assert "secret" not in ended.stderr
    assert not data_dir.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_cleans_up_before_its_database_goes(number: signal.Signals, data_dir: Path, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    # By default Python does not clean up on SIGTERM.
    script = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n{LASTING}"
    process = start(data_dir, sys.executable, "-c", script, str(sign))
    wait_until(sign.exists, "the command runs")
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # As a terminal does.
    else:
        process.send_signal(number)
    assert process.wait(DEADLINE) != 0
    assert sign.read_text() == "cleaned up"
    assert not processes_of(data_dir)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the child of a killed process")
def test_kill_9_ends_the_command_and_the_database(data_dir: Path, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    process = start(data_dir, sys.executable, "-c", LASTING, str(sign))
    wait_until(sign.exists, "the command runs")
    process.kill()
    process.wait()
    wait_until_gone(data_dir)


def test_a_folder_that_is_in_use_is_refused(data_dir: Path, start_owner: StartOwner) -> None:
    owner = start_owner(data_dir)
    assert "url" in owner.answer()
    ended = devserver(data_dir, "true")
    assert ended.returncode == 1
    assert ended.stderr == (
        f"process {owner.process.pid} serves in {data_dir}. "
        "For another one beside it: DATA_DIR=.data/second PORT=8001 make run\n"
    )


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = devserver(tmp_path / "file" / "data", "true")
    assert (ended.returncode, ended.stderr) == (
        1,
        f"The data folder {tmp_path / 'file' / 'data'} cannot be used: Not a directory.\n",
    )
