"""The simulated carrier's HTTP: JSON in, JSON out.

POST /orders {order_id, action, campaign_id, numbers}   201; 409 if the order is there already; 422
GET  /orders/{order_id}                                 200 or 404
GET  /numbers?after=&limit=     POST /numbers/search {numbers}      number -> campaign
PUT  /numbers/{number} {campaign_id}                    outside the service, to make drift
PUT  /numbers/{number} {is_lost: true}                  ported out     POST /numbers/lost {numbers}     those that are
GET  /campaigns/{id}            PUT /campaigns/{id} {status[, networks: {id: status}]}
GET  /faults                    PUT /faults {latency, failures, …}
GET  /clock                     PUT /clock {advance}                seconds; orders and approvals end without waiting
GET  /statistics                GET /orders-of-numbers
"""

import contextlib
import json
import re
import socket
import sys
import time
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from carriers.simulated.faults import REASONS, Chance, Clock, Faults, RateLimit, amount
from carriers.simulated.store import DuplicateOrder, Store

_MOST_BYTES = 10_000_000
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}|[1-9][0-9]{4,5}")
_CAMPAIGN_STATUSES = ("PENDING", "APPROVED", "REJECTED", "SUSPENDED")
_CONTROLS = ("/faults", "/clock", "/statistics", "/orders-of-numbers")


