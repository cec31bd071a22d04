"""The demo of `make run`: prepare its database, serve, attach one campaign through HTTP, and say how to go on."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Operator, Organization, Scope
from accounts.services import create_api_key, find_usable_key
from agentmessage.environment import env
from agentmessage.make_run import Running
from devserver.cluster import start_over
from devserver.data_folder import DevServerError, publish, write_private
from devserver.postgresql import Server
from devserver.processes import ChildProcesses, free_port, pause, wait_for_any
from phone_numbers.models import PhoneNumber

HOST = "127.0.0.1"
INVENTORY = Path(__file__).with_name("inventory.json")
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
Carrier    simulated, http://{address}; inject faults:
  curl -X PUT http://{address}/faults -d '{{"failures": 0.3, "lost": 0.2, "order_seconds": 5}}'
"""
# What leads `manage.py` to the same database and the same carrier.
_PUBLISHED = ("SECRET_KEY", "DATABASE_URL", "CARRIER_URL")


def serve(port: int, folder: Path, postgresql: Server) -> NoReturn:
    """Serve the demo until a signal asks this process to stop, or the server or PostgreSQL ends.

    Raises:
        SystemExit: A signal has asked this process to stop.
        DevServerError: The server does not start or has ended, or the database is from another version of the service.
    """
    with ChildProcesses() as processes:
        carrier = _start_carrier(processes, port, folder)
        # It starts slowly, so it starts before its database is ready: no requests come before it is announced.
        server = processes.start(*_server(port), environment=_server_environment(folder))
        _prepare_database(folder)
        key = _demo_key(folder)
        description = f"`make run` already serves at http://{HOST}:{port} (process {os.getpid()})"
        publish(folder, Running(description, {name: os.environ[name] for name in _PUBLISHED}))
        _wait_until_ready(server, port)
        _attach(port, key)
        _explain(port, key, folder, carrier)
        # Last, so that it takes no time from what comes before: the attach waits for it.
        processes.start("manage", "run_worker")
        _watch(port, key)
        connection.close()
        ended = wait_for_any(server, postgresql.process)
        name, log = ("The server", "above") if ended is server else ("PostgreSQL", folder / "postgresql/postgres.log")
        raise DevServerError(f"{name} ended with exit code {ended.returncode}. Its output: {log}")


def _start_carrier(processes: ChildProcesses, port: int, folder: Path) -> str | None:
    """Start a simulated carrier, unless CARRIER_URL names one, and return its address."""
    if urlsplit(env.CARRIER_URL).netloc:
        return None
    address = f"{HOST}:{free_port(port + 1)}"
    os.environ["CARRIER_URL"] = f"simulated://{address}"
    data = folder / "simulated_carrier.sqlite3"
    processes.start("carriers.simulated", "--port", address.rpartition(":")[2], "--data", str(data))
    return address


def _prepare_database(folder: Path) -> None:
    executor = MigrationExecutor(connection)
    unknown = sorted(set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations))
    if unknown:
        app, name = unknown[0]
        raise DevServerError(
            f"The database in {folder / 'postgresql'} was made by another version of the service, with migrations that "
            f"this one does not have ({app}.{name}). {start_over(folder / 'postgresql')}"
        )
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0)
    if not Organization.objects.filter(slug=SLUG).exists():
        call_command("load_inventory", str(INVENTORY))
    if not Operator.objects.filter(username=LOGIN).exists():
        # The server listens on this machine only, and the login is printed.
        Operator.objects.create_superuser(LOGIN, password=LOGIN)


def _demo_key(folder: Path) -> str:
    """Return the demo's key: the one of the last run, so that yesterday's curl still works, unless it is revoked."""
    kept = folder / "demo_key"
    if kept.is_file():
        plain = kept.read_text(encoding="ascii")
        if find_usable_key(plain):
            return plain
    organization = Organization.objects.get(slug=SLUG)
    _key, plain = create_api_key(organization_id=organization.id, label="demo", scopes=Scope.values)
    write_private(kept, plain)
    return plain


def _server(port: int) -> tuple[str, ...]:
    """Return granian's arguments, as a deployment runs it."""
    return (
        *("granian", "--interface", "wsgi", "--http", "1", "--host", HOST, "--port", str(port)),
        *("--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--respawn-failed-workers"),
        # A worker that gets two signals to stop may never end.
        *("--workers-kill-timeout", "5", "--log-level", "warning", "devserver.wsgi:application"),
    )


def _server_environment(folder: Path) -> dict[str, str]:
    # Counters of all the server's processes together. Those of the last run are of processes that are gone.
    counters = folder / "metrics"
    shutil.rmtree(counters, ignore_errors=True)
    counters.mkdir(parents=True)
    return {"METRICS_TOKEN": LOGIN, "PROMETHEUS_MULTIPROC_DIR": str(counters)}


def _wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DevServerError(f"The server ended with exit code {server.returncode}; its output is above.")
        probe = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            probe.request("GET", "/healthz")
            if probe.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            pause(0.05)
        finally:
            probe.close()
    raise DevServerError(f"The server was not ready after {READY_SECONDS} seconds.")


def _attach(port: int, key: str) -> None:
    # A campaign that was attached since the last run stays.
    current = PhoneNumber.objects.values_list("campaign_id", flat=True).filter(id=NUMBER_ID).first()
    path = f"/v1/phone-numbers/{NUMBER_ID}/campaign"
    body = {"campaign_id": str(current or CAMPAIGN_ID)}
    status, headers, answer = _ask(port, "POST", path, key, body)
    _say(
        f"\nPOST {path}\n{json.dumps(body)}\n\n"
        f"{status}   X-Request-Id: {headers['X-Request-Id']}\n{json.dumps(json.loads(answer), indent=2)}\n"
    )


def _explain(port: int, key: str, folder: Path, carrier: str | None) -> None:
    base = f"http://{HOST}:{port}"
    _say(
        f"""
Try it (again: nothing changes; with {OTHER_CAMPAIGN_ID}: it moves):

  curl -X POST "{base}/v1/phone-numbers/{NUMBER_ID}/campaign" \\
    -H "Authorization: Bearer {key}" \\
    -H "Content-Type: application/json" \\
    -d '{{"campaign_id": "{CAMPAIGN_ID}"}}'

Reference  {base}/
Admin      {base}/admin/   (login {LOGIN}, password {LOGIN})
Metrics    curl -H "Authorization: Bearer {LOGIN}" {base}/metrics
{"" if carrier is None else CARRIER_HINT.format(address=carrier)}
Ctrl-C stops the service and its database; the data stays in {folder}.
"""
    )


def _watch(port: int, key: str) -> None:
    """Say what became of the attachment at the carrier."""
    path = f"/v1/phone-numbers/{NUMBER_ID}/campaign"
    deadline = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        state = json.loads(_ask(port, "GET", path, key)[2])["data"]
        if state["status"] != "pending":
            _say(f"GET {path}\n{json.dumps(state, indent=2)}\n")
            return
        pause(0.2)
    _say(f"The carrier has not answered within {WATCH_SECONDS} seconds; the worker keeps trying.\n")


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


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
