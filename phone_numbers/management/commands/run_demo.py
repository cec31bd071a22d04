"""`make run`: serves the demo, attaches one campaign through HTTP, and says how to go on."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Operator, Organization
from accounts.scopes import Scope
from accounts.services import create_api_key, find_usable_key
from agentmessage.database.lifetime import take_children_along
from agentmessage.environment import env
from agentmessage.private_files import write_private
from phone_numbers.management.children import Children
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
WATCH_SECONDS = 30
CARRIER_HINT = """
Carrier    simulated, http://{host}:{port}; make it unpleasant:
  curl -X PUT http://{host}:{port}/faults -d '{{"failures": 0.3, "lost": 0.2, "order_seconds": 5}}'
"""
_WORKER = ("manage", "procrastinate", "worker")


class Command(BaseCommand):
    """Serves until it is interrupted; the server and the embedded database go with it."""

    help = "Serves the service with demo data on 127.0.0.1:$PORT. For trying it: `make run`."

    def handle(self, *args: object, **options: object) -> None:
        """Raises CommandError if the port is taken or the server does not come up."""
        port = env.PORT
        _refuse_a_taken_port(port)
        take_children_along()
        with Children() as children:
            carrier = None
            if not os.environ.get("CARRIER_URL"):
                carrier = _free_port(port + 1)
                os.environ["CARRIER_URL"] = f"simulated://{HOST}:{carrier}"
                children.start(*_simulated_carrier(carrier))
            # The server takes its time to start; nobody asks it anything before it is announced.
            server = children.start(*_server(port), environment=_server_environment())
            _migrate()
            _load_inventory()
            _make_operator()
            key = _demo_key()
            _wait_until_ready(server, port)
            self._attach(port, key)
            self._explain(port, key, carrier)
            # Last, so that it takes no time from what comes before: the attach waits for it.
            children.start(*_WORKER, quiet=True)
            self._watch(port, key)
            # The database stays for as long as somebody uses it: this process does, though it asks nothing more.
            connection.close()
            server.wait()

    def _watch(self, port: int, key: str) -> None:
        """Says what has become of the attachment at the carrier."""
        path = f"/v1/phone-numbers/{NUMBER_ID}/campaign"
        deadline = time.monotonic() + WATCH_SECONDS
        while time.monotonic() < deadline:
            standing = json.loads(_ask(port, "GET", path, key)[2])["data"]
            if standing["status"] != "pending":
                self.stdout.write(f"GET {path}\n{json.dumps(standing, indent=2)}\n")
                self.stdout.flush()
                return
            time.sleep(0.2)
        self.stdout.write(f"The carrier has not answered within {WATCH_SECONDS} seconds; the worker goes on trying.\n")
        self.stdout.flush()

    def _attach(self, port: int, key: str) -> None:
        # A campaign that was attached since the last run stays.
        current = PhoneNumber.objects.values_list("campaign_id", flat=True).filter(id=NUMBER_ID).first()
        path = f"/v1/phone-numbers/{NUMBER_ID}/campaign"
        body = {"campaign_id": str(current or CAMPAIGN_ID)}
        status, headers, answer = _ask(port, "POST", path, key, body)
        self.stdout.write(f"\nPOST {path}\n{json.dumps(body)}\n\n")
        self.stdout.write(f"{status}   X-Request-Id: {headers['X-Request-Id']}\n")
        self.stdout.write(f"{json.dumps(json.loads(answer), indent=2)}\n")

    def _explain(self, port: int, key: str, carrier: int | None) -> None:
        base = f"http://{HOST}:{port}"
        ending = (
            f"Ctrl-C stops the service and its database; the data stays in {settings.DATA_DIR}."
            if settings.DATABASE_URL is None
            else "Ctrl-C stops the service; the data stays in the database that DATABASE_URL names."
        )
        simulated = "" if carrier is None else CARRIER_HINT.format(host=HOST, port=carrier)
        self.stdout.write(
            f"""
Try it (again: nothing changes; with {OTHER_CAMPAIGN_ID}: it moves):

  curl -X POST "{base}/v1/phone-numbers/{NUMBER_ID}/campaign" \\
    -H "Authorization: Bearer {key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"campaign_id": "{CAMPAIGN_ID}"}}'

Reference  {base}/
Admin      {base}/admin/   (login {LOGIN}, password {LOGIN})
Metrics    curl -H "Authorization: Bearer {LOGIN}" {base}/metrics
{simulated}
{ending}
"""
        )
        self.stdout.flush()


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


def _server(port: int) -> tuple[str, ...]:
    """Granian, as a deployment runs it."""
    return (
        *("granian", "--interface", "wsgi", "--http", "1", "--host", HOST, "--port", str(port)),
        *("--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--respawn-failed-workers"),
        # A worker that is told twice to stop may wait for ever.
        *("--workers-kill-timeout", "5", "--log-level", "warning", "agentmessage.wsgi:application"),
    )


def _server_environment() -> dict[str, str]:
    # Counters of all the server's processes together. Those of the last run are of processes that are gone.
    counters = settings.DATA_DIR / "metrics"
    shutil.rmtree(counters, ignore_errors=True)
    counters.mkdir(parents=True)
    return {"DATABASE_POOL": str(THREADS), "METRICS_TOKEN": LOGIN, "PROMETHEUS_MULTIPROC_DIR": str(counters)}


def _simulated_carrier(port: int) -> tuple[str, ...]:
    data = settings.DATA_DIR / "simulated_carrier.sqlite3"
    return ("carriers.simulated", "--port", str(port), "--data", str(data))


def _free_port(wanted: int) -> int:
    """The wanted one, or any other if somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except (OSError, OverflowError):
            probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _ask(
    port: int, method: str, path: str, key: str, body: object = None
) -> tuple[str, http.client.HTTPMessage, bytes]:
    caller = http.client.HTTPConnection(HOST, port, timeout=30)
    caller.request(
        method,
        path,
        body=None if body is None else json.dumps(body),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    response = caller.getresponse()
    answer = response.read()
    caller.close()
    return f"{response.status} {response.reason}", response.headers, answer


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
