"""`make run`: serves the demo, attaches one campaign through HTTP, and says how to go on."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Operator, Organization
from accounts.scopes import Scope
from accounts.services import create_api_key, find_usable_key
from agentmessage.database.lifetime import take_children_along
from agentmessage.private_files import write_private
from phone_numbers.models import PhoneNumber

HOST = "127.0.0.1"
INVENTORY = Path(__file__).resolve().parents[2] / "demo" / "inventory.json"
SLUG = "acme"
NUMBER_ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
CAMPAIGN_ID = "b5d3c4e2-7f7e-44a1-8c12-2bcd9e3f0a01"
OTHER_CAMPAIGN_ID = "78614b6c-fe7c-41e2-8e25-c9b3a3c91904"
LOGIN = "demo"
WORKERS = 2
THREADS = 4
READY_SECONDS = 60


class Command(BaseCommand):
    """Serves until it is interrupted; the server and the embedded database go with it."""

    help = "Serves the service with demo data on 127.0.0.1:$PORT. For trying it: `make run`."

    def handle(self, *args: object, **options: object) -> None:
        """Raises CommandError if the port is taken or the server does not come up."""
        port = _port()
        _refuse_a_taken_port(port)
        take_children_along()
        # The server takes its time to start; nobody asks it anything before it is announced.
        with _serving(port) as server:
            _migrate()
            _load_inventory()
            _make_operator()
            key = _demo_key()
            _wait_until_ready(server, port)
            self._attach(port, key)
            self._explain(port, key)
            # The database stays for as long as somebody uses it: this process does, though it asks nothing more.
            connection.close()
            server.wait()

    def _attach(self, port: int, key: str) -> None:
        # A campaign that was attached since the last run stays.
        current = PhoneNumber.objects.values_list("campaign_id", flat=True).filter(id=NUMBER_ID).first()
        path = f"/v1/phone-numbers/{NUMBER_ID}/campaign"
        body = {"campaign_id": str(current or CAMPAIGN_ID)}
        caller = http.client.HTTPConnection(HOST, port, timeout=30)
        caller.request(
            "POST",
            path,
            body=json.dumps(body),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        response = caller.getresponse()
        answer = json.dumps(json.load(response), indent=2)
        self.stdout.write(f"\nPOST {path}\n{json.dumps(body)}\n\n")
        self.stdout.write(f"{response.status} {response.reason}   X-Request-Id: {response.headers['X-Request-Id']}\n")
        self.stdout.write(f"{answer}\n")
        caller.close()

    def _explain(self, port: int, key: str) -> None:
        base = f"http://{HOST}:{port}"
        ending = (
            f"Ctrl-C stops the service and its database; the data stays in {settings.DATA_DIR}."
            if settings.DATABASE_URL is None
            else "Ctrl-C stops the service; the data stays in the database that DATABASE_URL names."
        )
        self.stdout.write(
            f"""
Try it (again: nothing changes; with {OTHER_CAMPAIGN_ID}: it moves):

  curl -X POST "{base}/v1/phone-numbers/{NUMBER_ID}/campaign" \\
    -H "Authorization: Bearer {key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"campaign_id": "{CAMPAIGN_ID}"}}'

Reference  {base}/
Admin      {base}/admin/   (login {LOGIN}, password {LOGIN})

{ending}
"""
        )
        self.stdout.flush()


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise CommandError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _refuse_a_taken_port(port: int) -> None:
    with socket.socket() as probe:
        # As the server will do: a connection of the last run that is still in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {HOST}:{port}: {error.strerror}. Choose another one: PORT=8001 make run"
            ) from error


def _migrate() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0)


def _load_inventory() -> None:
    if not Organization.objects.filter(slug=SLUG).exists():
        call_command("load_inventory", str(INVENTORY))


def _make_operator() -> None:
    if not Operator.objects.filter(username=LOGIN).exists():
        # The server listens on this machine only, and the login is printed.
        Operator.objects.create_superuser(LOGIN, password=LOGIN)


def _demo_key() -> str:
    """The demo's key, kept in a private file so that yesterday's curl still works; a new one if it has been revoked."""
    kept: Path = settings.DATA_DIR / "demo_key"
    if kept.is_file():
        plain = kept.read_text(encoding="ascii")
        if find_usable_key(plain):
            return plain
    organization = Organization.objects.get(slug=SLUG)
    _key, plain = create_api_key(organization_id=organization.id, label="demo", scopes=Scope.values)
    write_private(kept, plain)
    return plain


@contextmanager
def _serving(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Granian, as a deployment runs it, until the block ends or this process is told to stop."""
    command = [
        *(sys.executable, "-m", "agentmessage.database.lifetime"),
        *("granian", "--interface", "wsgi", "--http", "1", "--host", HOST, "--port", str(port)),
        *("--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--respawn-failed-workers"),
        # A worker that is told twice to stop may wait for ever.
        *("--workers-kill-timeout", "5", "--log-level", "warning", "agentmessage.wsgi:application"),
    ]
    environment = os.environ | {"DATABASE_POOL": str(THREADS)}
    # In a session of its own, so that Ctrl-C reaches this process alone, which then stops the server once.
    server = subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR, start_new_session=True)  # noqa: S603  (The words above.)

    def stop(signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


def _wait_until_ready(server: subprocess.Popen[Any], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CommandError(f"The server ended with exit code {server.returncode}; its words are above.")
        probe = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            probe.request("GET", "/healthz")
            if probe.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            probe.close()
    raise CommandError(f"The server was not ready after {READY_SECONDS} seconds.")
