"""Two web processes behind pgbouncer in transaction mode, before a PostgreSQL: see docs/scale.md."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import pgbouncer
from tests.support.granian import Served, granian
from tests.support.installation import Installation
from tests.support.pgbouncer import PgBouncer
from tests.support.waiting import DEADLINE

NUMBER = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
CAMPAIGNS = ("b5d3c4e2-7f7e-44a1-8c12-2bcd9e3f0a01", "78614b6c-fe7c-41e2-8e25-c9b3a3c91904")


@dataclass
class Machines:
    """An installation, and web processes that know no other way to its database than pgbouncer."""

    installation: Installation
    pooled: dict[str, str]
    key: str
    webs: list[Served]

    def call(self, web: Served, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body of one answer, over a connection of its own."""
        caller = http.client.HTTPConnection("127.0.0.1", web.port, timeout=DEADLINE)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            caller.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            response = caller.getresponse()
            return response.status, json.load(response)
        finally:
            caller.close()


@pytest.fixture(scope="module")
def machines(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Two web processes on the demo's data; a skip where pgbouncer is not installed."""
    if pgbouncer.program() is None:
        pytest.skip("needs pgbouncer (Debian: apt-get install pgbouncer)")
    logs = tmp_path_factory.mktemp("logs")
    pool = PgBouncer(installation.server, installation.folder / "pgbouncer")
    pooled = {"DATABASE_URL": pool.url, "DATABASE_PGBOUNCER": "on"}
    base = installation.environment(**pooled, HTTPS="off", LOG_LEVEL="WARNING")
    with ExitStack() as stack:
        stack.callback(pool.stop)
        pool.start()
        webs = [stack.enter_context(granian(logs / name, base=base)) for name in ("first", "second")]
        scopes = ("--scope", "numbers:write", "--scope", "numbers:read", "--scope", "brands:read")
        yield Machines(installation, pooled, installation.new_key(*scopes), webs)


def attach(machines: Machines, web: Served, campaign: str) -> dict[str, Any]:
    status, body = machines.call(web, "POST", f"/v1/phone-numbers/{NUMBER}/campaign", {"campaign_id": campaign})
    assert status == 200, body
    data: dict[str, Any] = body["data"]
    return data


def listed(machines: Machines, web: Served) -> dict[str, Any]:
    """The number as a list shows it."""
    status, body = machines.call(web, "GET", "/v1/phone-numbers?limit=100")
    assert status == 200, body
    (found,) = [row for row in body["data"] if row["id"] == NUMBER]
    return dict(found)


def newest_entry(machines: Machines, web: Served) -> dict[str, Any]:
    status, body = machines.call(web, "GET", f"/v1/phone-numbers/{NUMBER}/campaign/history?limit=1")
    assert status == 200, body
    return dict(body["data"][0])


def test_what_one_process_has_written_the_other_shows_at_once(machines: Machines) -> None:
    writer, reader = machines.webs
    for turn in range(60):
        number = attach(machines, writer, CAMPAIGNS[turn % 2])
        assert listed(machines, reader) == number
        assert newest_entry(machines, reader)["campaign_id"] == CAMPAIGNS[turn % 2]
        writer, reader = reader, writer


def test_many_callers_share_four_connections(machines: Machines) -> None:
    def call(turn: int) -> int:
        web = machines.webs[turn % 2]
        body = {"phone_number_ids": [NUMBER], "atomic": True}
        # The bulk call writes by COPY.
        return machines.call(web, "POST", f"/v1/campaigns/{CAMPAIGNS[turn % 3 % 2]}/phone-numbers", body)[0]

    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(call, range(240))) == {200}
    ((connections,),) = machines.installation.server.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'agentmessage' AND pid <> pg_backend_pid()"
    )
    assert connections <= 4


def test_attach_campaign_runs_through_pgbouncer(machines: Machines, tmp_path: Path) -> None:
    """A repeated number is noticed in a later batch, although the connection to the server may be another one."""
    file = tmp_path / "in.csv"
    words = ("attach_campaign", "--organization", "acme", "--csv", str(file), "--batch-size", "1", "--json")
    first, second = CAMPAIGNS
    for campaign, other in ((first, second), (second, first)):
        file.write_text(f"number,campaign_id\n+19195550100,{campaign}\n+19195550101,{campaign}\n+19195550100,{other}\n")
        ended = machines.installation.run(*words, **machines.pooled)
        assert (ended.returncode, ended.stderr.count("REPEATED")) == (1, 1), ended.stderr
        counts = json.loads(ended.stdout)
        assert (counts["attached"] + counts["unchanged"], counts["failed"]) == (2, 1)
    file.write_text("number\n+19195550100\n+19195550101\n")
    for campaign, outcome in ((CAMPAIGNS[0], "attached"), (CAMPAIGNS[0], "unchanged")):
        ended = machines.installation.run(*words, "--atomic", "--campaign", campaign, **machines.pooled)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)[outcome] == 2


def test_a_check_finds_timeouts_that_are_missing(machines: Machines) -> None:
    words = ("check", "--database", "default")
    good = machines.installation.run(*words, **machines.pooled)
    assert (good.returncode, "no issues" in good.stdout) == (0, True), good.stderr
    # PostgreSQL itself, where nothing but pgbouncer's connect_query would set it.
    bad = machines.installation.run(*words, DATABASE_PGBOUNCER="on")
    assert bad.returncode == 0
    assert bad.stderr.count("agentmessage.W002") == 3
