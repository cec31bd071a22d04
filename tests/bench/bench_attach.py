"""One attach, from the WSGI entry to COMMIT, beside its floor: the same statements by psycopg, with nothing around.

`make bench`, or `DJANGO_SETTINGS_MODULE=tests.settings python -m tests.bench.bench_attach`. The rounds of all
contestants take turns, so that a noisy machine is noisy to all of them; the ratios are what to read.
"""

import io
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.bench.scratch import scratch_database

ROUNDS = 9
CALLS = 150


def main() -> None:
    """Prints a line for each contestant."""
    with scratch_database():
        contestants = _contestants()
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(ROUNDS + 1):
            for name, call in contestants.items():
                started = time.perf_counter()
                for index in range(CALLS):
                    call(index)
                seconds[name].append((time.perf_counter() - started) / CALLS)
        medians = {name: statistics.median(rounds[1:]) for name, rounds in seconds.items()}
        for kind in ("no change", "a move"):
            floor = medians[f"{kind}: floor"]
            for name, median in medians.items():
                if name.startswith(kind):
                    ratio = floor / median
                    bar = "█" * round(ratio * 40)
                    sys.stdout.write(f"{name:24} {1 / median:7.0f}/s  {ratio:5.2f} of the floor  {bar}\n")


def _contestants() -> dict[str, Callable[[int], object]]:
    from django import db
    from django.core import signals
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connection
    from django.utils import timezone

    from accounts.actors import Actor
    from agentmessage.ids import uuid7
    from phone_numbers.services.attach import attach_campaign
    from tests.factories import make_key
    from tests.worlds import World

    # A connection that stays, as a pool gives it.
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(db.close_old_connections)
    worlds = {name: World() for name in ("floor", "service", "wsgi")}
    keys = {name: make_key(world.organization) for name, world in worlds.items()}
    wsgi = WSGIHandler()
    actor = Actor.for_command("bench")

    def campaign_of(world: World, index: int) -> Any:
        return (world.campaign if index % 2 else world.other_campaign).id

    def request(world: World, key: str, campaign_id: object) -> None:
        body = json.dumps({"campaign_id": str(campaign_id)}).encode()
        statuses: list[str] = []
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": f"/v1/phone-numbers/{world.phone_number.id}/campaign",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"Bearer {key}",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
        }
        response = wsgi(environ, lambda status, *_: statuses.append(status))  # type: ignore[arg-type]  # WSGI's write() is not for us.
        list(response)
        assert statuses == ["200 OK"], statuses

    def serve(world: World, campaign_id: Any) -> None:
        attach_campaign(
            organization_id=world.organization.id,
            phone_number_id=world.phone_number.id,
            campaign_id=campaign_id,
            actor=actor,
        )

    connection.ensure_connection()
    raw = connection.connection

    def floor(world: World, campaign_id: Any, *, moves: bool) -> None:
        organization_id, number_id = world.organization.id, world.phone_number.id
        digest = keys["floor"][0].digest
        execute = raw.execute
        execute(
            "SELECT organization_id, scopes, expires_at, revoked_at FROM accounts_apikey WHERE digest = %s", [digest]
        ).fetchone()
        execute("BEGIN")
        execute(
            "SELECT c.status, c.carrier_status, b.identity_status FROM campaigns_campaign c"
            " JOIN brands_brand b ON b.id = c.brand_id WHERE c.organization_id = %s AND c.id = %s",
            [organization_id, campaign_id],
        ).fetchone()
        previous = execute(
            "SELECT campaign_id, * FROM numbers_phonenumber WHERE organization_id = %s AND id = %s FOR NO KEY UPDATE",
            [organization_id, number_id],
        ).fetchone()[0]
        if moves:
            entry, now = uuid7(), timezone.now()
            execute(
                "INSERT INTO numbers_campaignattachment (id, organization_id, phone_number_id, campaign_id,"
                " previous_campaign_id, actor_kind, actor_id, created_at, status, attempts, next_attempt_at)"
                " VALUES (%s, %s, %s, %s, %s, 'command', 'bench', %s, 'pending', 0, %s)",
                [entry, organization_id, number_id, campaign_id, previous, now, now],
            )
            execute(
                "UPDATE numbers_phonenumber SET campaign_id = %s, carrier_line_option_status = 'pending',"
                " carrier_line_option_propagated_at = NULL, current_attachment_id = %s, updated_at = %s WHERE id = %s",
                [campaign_id, entry, now, number_id],
            )
        execute("COMMIT")

    for world in worlds.values():
        serve(world, world.campaign.id)
    floors, services, wsgis = worlds.values()
    key = keys["wsgi"][1]
    return {
        "no change: floor": lambda _index: floor(floors, floors.campaign.id, moves=False),
        "no change: service": lambda _index: serve(services, services.campaign.id),
        "no change: WSGI": lambda _index: request(wsgis, key, wsgis.campaign.id),
        "a move: floor": lambda index: floor(floors, campaign_of(floors, index), moves=True),
        "a move: service": lambda index: serve(services, campaign_of(services, index)),
        "a move: WSGI": lambda index: request(wsgis, key, campaign_of(wsgis, index)),
    }


if __name__ == "__main__":
    main()
