"""The production section of README.md, with the files of deploy/: units, proxy, upgrade, backup."""

import http.client
import json
import os
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from devserver.demo import CAMPAIGN_ID, NUMBER_ID, OTHER_CAMPAIGN_ID
from devserver.processes import ending_with_us, free_port
from tests.support.granian import serves
from tests.support.installation import Installation
from tests.support.owners import ROOT
from tests.support.waiting import DEADLINE, wait_until

DEPLOY = ROOT / "deploy"
HOST = "numbers.example.com"
SCOPES = ("--scope", "numbers:write", "--scope", "numbers:read")


class Web:
    """A web server, started as its unit says."""

    def __init__(self, installation: Installation) -> None:
        self.port = free_port()
        self.log = installation.folder / f"web-{self.port}.log"
        unit = (DEPLOY / "agentmessage-web@.service").read_text()
        [line] = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart=")]
        program, *arguments = shlex.split(line.replace("%i", str(self.port)))
        assert program.endswith("/.venv/bin/granian")
        environment = installation.environment(ALLOWED_HOSTS=HOST, TRUST_PROXY="on")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "granian", *arguments],
                cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
                **ending_with_us(signal.SIGTERM),
            )  # fmt: skip

    def is_ready(self) -> bool:
        return serves(self.process, self.port, self.log, "/readyz")  # Whatever the Host.

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self) -> int:
        """Its exit status."""
        self.process.terminate()
        return self.process.wait(DEADLINE)


