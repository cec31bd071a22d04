"""`make run` as a newcomer meets it: a server of its own, a curl that works as pasted, and nothing left behind."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devserver.data_folder import owned
from devserver.demo import CAMPAIGN_ID, NUMBER_ID, OTHER_CAMPAIGN_ID
from devserver.postgresql import postgresql
from devserver.processes import free_port
from tests.support.owners import ROOT, environment, processes_of, wait_until_gone
from tests.support.waiting import DEADLINE, wait_until

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for leftover processes in /proc")
# `make run`, with the environment that runs these tests in the place of its own.
# Relative, because make takes a path with a space for two.
MAKE = ("make", "--no-print-directory", "--old-file=install", f"VENV={os.path.relpath(sys.prefix, ROOT)}", "run")
DEMO = (sys.executable, "-m", "devserver")


@dataclass
class Demo:
    """One running demo."""

    process: "subprocess.Popen[str]"
    data_dir: Path
    port: int
    output: str

    @property
    def curl(self) -> list[str]:
        """The printed command, as a shell would split it."""
        found = re.search(r"^  curl .*?'$", self.output, re.MULTILINE | re.DOTALL)
        assert found
        return shlex.split(found[0].replace("\\\n", " "))

    @property
    def key(self) -> str:
        """The key in the printed command."""
        found = re.search(r"am_live_[A-Za-z0-9]{43}", self.output)
        assert found
        return found[0]

    @property
    def carrier(self) -> str:
        """The printed address of the simulated carrier."""
        found = re.search(r"simulated, http://(\S+);", self.output)
        assert found
        return found[1]

    def end(self, number: signal.Signals) -> None:
        """Signal the one process that was started, wait for it, and see that nothing is left."""
        os.kill(self.process.pid, number)
        self.process.wait(DEADLINE)
        self.assert_all_gone()

    def assert_all_gone(self) -> None:
        """Wait until no process of the demo is left, and its port is free."""
        wait_until_gone(self.data_dir)
        wait_until(lambda: not _listens(self.port), "the port is free")

    def post(self, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
        """POST of the demo's attach."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(
            "POST",
            f"/v1/phone-numbers/{NUMBER_ID}/campaign",
            body=body,
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers},
        )
        response = connection.getresponse()
        answer = response.status, json.load(response)
        connection.close()
        return answer

    def manage(self, *words: str) -> str:
        """Return what a management command beside the demo prints. PORT is another one: it must not matter."""
        ended = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=environment(DATA_DIR=str(self.data_dir), PORT="1234", READ_ENV_FILE="off"),
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


Start = Callable[..., Demo]


