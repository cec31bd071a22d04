"""Which database `manage.py` works on, and what it says where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentmessage.make_run import NOTHING_RUNS, Running, find_running
from devserver.data_folder import owned, publish

ROOT = Path(__file__).resolve().parents[2]
SHOW = "from django.conf import settings; print(settings.DATABASE_URL, settings.CARRIERS['default'])"
SHOWN = {
    "DATABASE_URL": "postgres://user:password@127.0.0.1:1/published",
    "SECRET_KEY": "p" * 50,
    "CARRIER_URL": "simulated://127.0.0.1:2",
}


def run(data_dir: Path, *command: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    ours = ("DATABASE", "SECRET_KEY", "CARRIER", "LOG_LEVEL", "DJANGO")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment | {"DATA_DIR": str(data_dir), "READ_ENV_FILE": "off"} | changes,
        capture_output=True,
        text=True,
    )


def test_it_takes_what_a_running_make_run_has_published(tmp_path: Path) -> None:
    with owned(tmp_path):
        publish(tmp_path, Running("make run serves", SHOWN))
        shown = run(tmp_path, "manage.py", "shell", "-v0", "-c", SHOW, DATABASE_URL=" ", PORT="1234")
        assert shown.stdout.split() == [SHOWN["DATABASE_URL"], SHOWN["CARRIER_URL"]], shown.stderr


def test_what_is_set_wins(tmp_path: Path) -> None:
    with owned(tmp_path):
        publish(tmp_path, Running("make run serves", SHOWN))
        own_carrier = run(tmp_path, "manage.py", "shell", "-v0", "-c", SHOW, CARRIER_URL="simulated://127.0.0.1:3")
        assert own_carrier.stdout.split() == [SHOWN["DATABASE_URL"], "simulated://127.0.0.1:3"]
        # A named database is another world: nothing of `make run` leads there.
        own_database = run(
            tmp_path, "manage.py", "shell", "-v0", "-c", SHOW, DATABASE_URL="postgres://db/x", SECRET_KEY="x" * 50
        )
        assert own_database.stdout.split() == ["postgres://db/x", "simulated://"]


@pytest.mark.parametrize("key", ["", "x" * 50], ids=["without a key", "with a key"])
def test_it_says_that_nothing_is_running(key: str, tmp_path: Path) -> None:
    # A file that outlived its owner, as after kill -9.
    with owned(tmp_path):
        publish(tmp_path, Running("make run serves", SHOWN))
        left = (tmp_path / "devserver.json").read_bytes()
    (tmp_path / "devserver.json").write_bytes(left)

    ended = run(tmp_path, "manage.py", "propagation_status", SECRET_KEY=key)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == NOTHING_RUNS
    assert len(ended.stderr.splitlines()) == 2
    assert find_running(tmp_path) is None


def test_commands_that_need_no_database_run_without_one(tmp_path: Path) -> None:
    for words in (["check"], ["makemigrations", "--check", "--dry-run"], ["spectacular", "--file", "/dev/null"]):
        ended = run(tmp_path, "manage.py", *words, SECRET_KEY="x" * 50)
        assert ended.returncode == 0, ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("settings", ["agentmessage.settings", "tests.settings"])
def test_a_process_that_is_not_manage_py_never_takes_it(settings: str, tmp_path: Path) -> None:
    script = (
        "import agentmessage.wsgi; from django.conf import settings; from django.db import connection\n"
        "print(settings.DATABASE_URL)\n"
        "connection.ensure_connection()"
    )
    with owned(tmp_path):
        publish(tmp_path, Running("make run serves", SHOWN))
        ended = run(tmp_path, "-c", script, SECRET_KEY="x" * 50, DJANGO_SETTINGS_MODULE=settings)
    assert ended.stdout == "None\n"
    assert ended.stderr.splitlines()[-1].startswith("agentmessage.db.postgresql.base.NoDatabase: DATABASE_URL names no")
