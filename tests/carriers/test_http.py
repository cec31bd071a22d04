"""The caller against servers that misbehave, over real sockets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from carriers.base import CarrierUnavailable, Deadline
from carriers.http import MAX_ANSWER_BYTES, HttpCaller, retry_after
from tests.support.ports import closed_port
from tests.support.waiting import DEADLINE


@pytest.fixture
def caller() -> Iterator[HttpCaller]:
    """A caller."""
    caller = HttpCaller(pace=lambda: None)
    yield caller
    caller.close()


@pytest.fixture
def impatient() -> Iterator[HttpCaller]:
    """A caller with a short time limit."""
    caller = HttpCaller(pace=lambda: None, total_seconds=0.5)
    yield caller
    caller.close()


@pytest.fixture
def dribbling() -> Iterator[Callable[[bytes], str]]:
    """Starts a server that sends some bytes, and then one more every 50 ms until the deadline."""
    listeners: list[socket.socket] = []
    over = threading.Event()

    def start(beginning: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            peer, _address = listener.accept()
            with peer:
                peer.recv(65536)
                try:
                    peer.sendall(beginning)
                    deadline = time.monotonic() + DEADLINE
                    while not over.wait(0.05) and time.monotonic() < deadline:
                        peer.sendall(b"x")
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    over.set()
    for listener in listeners:
        listener.close()


def test_an_answer_comes_back_whole(caller: HttpCaller, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a", method="POST", data=b"<x/>").respond_with_data(b"<y/>", 404, {"X-A": "b"})
    answer = caller.call("POST", httpserver.url_for("/a"), content=b"<x/>")
    assert (answer.status, answer.body, answer.headers["x-a"]) == (404, b"<y/>", "b")


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"",
    ],
    ids=["headers", "body", "status line"],
)
def test_a_server_that_never_ends_is_left(
    impatient: HttpCaller, dribbling: Callable[[bytes], str], beginning: bytes
) -> None:
    with pytest.raises(CarrierUnavailable, match=r"No answer within 0\.5 seconds\.") as raised:
        impatient.call("GET", dribbling(beginning))
    assert raised.value.was_sent


def test_too_large_a_body_is_not_read(caller: HttpCaller, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"x" * 10_000_000)
    with pytest.raises(CarrierUnavailable, match=f"larger than {MAX_ANSWER_BYTES}"):
        caller.call("GET", httpserver.url_for("/"))


def test_a_refused_connection_was_never_sent(caller: HttpCaller) -> None:
    with closed_port() as port, pytest.raises(CarrierUnavailable) as raised:
        caller.call("GET", f"http://127.0.0.1:{port}/")
    assert not raised.value.was_sent


@pytest.mark.parametrize(("status", "code"), [(429, "429"), (500, "500"), (503, "503"), (301, "301"), (307, "307")])
def test_no_answer_of_the_carriers_own(caller: HttpCaller, httpserver: HTTPServer, status: int, code: str) -> None:
    httpserver.expect_request("/").respond_with_response(
        Response("<html>", status, {"Retry-After": "17", "Location": "http://127.0.0.1:9/"})
    )
    with pytest.raises(CarrierUnavailable) as raised:
        caller.call("GET", httpserver.url_for("/"))
    assert raised.value.carrier_code == code
    assert raised.value.retry_after == (None if status < 400 else 17)


def test_a_rate_limit_without_a_word_is_a_pause_of_five_seconds(caller: HttpCaller, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("", 429)
    with pytest.raises(CarrierUnavailable) as raised:
        caller.call("GET", httpserver.url_for("/"))
    assert (raised.value.retry_after, raised.value.was_sent) == (5, False)


def test_the_pace_is_asked_first(httpserver: HTTPServer) -> None:
    def refuse() -> None:
        raise CarrierUnavailable("Too many.", retry_after=3, was_sent=False)

    with pytest.raises(CarrierUnavailable, match="Too many"):
        HttpCaller(pace=refuse).call("GET", httpserver.url_for("/"))
    assert httpserver.log == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("17", 17), ("99999999999", 86_400), ("-1", None), ("", None), ("soon", None), ("1.5", None),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)  # fmt: skip
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-reset": "17"}, 17),
        ({"x-ratelimit-reset": "17", "retry-after": "3"}, 3),
        ({"x-ratelimit-reset": "17", "retry-after": "soon"}, 17),
        ({"x-ratelimit-reset": "999999999"}, 86_400),
        ({"x-ratelimit-reset": "1000000001"}, 0),
        ({"x-ratelimit-reset": "-1"}, None),
        ({"x-ratelimit-reset": "9" * 5000}, None),
        ({"x-ratelimit-limit": "17"}, None),
    ],
)
def test_the_reset_of_a_rate(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_a_moment_is_compared_with_the_answers_own_date(days: int) -> None:
    now = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
    until, date = now + timedelta(seconds=90), format_datetime(now, usegmt=True)
    with time_machine.travel(now + timedelta(days=days), tick=False):
        assert retry_after({"retry-after": format_datetime(until, usegmt=True), "date": date}) == 90
        assert retry_after({"x-ratelimit-reset": str(int(until.timestamp())), "date": date}) == 90


@time_machine.travel(1_800_000_000, tick=False)
def test_the_reset_as_a_moment() -> None:
    assert retry_after({"x-ratelimit-reset": "1800000060"}) == 60


def test_one_deadline_bounds_all_calls_together(httpserver: HTTPServer) -> None:
    answer = threading.Event()

    def hang(_request: Request) -> Response:
        answer.wait(DEADLINE)
        return Response("late")

    httpserver.expect_request("/prompt").respond_with_data("ok")
    httpserver.expect_request("/hangs").respond_with_handler(hang)
    caller = HttpCaller(pace=lambda: None)
    bound = caller.until(Deadline.after(0.2))
    try:
        with pytest.raises(CarrierUnavailable, match="No answer within") as raised:
            bound.call("POST", httpserver.url_for("/hangs"))
        assert raised.value.was_sent
        with pytest.raises(CarrierUnavailable, match="time for this order's calls is over") as raised:
            bound.call("GET", httpserver.url_for("/prompt"))
        assert raised.value.was_sent, "An earlier call may have placed the order."
        answer.set()  # The server answers one request at a time.
        assert caller.call("GET", httpserver.url_for("/prompt")).body == b"ok", "The deadline is that of the work."
    finally:
        answer.set()
        caller.close()