def settings(data_dir: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a demo. An empty DATABASE_URL counts as unset."""
    own = {"DATA_DIR": str(data_dir), "DATABASE_DURABLE": "off", "DATABASE_URL": "", "PORT": str(free_port())}
    return environment(READ_ENV_FILE="off", **(own | changes))


@pytest.fixture
def start(open_folder: Path) -> Iterator[Start]:
    """Start a demo and wait until it is announced."""
    started: list[subprocess.Popen[str]] = []

    def start_demo(data_dir: Path, command: tuple[str, ...] = DEMO) -> Demo:
        own = settings(data_dir)
        process = subprocess.Popen(
            command, cwd=ROOT, env=own, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout
        output = ""
        for line in process.stdout:
            output += line
            if "Ctrl-C stops" in line:
                return Demo(process, data_dir, int(own["PORT"]), output)
        pytest.fail(f"the demo ended with {process.wait()}:\n{output}")

    yield start_demo
    for process in started:
        process.kill()
        process.communicate()
    wait_until_gone(open_folder)


@pytest.fixture(scope="session")
def filled() -> Iterator[Path]:
    """Make the data folder of a demo that has run and ended."""
    folder = Path(tempfile.mkdtemp(prefix="devserver-", dir="/tmp"))
    folder.chmod(0o755)  # As `open_folder`.
    with subprocess.Popen(DEMO, cwd=ROOT, env=settings(folder / "data"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any("Ctrl-C stops" in line for line in process.stdout)
        process.terminate()
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def used(filled: Path, open_folder: Path) -> Path:
    """Copy the data folder of a demo that has run and ended; the path has a space."""
    # With its owners, where root has left the server to another user.
    subprocess.run(["cp", "-a", filled, open_folder / "a demo"], check=True)
    return open_folder / "a demo"


def run(data_dir: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    """Run a demo that is expected to refuse."""
    return subprocess.run(
        DEMO, cwd=ROOT, env=settings(data_dir, **changes), capture_output=True, text=True, timeout=DEADLINE
    )


@only_linux
def test_a_newcomers_first_hour(open_folder: Path, start: Start) -> None:
    data_dir = open_folder / "a demo"
    demo = start(data_dir)
    assert "200 OK" in demo.output
    assert '"carrier_line_option_status": "pending"' in demo.output

    # As pasted, but through the standard library: a machine need not have curl.
    assert demo.curl[:3] == ["curl", "-X", "POST"]
    assert demo.curl[3] == f"http://127.0.0.1:{demo.port}/v1/phone-numbers/{NUMBER_ID}/campaign"
    body = demo.curl[-1].encode()
    status, first = demo.post(body)
    assert status == 200
    assert demo.post(body) == (200, first)

    # A body in chunks is read too, up to the limit.
    moved = json.dumps({"campaign_id": OTHER_CAMPAIGN_ID}).encode()
    status, second = demo.post(b"%x\r\n%s\r\n0\r\n\r\n" % (len(moved), moved), **{"Transfer-Encoding": "chunked"})
    assert (status, second["data"]["campaign_id"]) == (200, OTHER_CAMPAIGN_ID)
    # The same call again changes nothing, and says how far the carrier is.
    wait_until(lambda: demo.post(moved)[1]["data"]["carrier_line_option_status"] == "propagated", "the carrier knows")
    _status, second = demo.post(moved)
    assert second["data"]["carrier_line_option_propagated_at"] is not None
    large = b" " * 1_100_000
    status, refused = demo.post(b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large), **{"Transfer-Encoding": "chunked"})
    assert (status, refused["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")

    # In another terminal: the same database and the same carrier.
    assert json.loads(demo.manage("propagation_status", "--json"))["numbers"]["propagated"] >= 1
    show = "from django.conf import settings; print(settings.CARRIERS['default'])"
    assert demo.manage("shell", "-v0", "-c", show) == f"simulated://{demo.carrier}\n"
    another = run(data_dir)
    assert another.returncode == 1
    assert another.stderr == (
        f"`make run` already serves at http://127.0.0.1:{demo.port} (process {demo.process.pid}) in {data_dir}. "
        "For another one beside it: DATA_DIR=.data/second PORT=8001 make run\n"
    )

    os.killpg(demo.process.pid, signal.SIGINT)  # Ctrl-C.
    assert demo.process.wait(DEADLINE) == 128 + signal.SIGINT
    demo.assert_all_gone()

    again = start(data_dir)
    assert again.key == demo.key
    assert again.post(moved) == (200, second), "the campaign of the last run stays, and attaching it changes nothing"
    again.end(signal.SIGKILL)


@only_linux
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_kill_9_of_make(used: Path, start: Start) -> None:
    demo = start(used, MAKE)
    assert demo.post(json.dumps({"campaign_id": CAMPAIGN_ID}).encode())[0] == 200
    demo.end(signal.SIGKILL)


@only_linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_can_be_stopped_at_any_moment_of_its_start(number: signal.Signals, data_dir: Path, start: Start) -> None:
    """In each moment in turn; the next start goes on with what the one before has left."""
    for sign in ("postgresql/new", "postgresql/pgdata", "metrics", "demo_key", "devserver.json"):
        with subprocess.Popen(DEMO, cwd=ROOT, env=settings(data_dir), stdout=subprocess.DEVNULL) as process:
            wait_until((data_dir / sign).exists, f"{sign} exists")
            process.send_signal(number)
            process.wait(DEADLINE)
        wait_until_gone(data_dir)
    start(data_dir).end(number)


@only_linux
@pytest.mark.parametrize("name", ["postgresql", "server"])
def test_it_ends_with_what_it_cannot_do_without(name: str, used: Path, start: Start) -> None:
    demo = start(used)
    word = {"postgresql": "pginstall/bin/postgres", "server": r"-m\x00granian"}[name]
    (victim,) = [pid for pid, words in processes_of(used).items() if word in words and _parent(pid) == demo.process.pid]
    os.kill(victim, signal.SIGKILL)
    assert demo.process.wait(DEADLINE) == 1
    demo.assert_all_gone()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    "url",
    [
        "postgres://user:hushhush@db.example/production",
        "postgresql://user:hushhush@127.0.0.1:5432/agentmessage",
        "mysql://user:hushhush@db.example/production",
    ],
)
def test_a_database_that_is_named_is_refused_before_anything_is_made(url: str, data_dir: Path) -> None:
    ended = run(data_dir, DATABASE_URL=url)
    assert (ended.returncode, ended.stdout) == (1, "")
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("DATABASE_URL names a database, but `make run`")
    assert "hushhush" not in sentence
    assert not data_dir.exists()


def test_a_database_that_env_names_is_refused(tmp_path: Path, data_dir: Path) -> None:
    # The refusal comes before any app is needed.
    for package in ("agentmessage", "devserver"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("static", "__pycache__"))
    (tmp_path / ".env").write_text("SECRET_KEY=\nDATABASE_URL=postgres://user:hushhush@db.example/production\n")
    ended = subprocess.run(DEMO, cwd=tmp_path, env=environment(DATA_DIR=str(data_dir)), capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("DATABASE_URL names a database, but `make run`")
    assert not data_dir.exists()


def test_the_demo_is_no_management_command() -> None:
    words = [sys.executable, "manage.py", "help"]
    ended = subprocess.run(words, cwd=ROOT, env=environment(SECRET_KEY="x" * 50), capture_output=True, text=True)
    assert "load_inventory" in ended.stdout
    assert "demo" not in ended.stdout


@pytest.mark.parametrize("url", ["bandwidth://user:hushhush@/accounts/1", "telnyx://:hushhush@"])
def test_a_real_carrier_is_refused(url: str, data_dir: Path) -> None:
    ended = run(data_dir, CARRIER_URL=url)
    (sentence,) = ended.stderr.splitlines()
    assert (ended.returncode, sentence.partition(",")[0]) == (1, "CARRIER_URL names a real carrier")
    assert "hushhush" not in sentence
    assert not data_dir.exists()


def test_a_port_that_is_taken_is_refused(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(data_dir, PORT=str(port))
    assert ended.returncode == 1
    assert ended.stderr == (
        f"Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another one: PORT=8001 make run\n"
    )
    assert not (data_dir / "postgresql").exists()


def test_the_database_of_another_version_is_refused_and_kept(used: Path) -> None:
    command(used, "INSERT INTO django_migrations (app, name, applied) VALUES ('numbers', '0099_gone', now())")

    ended = run(used)
    assert ended.returncode == 1
    (message,) = ended.stderr.splitlines()
    assert "another version of the service, with migrations that this one does not have (numbers.0099_gone)" in message
    ((count,),) = command(used, "SELECT count(*) FROM numbers_phonenumber")
    assert count == 36

    remedy = message.rpartition("To start over with an empty one: ")[2]
    assert remedy == f"rm -r '{used / 'postgresql'}'"
    subprocess.run(remedy, shell=True, check=True)  # noqa: S602  (As it would be pasted.)
    assert not (used / "postgresql").exists()


def command(data_dir: Path, statement: str) -> list[Any]:
    """Run a statement on the database of a demo that does not run."""
    with owned(data_dir), postgresql(data_dir / "postgresql") as server, psycopg.connect(server.url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
