"""Web processes keep their connections, and end the waits of their transactions."""

import http.client
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from accounts.models import Scope
from phone_numbers.models import PhoneNumber
from tests.support.factories import make_key
from tests.support.granian import Served, environment, granian
from tests.support.waiting import DEADLINE, connections_waiting_for_locks, wait_until
from tests.support.worlds import World

pytestmark = pytest.mark.django_db(transaction=True)
_SHOW = (
    "from django.db import connection\n"
    "with connection.cursor() as cursor:\n"
    "    cursor.execute(\"SELECT setting FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout',"
    " 'idle_in_transaction_session_timeout') ORDER BY name\")\n"
    "    print(*(setting for (setting,) in cursor))\n"
)


class Caller:
    """A key, and requests with it."""

    def __init__(self, served: Served) -> None:
        self.world = World()
        _key, self.key = make_key(self.world.organization, *Scope)
        self.port = served.port

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, str | None]:
        """Return status and Retry-After of a response, over a connection of its own."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            client.request(method, path, None if body is None else json.dumps(body), headers)
            response = client.getresponse()
            response.read()
            return response.status, response.headers["Retry-After"]
        finally:
            client.close()

    def attach(self) -> tuple[int, str | None]:
        """Attach the world's campaign to its number."""
        path = f"/v1/phone-numbers/{self.world.phone_number.id}/campaign"
        return self.ask("POST", path, {"campaign_id": str(self.world.campaign.id)})


def _backends() -> set[int]:
    """Return the server's connections to this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor}


def test_connections_persist_and_are_replaced_when_the_server_has_closed_them(tmp_path: Path) -> None:
    before = _backends()
    with granian(tmp_path / "log") as served:
        caller = Caller(served)

        def ask_often() -> set[int]:
            with ThreadPoolExecutor(8) as pool:
                assert set(pool.map(lambda _: caller.ask("GET", "/v1/phone-numbers"), range(40))) == {(200, None)}
            return _backends() - before

        kept = ask_often()
        assert 1 <= len(kept) <= 4  # The server's threads.
        kept |= ask_often()
        assert len(kept) <= 4
        # As a restart does. No request meets a connection that is closed.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid, 60000) FROM unnest(%s) AS pid", [list(kept)])
        renewed = ask_often()
        assert renewed
        assert not renewed & kept


def test_one_setting_ends_them_with_the_request(tmp_path: Path) -> None:
    before = _backends()
    with granian(tmp_path / "log", DATABASE_PERSISTENT="off") as served:
        assert Caller(served).attach() == (200, None)
        wait_until(lambda: not _backends() - before, "the connection is closed")


def test_callers_that_wait_for_one_row_leave_threads_free_to_serve(tmp_path: Path) -> None:
    """Of eight callers two wait, in a server of four threads; the others are refused and may try again."""
    with granian(tmp_path / "log", DATABASE_LOCK_TIMEOUT="3600") as served, ThreadPoolExecutor(8) as pool:
        caller = Caller(served)
        with transaction.atomic():
            PhoneNumber.objects.select_for_update().get(id=caller.world.phone_number.id)
            calls = [pool.submit(caller.attach) for _ in range(8)]
            refused = wait_until(
                lambda: [c for c in calls if c.done()][5:] and [c for c in calls if c.done()], "six end"
            )
            assert [call.result() for call in refused] == [(503, "5")] * 6
            assert connections_waiting_for_locks() == 2
            assert caller.ask("GET", "/v1/phone-numbers") == (200, None)
            assert connections_waiting_for_locks() == 2
        wait(calls, DEADLINE)
        assert sorted(call.result()[0] for call in calls) == [200] * 2 + [503] * 6
    assert "database.conflict" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["-c", f"import agentmessage.wsgi\n{_SHOW}"], "60000 10000 30000"),
        (["manage.py", "shell", "--no-imports", "-c", _SHOW], "600000 10000 0"),
    ],
    ids=["web", "command"],
)
def test_timeouts_of_a_process(command: list[str], shown: str) -> None:
    ended = subprocess.run(
        [sys.executable, *command], cwd=settings.BASE_DIR, env=environment(), capture_output=True, text=True
    )
    assert (ended.stdout.strip(), ended.stderr) == (shown, "")


def test_a_forked_process_opens_connections_of_its_own(django_db_blocker: DjangoDbBlocker) -> None:
    def backend() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid: int = cursor.fetchone()[0]
        return pid

    ours = backend()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(backend()).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    assert theirs != ours
    assert backend() == ours
