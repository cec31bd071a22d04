"""What the simulated carrier knows, in SQLite: in memory, or in a file that survives kill -9."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from carriers.simulated.clock import Clock

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, action TEXT, campaign_id TEXT, numbers TEXT, failures TEXT,
    created_at REAL, ends_at REAL, is_open INTEGER
);
CREATE INDEX IF NOT EXISTS orders_open ON orders (ends_at) WHERE is_open;
CREATE TABLE IF NOT EXISTS numbers (number TEXT PRIMARY KEY, campaign_id TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS campaigns (campaign_id TEXT PRIMARY KEY, status TEXT, first_heard_at REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS networks (
    campaign_id TEXT, network TEXT, status TEXT, PRIMARY KEY (campaign_id, network)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lost (number TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS statistics (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
"""


class DuplicateOrder(Exception):
    """An order with this id is there already."""


class Store:
    """Thread-safe. Every method is one transaction."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._clock = clock
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def place_order(
        self, *, order_id: str, action: str, campaign_id: str | None, numbers: Sequence[str],
        failures: Mapping[str, str], seconds: float,
    ) -> dict[str, Any]:  # fmt: skip
        """Takes the order; it ends, and takes effect, after so many seconds. Raises DuplicateOrder."""
        now = self._clock.now()
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._end_orders(now)
            if self._connection.execute("SELECT 1 FROM orders WHERE order_id = ?", [order_id]).fetchone():
                self._count("duplicate_orders")
                duplicate = True
            else:
                duplicate = False
                self._connection.execute(
                    "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
                    [order_id, action, campaign_id, json.dumps(list(numbers)), json.dumps(dict(failures)), now,
                     now + seconds],
                )  # fmt: skip
                self._count("orders")
                self._count("numbers", len(numbers))
                self._end_orders(now)
        if duplicate:
            raise DuplicateOrder(order_id)
        order = self.order(order_id)
        assert order is not None  # noqa: S101  (It was just written.)
        return order

    def order(self, order_id: str) -> dict[str, Any] | None:
        """Return the order's state, or None."""
        with self._lock, self._connection:
            self._end_orders(self._clock.now())
            row = self._connection.execute(
                "SELECT order_id, action, campaign_id, failures, is_open FROM orders WHERE order_id = ?", [order_id]
            ).fetchone()
        if row is None:
            return None
        failures = json.loads(row[3])
        status = "PROCESSING" if row[4] else "PARTIAL" if failures else "COMPLETE"
        return {
            "order_id": row[0],
            "action": row[1],
            "campaign_id": row[2],
            "status": status,
            "failures": {} if row[4] else failures,
        }

    def numbers(self, *, after: str = "", limit: int = 1000, among: Sequence[str] | None = None) -> dict[str, str]:
        """Numbers with the campaign that each is on, in order: a page after one of them, or those `among` these."""
        with self._lock, self._connection:
            self._end_orders(self._clock.now())
            if among is not None:
                rows = self._connection.execute(
                    "SELECT number, campaign_id FROM numbers WHERE number IN (SELECT value FROM json_each(?))",
                    [json.dumps(list(among))],
                )
            else:
                rows = self._connection.execute(
                    "SELECT number, campaign_id FROM numbers WHERE number > ? ORDER BY number LIMIT ?", [after, limit]
                )
            return dict(rows.fetchall())

    def put_number(self, number: str, campaign_id: str | None) -> None:
        """Puts a number on a campaign, or on none, outside the service."""
        with self._lock, self._connection:
            self._move(number, campaign_id)

    def lose_number(self, number: str) -> None:
        """Port a number out: it is no longer at this carrier, and so on no campaign."""
        with self._lock, self._connection:
            self._move(number, None)
            self._connection.execute("INSERT OR IGNORE INTO lost VALUES (?)", [number])

    def lost_numbers(self, among: Sequence[str]) -> list[str]:
        """Return those that are no longer at this carrier."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT number FROM lost WHERE number IN (SELECT value FROM json_each(?))", [json.dumps(list(among))]
            )
            return [row[0] for row in rows.fetchall()]

    def networks(self, campaign_id: str) -> dict[str, str]:
        """Return the status at each network that was set."""
        with self._lock:
            rows = self._connection.execute("SELECT network, status FROM networks WHERE campaign_id = ?", [campaign_id])
            return dict(rows.fetchall())

    def put_networks(self, campaign_id: str, networks: Mapping[str, str]) -> None:
        """Decide on a campaign, network by network."""
        with self._lock, self._connection:
            self._connection.execute("DELETE FROM networks WHERE campaign_id = ?", [campaign_id])
            self._connection.executemany(
                "INSERT INTO networks VALUES (?, ?, ?)", [(campaign_id, *item) for item in networks.items()]
            )

    def campaign(self, campaign_id: str, *, approval_seconds: float) -> str:
        """PENDING, APPROVED, REJECTED or SUSPENDED: as set, or APPROVED so long after it was first asked for."""
        now = self._clock.now()
        with self._lock, self._connection:
            self._connection.execute("INSERT OR IGNORE INTO campaigns VALUES (?, NULL, ?)", [campaign_id, now])
            status, first_heard_at = self._connection.execute(
                "SELECT status, first_heard_at FROM campaigns WHERE campaign_id = ?", [campaign_id]
            ).fetchone()
        if status is not None:
            return str(status)
        return "APPROVED" if now >= first_heard_at + approval_seconds else "PENDING"

    def put_campaign(self, campaign_id: str, status: str) -> None:
        """Decides on a campaign."""
        with self._lock, self._connection:
            self._connection.execute(
                "INSERT INTO campaigns VALUES (?, ?, ?)"
                " ON CONFLICT (campaign_id) DO UPDATE SET status = excluded.status",
                [campaign_id, status, self._clock.now()],
            )

    def count(self, name: str) -> None:
        """One more of these."""
        with self._lock, self._connection:
            self._count(name)

    def statistics(self) -> dict[str, int]:
        """How many of each there were."""
        with self._lock:
            return dict(self._connection.execute("SELECT name, value FROM statistics").fetchall())

    def orders_of_numbers(self) -> dict[str, int]:
        """Return how many orders each number was part of."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT value, count(*) FROM orders, json_each(orders.numbers) GROUP BY value"
            )
            return dict(rows.fetchall())

    def close(self) -> None:
        """Ends it; a file stays."""
        with self._lock:
            self._connection.close()

    def _end_orders(self, now: float) -> None:
        # In the order in which they end, as a real carrier's orders would.
        due = self._connection.execute(
            "SELECT order_id, campaign_id, numbers, failures FROM orders WHERE is_open AND ends_at <= ?"
            " ORDER BY ends_at, rowid",
            [now],
        ).fetchall()
        for order_id, campaign_id, numbers, failures in due:
            failed = json.loads(failures)
            for number in json.loads(numbers):
                if number not in failed:
                    self._move(number, campaign_id)
            self._connection.execute("UPDATE orders SET is_open = 0 WHERE order_id = ?", [order_id])

    def _move(self, number: str, campaign_id: str | None) -> None:
        if campaign_id is None:
            self._connection.execute("DELETE FROM numbers WHERE number = ?", [number])
        else:
            self._connection.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", [number, campaign_id])

    def _count(self, name: str, by: int = 1) -> None:
        self._connection.execute(
            "INSERT INTO statistics VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            [name, by],
        )
