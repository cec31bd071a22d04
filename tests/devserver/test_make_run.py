"""`make run` as a newcomer meets it: a server of its own, a curl that works as pasted, and nothing left behind."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from phone_numbers.management.commands.run_demo import NUMBER_ID, OTHER_CAMPAIGN_ID

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90
GONE_SECONDS = 15


@dataclass
class Demo:
    """One running demo."""

    process: subprocess.Popen[str]
    port: int
    output: str
    seconds: float

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

    def end(self, signum: signal.Signals) -> None:
        """Signals the one process that was started, and waits for it."""
        os.kill(self.process.pid, signum)
        self.process.communicate(timeout=GONE_SECONDS)

    def post(self, body: bytes, **headers: str) -> tuple[int, dict[str, object]]:
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(data_dir: Path) -> Demo:
    port = _free_port()
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("SECRET_KEY", "DATABASE_URL", "DATABASE_POOL", "DJANGO_SETTINGS_MODULE", "LOG_LEVEL")
    }
    environment |= {"DATA_DIR": str(data_dir), "DATABASE_DURABLE": "off", "PORT": str(port)}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "agentmessage.demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    output = ""
    for line in process.stdout:
        output += line
        if "Ctrl-C stops" in line:
            return Demo(process, port, output, time.monotonic() - started)
    pytest.fail(f"the demo ended with {process.wait()}:\n{output}")


def _processes_of(data_dir: Path) -> list[str]:
    """Every process that names the demo's folder in its environment or command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            continue
        if alive and os.fsencode(data_dir) in words and int(folder.name) != os.getpid():
            found.append(f"{folder.name} {words[:200]!r}")
    return found


def _assert_all_gone(data_dir: Path, port: int) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while left := _processes_of(data_dir):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a space in its name."""
    folder = tmp_path_factory.mktemp("a demo")
    yield folder
    for process in _processes_of(folder):
        os.kill(int(process.split()[0]), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for leftover processes in /proc")
def test_a_newcomers_first_hour(data_dir: Path) -> None:
    demo = _start(data_dir)
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
    assert (status, second["data"]["campaign_id"]) == (200, OTHER_CAMPAIGN_ID)  # type: ignore[index]  # JSON.
    # The same call again changes nothing, and says how far the carrier is.
    for _ in range(300):
        status, second = demo.post(moved)
        if second["data"]["carrier_line_option_status"] == "propagated":  # type: ignore[index]  # JSON.
            break
        time.sleep(0.1)
    assert second["data"]["carrier_line_option_propagated_at"] is not None  # type: ignore[index]  # JSON.
    large = b" " * 1_100_000
    status, refused = demo.post(b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large), **{"Transfer-Encoding": "chunked"})
    assert (status, refused["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")  # type: ignore[index]  # JSON.

    demo.end(signal.SIGINT)
    _assert_all_gone(data_dir, demo.port)

    again = _start(data_dir)
    assert again.key == demo.key
    assert again.post(moved) == (200, second), (
        "the campaign of the last run has stayed, and attaching it changes nothing"
    )

    again.end(signal.SIGKILL)
    _assert_all_gone(data_dir, again.port)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "agentmessage.demo"],
            cwd=ROOT,
            env=os.environ | {"DATA_DIR": str(tmp_path), "PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"CommandError: Cannot listen on 127.0.0.1:{port}: Address already in use."
        " Choose another one: PORT=8001 make run"
    )
