"""What cannot work says what to do instead."""

import importlib.util
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from devserver.cluster import Account, find_programs
from devserver.data_folder import DevServerError
from devserver.postgresql import postgresql


@pytest.fixture
def folder(open_folder: Path) -> Path:
    """Make the folder of a cluster that has been used, with a space in its path."""
    folder = open_folder / "a folder"
    with postgresql(folder, durable=False):
        pass
    return folder


def _older_major_version(folder: Path) -> None:
    (folder / "pgdata" / "PG_VERSION").write_text("17\n")


def _no_password(folder: Path) -> None:
    (folder / "password").unlink()


def _no_files(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.move(folder / "pgdata", elsewhere / "moved")
    (folder / "pgdata").symlink_to(elsewhere / "pgdata")


def _files_elsewhere_as_older_versions_had_them(folder: Path) -> None:
    shutil.move(folder / "pgdata", folder / "moved")
    (folder / "cluster.json").write_text("{}")


def _damaged(folder: Path) -> None:
    (folder / "pgdata" / "global" / "pg_control").unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_older_major_version, "was made by PostgreSQL 17, but 18 is installed"),
        (_no_password, "password is missing"),
        (_no_files, "PG_VERSION is missing"),
        (_files_elsewhere_as_older_versions_had_them, "PG_VERSION is missing"),
        (_damaged, "pg_control"),
    ],
)
def test_a_database_that_cannot_be_used_names_the_command_that_makes_a_new_one(
    change: Callable[[Path], None], reason: str, folder: Path
) -> None:
    change(folder)
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    with pytest.raises(DevServerError, match=reason) as refusal, postgresql(folder, durable=False):
        pass
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before

    command = str(refusal.value).rpartition("To start over with an empty one: ")[2]
    assert shlex.split(command)[:3] == ["rm", "-r", str(folder)]
    subprocess.run(command, shell=True, check=True)  # noqa: S602  (As it would be pasted.)
    with postgresql(folder, durable=False) as server:
        assert server.process.poll() is None


def test_a_missing_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DevServerError, match=r"\[embedded\].*DATABASE_URL"):
        find_programs(Account())


def test_a_path_beyond_the_limit_of_postgresql(tmp_path: Path) -> None:
    long = tmp_path.joinpath(*["x" * 100] * 9)
    long.mkdir(parents=True)
    with pytest.raises(DevServerError, match="too long"), postgresql(long / "postgresql"):
        pass
