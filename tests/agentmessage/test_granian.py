"""What a client of the real server receives: over a socket, with the bodies and paths that only a socket can carry."""

import http.client
import json
import select
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
import requests
from django.db import connection
from pytest_django import DjangoDbBlocker

from accounts.models import Scope
from phone_numbers.models import CampaignAttachment
from tests.support.api import ULID
from tests.support.factories import make_key
from tests.support.granian import Served, granian
from tests.support.waiting import DEADLINE
from tests.support.worlds import World

pytestmark = pytest.mark.django_db(transaction=True)
MEGABYTE = 1_048_576


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One server for all of these tests, on this process's test database."""
    with django_db_blocker.unblock(), granian(tmp_path_factory.mktemp("granian") / "log") as served:
        connection.close()
        yield served


class Caller:
    """A world that the server sees, and a key that may do everything in it."""

    def __init__(self, server: Served) -> None:
        self.world = World()
        _key, self.key = make_key(self.world.organization, *Scope)
        self.server = server
        self.path = f"/v1/phone-numbers/{self.world.phone_number.id}/campaign"
        self.body = json.dumps({"campaign_id": str(self.world.campaign.id)}).encode()

    @property
    def headers(self) -> dict[str, str]:
        """With the key."""
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}


@pytest.fixture
def caller(transactional_db: None, server: Served) -> Iterator[Caller]:
    """A caller in a world of its own."""
    yield Caller(server)
    connection.close()