class SimulatorServer:
    """The carrier, listening; `start()` serves it from a thread, `serve()` from this one."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data: Path | None = None,
        faults: Faults | None = None,
        seed: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.store = Store(data, self.clock)
        self.faults = faults or Faults()
        self.chance = Chance(seed)
        self.rate_limit = RateLimit(self.clock)
        self._server = _Server((host, port), self)
        self.port: int = self._server.server_address[1]
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """What CARRIER_URL says to reach it."""
        return f"simulated://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serves until `stop()`."""
        self._thread = Thread(target=self.serve, daemon=True)
        self._thread.start()

    def serve(self) -> None:
        """Serves until `stop()` is called from elsewhere, or the process ends."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Cuts all connections, as a crash would, and frees the port."""
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_connections()
        if self._thread is not None:
            self._thread.join()
        self.store.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], carrier: SimulatorServer) -> None:
        self.carrier = carrier
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):  # It may have ended already.
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that has gone is no error; anything else is shown as the base class does."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (The base class's name.)
        """Quiet."""

    def _answer(self) -> None:
        carrier = self.server.carrier
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MOST_BYTES))
        path = urlsplit(self.path).path
        is_control = path in _CONTROLS or self.command == "PUT"
        if not is_control:
            time.sleep(carrier.faults.latency)  # The caller's real time, whatever the carrier's clock says.
            if carrier.rate_limit.is_over(carrier.faults.requests_per_second):
                carrier.store.count("too_many_requests")
                self._send(429, {"message": "Too many requests."}, {"Retry-After": "1"})
                return
            if carrier.chance.hits(carrier.faults.errors):
                carrier.store.count("errors")
                self._send(503, {"message": "Out of order."})
                return
        cut = self.command == "POST" and path == "/orders" and carrier.chance.hits(carrier.faults.lost)
        if cut and carrier.chance.hits(0.5):
            carrier.store.count("lost_orders")
            self._cut()
            return
        try:
            status, answer = self._route(carrier, path, self._parsed(body))
        except _Refused as refused:
            status, answer = refused.status, {"message": refused.message}
        if cut:
            carrier.store.count("lost_answers")
            self._cut()
            return
        self._send(status, answer)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815  (The names that the base class calls.)

    def _parsed(self, body: bytes) -> dict[str, Any]:
        if not body:
            return {}
        try:
            parsed = json.loads(body)
        except ValueError:
            raise _Refused(400, "The body is not JSON.") from None
        if not isinstance(parsed, dict):
            raise _Refused(400, "The body is not a JSON object.")
        return parsed

    def _route(self, carrier: SimulatorServer, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        store, faults = carrier.store, carrier.faults
        match self.command, [unquote(part) for part in path.strip("/").split("/")]:
            case "POST", ["orders"]:
                return self._place_order(carrier, body)
            case "GET", ["orders", order_id]:
                order = store.order(order_id)
                if order is None:
                    raise _Refused(404, "No such order.")
                return 200, _with_messages(order)
            case "GET", ["numbers"]:
                query = parse_qs(urlsplit(self.path).query)
                limit = query.get("limit", ["1000"])[0]
                if not limit.isdigit():
                    raise _Refused(422, "limit must be a number.")
                return 200, {"numbers": store.numbers(after=query.get("after", [""])[0], limit=min(int(limit), 10_000))}
            case "POST", ["numbers", "search"]:
                return 200, {"numbers": store.numbers(among=_numbers(body))}
            case "POST", ["numbers", "lost"]:
                return 200, {"numbers": store.lost_numbers(_numbers(body))}
            case "PUT", ["numbers", number] if body.get("is_lost") is True:
                store.lose_number(number)
                return 200, {"number": number, "is_lost": True}
            case "PUT", ["numbers", number]:
                store.put_number(number, body.get("campaign_id"))
                return 200, {"number": number, "campaign_id": body.get("campaign_id")}
            case "GET", ["campaigns", campaign_id]:
                status = store.campaign(campaign_id, approval_seconds=faults.approval_seconds)
                return 200, {"campaign_id": campaign_id, "status": status, "networks": store.networks(campaign_id)}
            case "PUT", ["campaigns", campaign_id]:
                networks = body.get("networks", {})
                words = [body.get("status"), *networks.values()] if isinstance(networks, dict) else [None]
                if any(word not in _CAMPAIGN_STATUSES for word in words):
                    raise _Refused(422, f"status must be one of {', '.join(_CAMPAIGN_STATUSES)}.")
                store.put_campaign(campaign_id, body["status"])
                store.put_networks(campaign_id, networks)
                return 200, {"campaign_id": campaign_id, "status": body["status"]}
            case "GET", ["faults"]:
                return 200, asdict(faults)
            case "PUT", ["faults"]:
                try:
                    carrier.faults = faults.changed(body)
                except ValueError as error:
                    raise _Refused(422, str(error)) from error
                return 200, asdict(carrier.faults)
            case "GET", ["clock"]:
                return 200, {"now": carrier.clock.now()}
            case "PUT", ["clock"]:
                try:
                    carrier.clock.advance(amount("advance", body.get("advance")))
                except ValueError as error:
                    raise _Refused(422, str(error)) from error
                return 200, {"now": carrier.clock.now()}
            case "GET", ["statistics"]:
                return 200, store.statistics()
            case "GET", ["orders-of-numbers"]:
                return 200, store.orders_of_numbers()
        raise _Refused(404, "No such thing.")

    def _place_order(self, carrier: SimulatorServer, body: dict[str, Any]) -> tuple[int, Any]:
        order_id, action, campaign_id = body.get("order_id"), body.get("action"), body.get("campaign_id")
        if not isinstance(order_id, str) or not 0 < len(order_id) <= 40:
            raise _Refused(422, "order_id must have 1 to 40 characters.")
        if action not in ("attach", "detach"):
            raise _Refused(422, "action must be attach or detach.")
        if (campaign_id is None) is (action == "attach") or not isinstance(campaign_id, str | None):
            raise _Refused(422, "attach needs a campaign_id, detach takes none.")
        numbers = _numbers(body)
        failures = {number: self._failure(carrier, campaign_id) for number in numbers}
        failures |= dict.fromkeys(carrier.store.lost_numbers(numbers), "rejected")
        try:
            order = carrier.store.place_order(
                order_id=order_id,
                action=action,
                campaign_id=campaign_id,
                numbers=numbers,
                failures={number: reason for number, reason in failures.items() if reason},
                seconds=carrier.faults.order_seconds,
            )
        except DuplicateOrder:
            raise _Refused(409, "There is an order with this order_id.") from None
        return HTTPStatus.CREATED, _with_messages(order)

    def _failure(self, carrier: SimulatorServer, campaign_id: str | None) -> str | None:
        faults = carrier.faults
        if campaign_id is not None:
            status = carrier.store.campaign(campaign_id, approval_seconds=faults.approval_seconds)
            if status != "APPROVED":
                return "campaign_not_ready"
        return carrier.chance.reason() if carrier.chance.hits(faults.failures) else None

    def _send(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        # One write for head and body.
        self._headers_buffer: list[bytes]
        self._headers_buffer.append(b"\r\n" + body)
        self.flush_headers()

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _numbers(body: dict[str, Any]) -> list[str]:
    numbers = body.get("numbers")
    if not isinstance(numbers, list) or not numbers:
        raise _Refused(422, "numbers must be a list of numbers.")
    for number in numbers:
        if not isinstance(number, str) or not _NUMBER.fullmatch(number):
            raise _Refused(422, f"{number!r} is no number.")
    return numbers


def _with_messages(order: dict[str, Any]) -> dict[str, Any]:
    failures = {
        number: {"reason": reason, "message": REASONS[reason][1]} for number, reason in order["failures"].items()
    }
    return order | {"failures": failures}
