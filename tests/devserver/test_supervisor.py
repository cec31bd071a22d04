"""One server for all users, and none without users."""

import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from tests.database.support import StartUser, is_running, seconds_until


def test_users_who_come_at_once_share_one_server(data_dir: Path, start_user: StartUser) -> None:
    users = [start_user(data_dir) for _ in range(6)]
    for user in users:
        user.send("server")
    servers = [user.receive()["result"] for user in users]

    assert len({(server["pid"], server["port"]) for server in servers}) == 1
    assert (data_dir / "postgres.log").read_text().count("starting PostgreSQL") == 1


def test_server_ends_after_its_last_user_was_killed_and_keeps_the_data(data_dir: Path, start_user: StartUser) -> None:
    first, second = start_user(data_dir), start_user(data_dir)
    first.ask("sql", "CREATE TABLE kept (value int)")
    first.ask("sql", "INSERT INTO kept VALUES (42)")
    server = second.ask("server")

    first.kill()
    time.sleep(1.2)
    assert is_running(server["pid"])  # The second user is still there.

    second.kill()
    seconds_until(lambda: not is_running(server["pid"]), limit=5)
    seconds_until(lambda: not is_running(server["watchdog"]), limit=5)

    assert start_user(data_dir).ask("sql", "SELECT value FROM kept") == [[42]]


def test_users_who_come_while_the_server_stops_get_a_new_one(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    pids = {user.ask("server")["pid"]}
    for tenths in range(6):
        # The next one has loaded everything and has only to connect: around the moment the watchdog looks.
        following = start_user(data_dir)
        following.send("unknown")
        following.receive()
        user.kill()
        time.sleep(tenths / 10)
        pids.add(following.ask("server")["pid"])
        user = following
    assert len(pids) > 1  # Otherwise no server stopped, and this shows nothing.


def test_server_dies_with_its_watchdog_and_the_next_connection_starts_another(
    data_dir: Path, start_user: StartUser
) -> None:
    user = start_user(data_dir)
    server = user.ask("server")

    os.kill(server["watchdog"], signal.SIGKILL)
    if sys.platform == "linux":
        seconds_until(lambda: not is_running(server["pid"]), limit=5)
    successor = user.ask("server")

    assert successor["pid"] != server["pid"]
    assert not is_running(server["pid"])
    assert successor["port"] == server["port"]


def test_killed_server_is_replaced(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    server = user.ask("server")
    os.kill(server["pid"], signal.SIGKILL)
    seconds_until(lambda: not is_running(server["watchdog"]), limit=5)

    assert user.ask("server")["pid"] != server["pid"]


def test_kept_connection_finds_the_server_that_replaced_its_own(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir, "--keep")
    server = user.ask("server")
    backend = user.ask("sql", "SELECT pg_backend_pid()")
    assert user.ask("sql", "SELECT pg_backend_pid()") == backend
    os.kill(server["watchdog"], signal.SIGTERM)
    seconds_until(lambda: not is_running(server["watchdog"]), limit=5)
    with socket.socket() as stranger:  # The old port is taken, so the new server listens elsewhere.
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", server["port"]))
        stranger.listen()

        assert user.ask("sql", "SELECT 1") == [[1]]
        assert user.ask("server")["port"] != server["port"]


def test_terminal_signals_do_not_reach_the_server(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    server = user.ask("server")
    user.ask("ignore_interrupt")
    os.killpg(user.process.pid, signal.SIGINT)

    assert user.ask("server")["pid"] == server["pid"]
    sessions = {os.getsid(server["pid"]), os.getsid(server["watchdog"])}
    assert user.process.pid not in sessions


def test_forked_child_does_not_keep_the_server_alive(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    server = user.ask("server")
    child = user.ask("fork")
    try:
        user.process.kill()
        seconds_until(lambda: not is_running(server["pid"]), limit=5)
        assert is_running(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_deleted_folder_ends_the_server_and_makes_room_for_an_empty_one(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    user.ask("sql", "CREATE TABLE old ()")
    server = user.ask("server")
    shutil.rmtree(data_dir)
    seconds_until(lambda: not is_running(server["pid"]), limit=5)

    assert user.ask("sql", "SELECT to_regclass('old')") == [[None]]


def test_stale_pid_file_of_a_living_stranger_does_not_matter(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    server = user.ask("server")
    pid_file = data_dir / "pgdata" / "postmaster.pid"
    content = pid_file.read_text()
    user.kill()
    seconds_until(lambda: not is_running(server["watchdog"]), limit=5)
    pid_file.write_text(content.replace(str(server["pid"]), str(os.getpid()), 1))

    assert start_user(data_dir).ask("sql", "SELECT 1") == [[1]]


def test_server_that_cannot_start_says_why(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    server = user.ask("server")
    user.kill()
    seconds_until(lambda: not is_running(server["watchdog"]), limit=5)
    (data_dir / "pgdata" / "global" / "pg_control").unlink()

    user = start_user(data_dir)
    user.send("server")
    answer = user.receive()
    assert answer["error"] == "EmbeddedServerError"
    assert "pg_control" in answer["message"]


@pytest.mark.parametrize("name", ['Büro Straße/it\'s "data" $HOME', "/".join(["x" * 100] * 6)], ids=["odd", "long"])
def test_odd_paths(name: str, open_folder: Path, start_user: StartUser) -> None:
    assert start_user(open_folder / name).ask("sql", "SELECT 1") == [[1]]


def test_django_works_as_with_the_stock_backend(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    assert user.ask("test_database") == "test_agentmessage"
    assert user.ask("shell", "SELECT current_database()") == "agentmessage"
    assert user.ask("sql", "SHOW lock_timeout") == [["10s"]]
    assert user.ask("sql", "SELECT upper('straßé'), current_setting('server_encoding')") == [["STRAßÉ", "UTF8"]]