class Nginx:
    """deploy/nginx.conf, on ports and with a certificate of its own."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.http, self.https = free_port(), free_port()
        folder.mkdir()
        certificate = ["-keyout", "privkey.pem", "-out", "fullchain.pem", "-subj", f"/CN={HOST}"]
        new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *certificate]
        subprocess.run(new, cwd=folder, check=True, capture_output=True)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "main.conf").write_text(
            f"{user} daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary} include {folder}/site.conf; }}\n"
        )
        self.command = [program, "-e", str(folder / "error.log"), "-c", str(folder / "main.conf")]
        self.process: subprocess.Popen[bytes] | None = None

    def switch_to(self, port: int) -> None:
        """Serve from this port, and wait until nothing is served from the one before."""
        site = (DEPLOY / "nginx.conf").read_text()
        for old, new in (
            ("127.0.0.1:8000", f"127.0.0.1:{port}"),
            ("listen 80;", f"listen 127.0.0.1:{self.http};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.https} ssl;"),
            (f"/etc/letsencrypt/live/{HOST}", str(self.folder)),
        ):
            assert old in site
            site = site.replace(old, new)
        (self.folder / "site.conf").write_text(site)
        if self.process is None:
            self.process = subprocess.Popen(self.command, **ending_with_us(signal.SIGTERM))
            wait_until(lambda: len(self._workers()) == 2, "nginx serves")
            return
        before = self._workers()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self._workers() - before) == 2 and not self._workers() & before, "nginx has switched")

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, str | None]:
        """Status, body and Location of one answer over TLS, from 127.0.0.2."""
        context = ssl._create_unverified_context()  # noqa: S323  (Made for this test.)
        caller = http.client.HTTPSConnection(
            "127.0.0.1", self.https, timeout=DEADLINE, context=context, source_address=("127.0.0.2", 0)
        )
        try:
            caller.request(method, path, body=body and json.dumps(body), headers={"Host": HOST, **headers})
            response = caller.getresponse()
            return response.status, response.read(), response.headers["Location"]
        finally:
            caller.close()

    def _workers(self) -> set[str]:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "error.log").read_text()
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return set(found.stdout.split())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(DEADLINE)


@contextmanager
def proxied(installation: Installation) -> Iterator[tuple[Nginx, Web]]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("needs nginx and openssl (Debian: apt-get install nginx-light openssl)")
    with ExitStack() as stack:
        web = Web(installation)
        stack.callback(web.stop)
        nginx = Nginx(installation.folder / f"nginx-{web.port}", program)
        stack.callback(nginx.stop)
        wait_until(web.is_ready, "granian serves")
        nginx.switch_to(web.port)
        yield nginx, web


def test_behind_the_proxy(installation: Installation) -> None:
    with proxied(installation) as (nginx, web):
        status, page, _ = nginx.request("GET", "/admin/login/")
        assert (status, b"csrfmiddlewaretoken" in page) == (200, True)
        assert nginx.request("GET", "/admin/")[::2] == (302, "/admin/login/?next=/admin/")
        plain = http.client.HTTPConnection("127.0.0.1", nginx.http, timeout=DEADLINE)
        plain.request("GET", "/admin/", headers={"Host": HOST})
        assert plain.getresponse().headers["Location"] == f"https://{HOST}/admin/"
        plain.close()
        # The examples of the reference page have the address that the reader has used.
        assert f"https://{HOST}".encode() in nginx.request("GET", "/docs")[1]
        path = f"/v1/phone-numbers/{NUMBER_ID}"
        authorization = f"Bearer {installation.new_key(*SCOPES)}"
        forged = {"Authorization": authorization, "X-Forwarded-For": "203.0.113.9"}
        assert nginx.request("GET", path, **forged)[0] == 200
        status, body, _ = nginx.request("POST", f"{path}/campaign", "x" * 2_000_000, Authorization=authorization)
        assert (status, json.loads(body)["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert [line["network"] for line in web.lines() if line.get("path") == path] == ["127.0.0.2"]


def test_an_upgrade_under_load_loses_no_request(installation: Installation) -> None:
    answers: Counter[str] = Counter()
    stopping = threading.Event()
    headers = {"Authorization": f"Bearer {installation.new_key(*SCOPES)}", "Content-Type": "application/json"}

    def attach(campaigns: list[str]) -> None:
        while not stopping.is_set():
            campaigns.reverse()
            try:
                path = f"/v1/phone-numbers/{NUMBER_ID}/campaign"
                answers[str(nginx.request("POST", path, {"campaign_id": campaigns[0]}, **headers)[0])] += 1
            except (OSError, http.client.HTTPException) as error:
                answers[repr(error)] += 1

    def wait_for_more() -> None:
        so_far = answers["200"]
        wait_until(lambda: answers["200"] > so_far + 200, "200 more are served")

    with proxied(installation) as (nginx, old):
        callers = [threading.Thread(target=attach, args=([CAMPAIGN_ID, OTHER_CAMPAIGN_ID],)) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            wait_for_more()
            new = Web(installation)
            wait_until(new.is_ready, "the new one serves")
            nginx.switch_to(new.port)
            assert old.stop() == 0
            wait_for_more()
        finally:
            stopping.set()
            for caller in callers:
                caller.join()
            served = [sum(line.get("status") == 200 for line in web.lines()) for web in (old, new)]
            new.stop()
    assert set(answers) == {"200"}, answers
    assert min(served) > 200
    assert sum(served) >= answers["200"]


@pytest.mark.parametrize("name", ["agentmessage-web", "agentmessage-worker"])
def test_the_units_are_what_systemd_takes(name: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze: the units are not verified here")
    programs = tmp_path / "8000" / ".venv" / "bin"
    programs.mkdir(parents=True)
    for program in ("granian", "python"):
        (programs / program).symlink_to(sys.executable)
    unit = tmp_path / f"{name}@8000.service"
    unit.write_text((DEPLOY / f"{name}@.service").read_text().replace("/srv/agentmessage", str(tmp_path)))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMode=gently"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert "gently" in verified.stderr


def test_a_backup_can_be_restored(installation: Installation) -> None:
    """By the commands of README.md, as a role that owns nothing but its database."""
    server, dump = installation.server, installation.folder / "agentmessage.dump"
    server.sql(f"CREATE ROLE restored LOGIN PASSWORD '{server.password}'")
    server.sql("CREATE DATABASE restored OWNER restored")
    url = urlsplit(server.url("restored"))
    restored = url._replace(netloc=url.netloc.replace("agentmessage:", "restored:", 1)).geturl()
    commands = [
        line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(("pg_dump", "pg_rest"))
    ]
    assert [command.split()[0] for command in commands] == ["pg_dump", "pg_restore"]
    for command, address in zip(commands, (server.url(), restored), strict=True):
        subprocess.run(
            ["bash", "-ec", command.replace("agentmessage.dump", str(dump))],
            env={**os.environ, "PATH": f"{server.bin}:{os.environ['PATH']}", "DATABASE_URL": address},
            check=True,
        )
    installation.manage("migrate", "--check", DATABASE_URL=restored)
    count = "SELECT (SELECT count(*) FROM numbers_phonenumber), (SELECT count(*) FROM numbers_campaignattachment)"
    assert server.sql(count, database="restored") == server.sql(count)
