"""What the fakes have in common: a real HTTP server in a thread, whose answers are made by one method.

Every request and every answer is checked against the carrier's documents (`tests.support.documents`); what does not
follow them fails the test when the fake is stopped.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.documents import Documents

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Call:
    """One request; `raw_path` is not decoded."""

    method: str
    raw_path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    content: bytes

    @property
    def path(self) -> str:
        """The decoded path."""
        return unquote(self.raw_path)

    @property
    def body(self) -> Any:
        """The JSON of the request; None if it has no body."""
        return json.loads(self.content) if self.content else None


@dataclass
class Reply:
    """What to answer; `cut` ends the connection instead.

    `is_foreign`: another server's page, or what a carrier would send by mistake. The documents do not bind it.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    is_foreign: bool = False


def json_reply(status: int, content: object) -> Reply:
    """An answer in JSON."""
    return Reply(status, json.dumps(content).encode(), JSON)


def foreign(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
    """An answer that is not the carrier's, or not as documented."""
    return Reply(status, body, headers or {}, is_foreign=True)


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with the next `times` calls of `method` (any, if None).

    With `acts` the carrier does what it was asked for first. Without a `reply` the connection is then cut.
    """

    method: str | None = None
    reply: Reply | None = None
    acts: bool = False
    times: int = 1


class FakeCarrier:
    """Answers calls one at a time and keeps them.

    `next_replies` come first, whatever is asked, then `faults`. `on_call` is called before each call is answered.
    """

    def __init__(self, documents: str) -> None:
        self.calls: list[Call] = []
        self.next_replies: list[Reply | None] = []
        self.faults: list[Fault] = []
        self.on_call: Callable[[Call], None] | None = None
        self.violations: list[str] = []
        """What was not as the carrier's documents say."""
        self._documents = Documents(documents)
        self._lock = RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The CARRIER_URL for it."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the server. Raises AssertionError if anything was not as the documents say."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        assert not self.violations, "\n".join(self.violations)

    def asked(self) -> list[str]:
        """Method and path of every call so far."""
        return [f"{call.method} {call.path}" for call in self.calls]

    def methods(self) -> list[str]:
        """The methods of all calls."""
        return [call.method for call in self.calls]

    def answer(self, call: Call) -> Reply:
        """What the carrier says."""
        raise NotImplementedError

    def serve(self, call: Call) -> Reply:
        """Answer in turn: the next reply that was put in, a fault's, or the carrier's own."""
        if self.on_call is not None:
            self.on_call(call)
        with self._lock:
            self.calls.append(call)
            self.violations += self._documents.check_request(call.method, call.raw_path, call.query, call.content)
            reply = self._in_turn(call)
            if not (reply.cut or reply.is_foreign):
                content_type = reply.headers.get("Content-Type", "")
                self.violations += self._documents.check_answer(
                    call.method, call.raw_path, reply.status, content_type, reply.body
                )
            return reply

    def _in_turn(self, call: Call) -> Reply:
        # None in the row of replies lets the carrier answer.
        planned = self.next_replies.pop(0) if self.next_replies else None
        if planned is not None:
            if planned.cut:
                # Carried out, but the answer is lost.
                self.answer(call)
            return planned
        fault = self._take_fault(call.method)
        if fault is None:
            return self.answer(call)
        if fault.acts:
            self.answer(call)
        return fault.reply or Reply(0, cut=True)

    def _take_fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method in (None, method):
                fault.times -= 1
                return fault
        return None


def _handler(carrier: FakeCarrier) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # Head and body in one packet, or the kernel waits for an acknowledgement between them.

        def _any(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = carrier.serve(Call(self.command, parts.path, query, headers, body))
            if reply.cut:
                self.close_connection = True
                return
            # A client that has enough leaves in the middle of a large body.
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
                self.wfile.flush()
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815  (The base class's names.)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (The base class's name.)
            """Quiet."""

    return Handler
