"""What the fakes have in common: a real HTTP server in a thread, whose answers are made by one method."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What to answer; `cut` ends the connection instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


class FakeCarrier:
    """Answers calls one at a time and keeps them. `next_replies` come first, whatever is asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.next_replies: list[Reply | None] = []
        self._lock = RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self) -> list[str]:
        """Method and path of every call so far."""
        return [f"{call.method} {call.path}" for call in self.calls]

    def answer(self, call: Call) -> Reply:
        """What the carrier says."""
        raise NotImplementedError

    def answer_in_turn(self, call: Call) -> Reply:
        """The next reply that was put in, or the carrier's own. None in their row lets the carrier answer."""
        with self._lock:
            self.calls.append(call)
            planned = self.next_replies.pop(0) if self.next_replies else None
            if planned is None:
                return self.answer(call)
            if planned.cut:
                # Carried out, but nobody hears of it.
                self.answer(call)
            return planned


def _handler(carrier: FakeCarrier) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # Head and body in one packet, or the kernel waits for an acknowledgement between them.

        def _any(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = carrier.answer_in_turn(Call(self.command, unquote(parts.path), query, headers, body))
            if reply.cut:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815  (The base class's names.)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (The base class's name.)
            """Quiet."""

    return Handler