def _by_http_client(caller: Caller, size: int, *, chunked: bool, key: bool) -> tuple[int, bytes]:
    """Python's own client sends everything before it reads anything, which makes it the strictest."""
    client = HTTPConnection("127.0.0.1", caller.server.port, timeout=DEADLINE)
    headers = caller.headers if key else {}
    body: Any = (b"x" * 65_536 for _ in range(size // 65_536)) if chunked else b"x" * size
    try:
        client.request("POST", caller.path, body=body, headers=headers, encode_chunked=chunked)
        response = client.getresponse()
        return response.status, response.read()
    finally:
        client.close()


def _by_requests(caller: Caller, size: int, *, chunked: bool, key: bool) -> tuple[int, bytes]:
    body: Any = (b"x" * 65_536 for _ in range(size // 65_536)) if chunked else b"x" * size
    url = f"http://127.0.0.1:{caller.server.port}{caller.path}"
    response = requests.post(url, data=body, headers=caller.headers if key else {}, timeout=DEADLINE)
    return response.status_code, response.content


def _by_curl(caller: Caller, size: int, *, chunked: bool, key: bool, expect: bool = True) -> tuple[int, bytes]:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    headers = [f"{name}: {value}" for name, value in (caller.headers if key else {}).items()]
    headers += ["Transfer-Encoding: chunked"] if chunked else []
    headers += [] if expect else ["Expect:"]
    command = ["curl", "-sS", "-m", str(DEADLINE), "-w", "\n%{http_code}", "--data-binary", "@-"]
    command += [part for header in headers for part in ("-H", header)]
    command.append(f"http://127.0.0.1:{caller.server.port}{caller.path}")
    done = subprocess.run(command, input=b"x" * size, capture_output=True, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (0, b"")
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body


_FETCH = """
const {url, size, chunked, headers} = JSON.parse(process.argv[1]);
let body = new Uint8Array(size), left = size;
if (chunked) body = new ReadableStream({pull(to) {
  if (left <= 0) return to.close();
  to.enqueue(new Uint8Array(65536));
  left -= 65536;
}});
const response = await fetch(url, {method: "POST", headers, body, duplex: "half"});
console.log(response.status); console.log(await response.text());
"""


def _by_fetch(caller: Caller, size: int, *, chunked: bool, key: bool) -> tuple[int, bytes]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node: fetch is not tried here")
    wish = {
        "url": f"http://127.0.0.1:{caller.server.port}{caller.path}",
        "size": size,
        "chunked": chunked,
        "headers": caller.headers if key else {},
    }
    command = [node, "--input-type=module", "-e", _FETCH, json.dumps(wish)]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (0, b"")
    status, _, body = done.stdout.partition(b"\n")
    return int(status), body


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize("send", [_by_http_client, _by_requests, _by_curl, _by_fetch])
@pytest.mark.parametrize(
    ("key", "status", "code"), [(True, 413, "PAYLOAD_TOO_LARGE"), (False, 401, "UNAUTHORIZED")], ids=["413", "401"]
)
def test_a_large_body_is_refused_and_the_client_hears_of_it(
    key: bool, status: int, code: str, send: Any, chunked: bool, caller: Caller
) -> None:
    for size in (2 * MEGABYTE, 16 * MEGABYTE):
        heard, body = send(caller, size, chunked=chunked, key=key)
        error = json.loads(body)["error"]
        assert (heard, error["code"]) == (status, code)
        assert ULID.fullmatch(error["request_id"])


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_curl_without_asking_first(chunked: bool, caller: Caller) -> None:
    heard, body = _by_curl(caller, 32 * MEGABYTE, chunked=chunked, key=True, expect=False)
    assert (heard, json.loads(body)["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_body_at_the_limit_is_taken(caller: Caller) -> None:
    client = HTTPConnection("127.0.0.1", caller.server.port, timeout=DEADLINE)
    for body in (caller.body.ljust(MEGABYTE), (caller.body, b" " * 100_000, b" " * 100_000)):
        client.request("POST", caller.path, body=body, headers=caller.headers, encode_chunked=True)
        response = client.getresponse()
        assert (response.status, json.loads(response.read())["success"]) == (200, True)
    client.close()


def test_strangers_that_stop_sending_do_not_keep_the_others_waiting(caller: Caller) -> None:
    """Of eight that begin to send and stop, one is waited for; the server has four threads."""
    stalled = [_connect(caller) for _ in range(8)]
    for client in stalled:
        client.sendall(b"POST /v1/api-keys HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    for _ in range(3):
        served = HTTPConnection("127.0.0.1", caller.server.port, timeout=DEADLINE)
        served.request("POST", caller.path, body=caller.body, headers=caller.headers)
        assert served.getresponse().status == 200
        served.close()
    waiting = {client.fileno() for client in stalled}
    while len(waiting) > 1:
        ready, _, _ = select.select(list(waiting), [], [], DEADLINE)
        assert ready, f"{len(waiting)} of 8 have no response"
        waiting -= set(ready)
    for client in stalled:
        if client.fileno() in waiting:
            client.sendall(b" " * 99)
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")
        client.close()


def _connect(caller: Caller) -> socket.socket:
    return socket.create_connection(("127.0.0.1", caller.server.port), timeout=DEADLINE)


@pytest.mark.parametrize("framing", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_disconnects_leaves_one_line(framing: str, reset: bool, caller: Caller) -> None:
    head = f"POST {caller.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.key}\r\n{framing}\r\n\r\n"
    part = caller.body[:-10]
    client = _connect(caller)
    client.sendall(head.encode() + (part if "Length" in framing else b"%x\r\n%s\r\n" % (len(part), part)))
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    line = caller.server.wait_for_line(path=caller.path, event="request.completed")
    assert (line["level"], line["status"] in (400, 422)) == ("info", True)
    assert caller.server.lines_of(line["request_id"]) == [line]
    assert "Traceback" not in caller.server.log.read_text()
    assert not CampaignAttachment.objects.exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("//v1/phone-numbers", 404),
        ("/V1/phone-numbers", 404),
        ("/./v1/phone-numbers", 404),
        ("/v1//phone-numbers", 404),
        ("/%2fv1/phone-numbers", 404),
        ("/v1%2f/phone-numbers", 404),
        ("/v1/%00", 404),
        ("/v1/%ff", 404),
        ("/v1/\u2603", 404),
        # Granian decodes the path, so that these are the same as /v1/phone-numbers and /v1/nothing (RFC 3986, 6.2.2.2).
        ("/%761/phone-numbers", 401),
        ("/%761/nothing", 404),
        ("http://elsewhere/v1/phone-numbers", 401),
    ],
)
def test_a_path_as_it_was_sent(path: str, status: int, caller: Caller) -> None:
    with _connect(caller) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        response = http.client.HTTPResponse(client)
        response.begin()
        error = json.loads(response.read())["error"]
    assert response.status == status
    assert error["request_id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize("content_type", ["application/json; x*=foo''%41", "application/json; charset=undefined"])
def test_a_malformed_content_type(content_type: str, caller: Caller) -> None:
    client = HTTPConnection("127.0.0.1", caller.server.port, timeout=DEADLINE)
    client.request("POST", caller.path, caller.body, caller.headers | {"Content-Type": content_type})
    response = client.getresponse()
    error = json.loads(response.read())["error"]
    client.close()
    assert (response.status, error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    [line] = caller.server.lines_of(error["request_id"])
    assert (line["level"], line["status"]) == ("info", 415)
