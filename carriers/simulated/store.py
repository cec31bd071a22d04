"""What the simulated carrier knows: in memory and, one JSON document a row, in SQLite, whose file survives kill -9."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import Any

from carriers.simulated.faults import Clock


class DuplicateOrder(Exception):
    """An order with this id is there already."""


class Store:
    """Thread-safe. What a method changes is written in one transaction."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._clock = clock
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, id TEXT, document TEXT, PRIMARY KEY (kind, id))"
        )
        self._documents: dict[str, dict[str, Any]] = defaultdict(dict)
        for kind, key, document in self._connection.execute("SELECT kind, id, document FROM documents"):
            self._documents[kind][key] = json.loads(document)
        orders = self._documents["orders"].items()
        # By when they end, and those that end together as they came.
        self._open = [(order["ends_at"], order["position"], key) for key, order in orders if order["is_open"]]
        heapify(self._open)

    def place_order(
        self, *, order_id: str, action: str, campaign_id: str | None, numbers: Sequence[str],
        failures: Mapping[str, str], seconds: float,
    ) -> dict[str, Any]:  # fmt: skip
        """Take the order; it ends, and takes effect, after so many seconds. Raises DuplicateOrder."""
        with self._transaction():
            orders = self._documents["orders"]
            if order_id in orders:
                self._count("duplicate_orders")
                raise DuplicateOrder(order_id)
            order = {
                "action": action, "campaign_id": campaign_id, "numbers": list(numbers), "failures": dict(failures),
                "is_open": True, "ends_at": self._clock.now() + seconds, "position": len(orders),
            }  # fmt: skip
            heappush(self._open, (order["ends_at"], order["position"], order_id))
            self._write("orders", order_id, order)
            self._count("orders")
            self._count("numbers", len(numbers))
            self._end_orders()
            return self._state(order_id)

    def order(self, order_id: str) -> dict[str, Any] | None:
        """Return the order's state, or None."""
        with self._transaction():
            return self._state(order_id) if order_id in self._documents["orders"] else None

    def numbers(self, *, after: str = "", limit: int = 1000, among: Sequence[str] | None = None) -> dict[str, str]:
        """Numbers with the campaign that each is on, in order: a page after one of them, or those `among` these."""
        with self._transaction():
            known = self._documents["numbers"]
            listed = (number for number in sorted(known) if number > after) if among is None else among
            on_campaigns = ((number, known[number]) for number in listed if known.get(number) is not None)
            return dict(on_campaigns if among is not None else islice(on_campaigns, limit))

    def put_number(self, number: str, campaign_id: str | None) -> None:
        """Put a number on a campaign, or on none, outside the service."""
        with self._transaction():
            self._write("numbers", number, campaign_id)

    def lose_number(self, number: str) -> None:
        """Port a number out: it is no longer at this carrier, and so on no campaign."""
        with self._transaction():
            self._write("numbers", number, None)
            self._write("lost", number, True)

    def lost_numbers(self, among: Sequence[str]) -> list[str]:
        """Return those that are no longer at this carrier."""
        with self._transaction():
            return [number for number in among if number in self._documents["lost"]]

    def networks(self, campaign_id: str) -> dict[str, str]:
        """Return the status at each network that was set."""
        with self._transaction():
            return dict(self._documents["networks"].get(campaign_id, {}))

    def put_networks(self, campaign_id: str, networks: Mapping[str, str]) -> None:
        """Decide on a campaign, network by network."""
        with self._transaction():
            self._write("networks", campaign_id, dict(networks))

    def campaign(self, campaign_id: str, *, approval_seconds: float) -> str:
        """PENDING, APPROVED, REJECTED or SUSPENDED: as set, or APPROVED so long after it was first asked for."""
        with self._transaction():
            now = self._clock.now()
            if campaign_id not in self._documents["first_heard_at"]:
                self._write("first_heard_at", campaign_id, now)
            approved_at = self._documents["first_heard_at"][campaign_id] + approval_seconds
            decided: str | None = self._documents["decisions"].get(campaign_id)
            return decided or ("APPROVED" if now >= approved_at else "PENDING")

    def put_campaign(self, campaign_id: str, status: str) -> None:
        """Decide on a campaign."""
        with self._transaction():
            self._write("decisions", campaign_id, status)

    def count(self, name: str) -> None:
        """Count one more of these."""
        with self._transaction():
            self._count(name)

    def statistics(self) -> dict[str, int]:
        """Return how many of each there were."""
        with self._transaction():
            return dict(self._documents["statistics"])

    def orders_of_numbers(self) -> dict[str, int]:
        """Return how many orders each number was part of."""
        with self._transaction():
            orders = self._documents["orders"].values()
            return dict(Counter(number for order in orders for number in order["numbers"]))

    def close(self) -> None:
        """End it; a file stays."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit whatever the block has written, also if it raises: memory and file agree."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                self._end_orders()
                yield
            finally:
                self._connection.execute("COMMIT")

    def _end_orders(self) -> None:
        while self._open and self._open[0][0] <= self._clock.now():
            order_id = heappop(self._open)[2]
            order = self._documents["orders"][order_id]
            for number in order["numbers"]:
                if number not in order["failures"]:
                    self._write("numbers", number, order["campaign_id"])
            self._write("orders", order_id, {**order, "is_open": False})

    def _state(self, order_id: str) -> dict[str, Any]:
        order = self._documents["orders"][order_id]
        is_open, failures = order["is_open"], order["failures"]
        return {
            "order_id": order_id,
            "action": order["action"],
            "campaign_id": order["campaign_id"],
            "status": "PROCESSING" if is_open else "PARTIAL" if failures else "COMPLETE",
            "failures": {} if is_open else failures,
        }

    def _count(self, name: str, by: int = 1) -> None:
        self._write("statistics", name, self._documents["statistics"].get(name, 0) + by)

    def _write(self, kind: str, key: str, document: object) -> None:
        self._documents[kind][key] = document
        self._connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", [kind, key, json.dumps(document)])
