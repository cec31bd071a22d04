"""Runs of the tests do not meet, wherever they come from."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.owners import ROOT, environment, wait_until_gone
from tests.support.waiting import DEADLINE

# Two tests on two workers, which end when the other run of pytest has got as far.
TESTS = """
import os, pathlib, time, psycopg, pytest

@pytest.mark.parametrize("number", [1, 2])
def test_database(number):
    here = pathlib.Path(os.environ["MEETING_POINT"])
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        ((pid,),) = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchall()
    (here / f"{os.environ['RUN']}-{number}-{pid}").touch()
    deadline = time.monotonic() + 60
    while len(list(here.iterdir())) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.02)  # The poll; this file runs outside the project.
"""


# Without the plugins of these tests, which are slow to load.
PLAIN = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def start(folder: Path, data_dir: Path, run: str) -> "subprocess.Popen[Any]":
    options = ("-p", "devserver.pytest_plugin", "-p", "xdist", "-n", "2", "-q")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, "test_database.py"],
        cwd=folder,
        env=environment(DATA_DIR=str(data_dir), MEETING_POINT=str(folder / "met"), RUN=run, **PLAIN),
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_runs_at_once_have_a_server_each_for_all_their_workers(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "test_database.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "met").mkdir()
    for run in [start(tmp_path, data_dir, name) for name in ("first", "second")]:
        said, _ = run.communicate(timeout=DEADLINE * 2)
        assert run.returncode == 0, said
    met = [path.name.split("-") for path in (tmp_path / "met").iterdir()]
    servers = {(run, server) for run, _number, server in met}
    assert len(servers) == 2
    assert len({server for _run, server in servers}) == 2
    wait_until_gone(data_dir)


def test_a_database_that_is_named_is_used(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "test_url.py").write_text(
        "def test_url():\n    import os\n    assert os.environ['DATABASE_URL'] == 'postgres://given/x'"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "devserver.pytest_plugin", "-q", "test_url.py"],
        cwd=tmp_path,
        env=environment(DATA_DIR=str(data_dir), DATABASE_URL="postgres://given/x", **PLAIN),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    assert not data_dir.exists()
