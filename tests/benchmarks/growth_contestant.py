"""One side of `bench_growth`: a process that works on one database, controlled by lines on standard input.

Each line on standard input is a name and a count; each answer is a line of JSON: the seconds that each call took, or,
for `plans`, the statements with their plans. Whatever a call needs first is made ready before the clock runs.
"""

import io
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import django

# The slug of an organization with 10,000 numbers, and of the one with a tenth of all.
MEASURED, GIANT = "organization-2", "organization-0"
CLAIMED = 1_000


def main() -> None:
    """Serves until standard input ends."""
    django.setup()
    contestant = _Contestant()
    for line in sys.stdin:
        word, count = line.split()
        name = word.replace("_", " ")
        answer = contestant.plans() if name == "plans" else contestant.run(name, int(count))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


class _Contestant:
    def __init__(self) -> None:
        from django import db
        from django.core import signals
        from django.core.handlers.wsgi import WSGIHandler

        from accounts.models import Organization
        from phone_numbers.models import PhoneNumber

        # A connection that stays, as a pool gives it.
        for signal in (signals.request_started, signals.request_finished):
            signal.disconnect(db.close_old_connections)
        self.wsgi = WSGIHandler()
        self.random = random.Random(1)
        organizations = Organization.objects.order_by("slug")
        self.keys = {organization.id: self._key(organization.id) for organization in organizations}
        self.measured = (organizations.filter(slug=MEASURED).first() or organizations.get(slug="organization-1")).id
        self.giant = organizations.get(slug=GIANT).id
        mine = PhoneNumber.objects.filter(organization_id=self.measured)
        self.campaigns = {
            row[0]: row[1:] for row in self._sql("SELECT id, campaign_a, campaign_b FROM bench_organization")
        }
        self.total = self._sql("SELECT reltuples::bigint FROM pg_class WHERE relname = 'numbers_phonenumber'")[0][0]
        self.a_number = mine.order_by("number")[77]
        self.deep = self._deep(self.measured)

    def _key(self, organization_id: Any) -> str:
        from accounts.models import ApiKey
        from accounts.services import create_api_key

        key, plain = create_api_key(
            organization_id=organization_id, label="bench", scopes=["numbers:write", "numbers:read"]
        )
        # Or each key's first use would be written down, and the larger side has more keys.
        ApiKey.objects.filter(id=key.id).update(last_used_at="2100-01-01T00:00Z")
        return plain

    def _sql(self, statement: str, parameters: Any = None) -> list[Any]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def _deep(self, organization_id: Any) -> str:
        from agentmessage.api.pagination import Cursor

        created_at, identifier = self._sql(
            "SELECT created_at, id FROM numbers_phonenumber WHERE organization_id = %s AND state = 'ASSIGNED'"
            " ORDER BY created_at DESC, id DESC OFFSET 9000 LIMIT 1",
            [organization_id],
        )[0]
        return Cursor(created_at, identifier).encode()

    def _some_numbers(self, count: int) -> list[tuple[Any, Any]]:
        """Random ones of the whole table: id and organization."""
        picked = [f"+2{1_000_000_000 + self.random.randint(1, self.total)}" for _ in range(count)]
        return self._sql("SELECT id, organization_id FROM numbers_phonenumber WHERE number = ANY (%s)", [picked])

    def run(self, name: str, count: int) -> list[float]:
        seconds = []
        for call in self._calls(name, count):
            started = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - started)
        return seconds

    def _calls(self, name: str, count: int) -> Iterator[Callable[[], object]]:
        numbers = self._some_numbers(count)
        page = "/v1/phone-numbers?limit=100"
        match name:
            case "attach" | "attach again":
                for number, organization in numbers:
                    # B: the loaded ones are on A. One that is met for the second time stays where it is.
                    campaign = self.campaigns[organization][name == "attach"]
                    path = f"/v1/phone-numbers/{number}/campaign"
                    yield lambda: self._request("POST", path, organization, {"campaign_id": str(campaign)})  # noqa: B023  (Called at once.)
            case "detach":
                for number, organization in numbers:
                    path = f"/v1/phone-numbers/{number}/campaign"
                    yield lambda: self._request("DELETE", path, organization)  # noqa: B023
            case "one number":
                for number, organization in numbers:
                    yield lambda: self._request("GET", f"/v1/phone-numbers/{number}", organization)  # noqa: B023
            case "history":
                for number, organization in numbers:
                    path = f"/v1/phone-numbers/{number}/campaign/history"
                    yield lambda: self._request("GET", path, organization)  # noqa: B023
            case "first page":
                yield from (lambda: self._request("GET", page, self.measured) for _ in range(count))
            case "deep page":
                path = f"{page}&cursor={self.deep}"
                yield from (lambda: self._request("GET", path, self.measured) for _ in range(count))
            case "by campaign":
                path = f"{page}&campaign_id={self.campaigns[self.measured][0]}"
                yield from (lambda: self._request("GET", path, self.measured) for _ in range(count))
            case "by type":
                path = f"{page}&number_type=toll_free"
                yield from (lambda: self._request("GET", path, self.measured) for _ in range(count))
            case "by status":
                path = f"{page}&carrier_line_option_status=failed"
                yield from (lambda: self._request("GET", path, self.measured) for _ in range(count))
            case "search":
                path = f"{page}&search={self.a_number.number[1:]}"
                yield from (lambda: self._request("GET", path, self.measured) for _ in range(count))
            case "first page of the giant":
                yield from (lambda: self._request("GET", page, self.giant) for _ in range(count))
            case "claim":
                yield from self._claims(count)

    def _claims(self, count: int) -> Iterator[Callable[[], object]]:
        from carriers.base import Carrier
        from propagation.services.claim import claim_due

        carrier = cast("Carrier", SimpleNamespace(name="default", batch_size=2_000))

        def claim() -> None:
            claimed = claim_due(carrier, open_orders=0, limit=CLAIMED)
            assert claimed.rows == CLAIMED, claimed.rows

        for _ in range(count):
            # Nothing else is due, and a thousand numbers of one organization are, the same ones each time.
            self._sql("UPDATE numbers_campaignattachment SET next_attempt_at = NULL WHERE next_attempt_at IS NOT NULL")
            self._sql("UPDATE numbers_campaignattachment SET status = 'propagated' WHERE status = 'submitted'")
            self._sql(
                "UPDATE numbers_campaignattachment SET status = 'pending', next_attempt_at = now()"
                " WHERE id = ANY (ARRAY(SELECT current_attachment_id FROM numbers_phonenumber"
                " WHERE organization_id = %s ORDER BY number LIMIT %s))",
                [self.measured, CLAIMED],
            )
            yield claim

    def _request(self, method: str, path: str, organization_id: Any, body: Any = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        statuses: list[str] = []
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(content)),
            "HTTP_AUTHORIZATION": f"Bearer {self.keys[organization_id]}",
            "wsgi.input": io.BytesIO(content),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
        }
        response = self.wsgi(environ, lambda status, *_: statuses.append(status))  # type: ignore[arg-type]  # WSGI's write() is not for us.
        answer = b"".join(response)
        assert statuses == ["200 OK"], (statuses, answer)

    def plans(self) -> list[tuple[str, str, str]]:
        """Every statement of one call of each kind: the kind, the statement, and its plan."""
        found: list[tuple[str, str, str]] = []
        for name in NAMES:
            for call in self._calls(name, 1):
                with _statements() as statements:
                    call()
                for statement, parameters in statements:
                    if statement.split(None, 1)[0] in ("SELECT", "UPDATE", "INSERT"):
                        rows = self._sql(f"EXPLAIN {statement}", parameters)
                        found.append((name, statement, "\n".join(line for (line,) in rows)))
        return found


@contextmanager
def _statements() -> Iterator[list[tuple[str, Any]]]:
    from django.db import connection

    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


NAMES = (
    "attach", "attach again", "detach", "one number", "history", "first page", "deep page", "by campaign", "by type",
    "by status", "search", "claim",
)  # fmt: skip

if __name__ == "__main__":
    main()
