"""What a WSGI server may deliver, without Django's test client, which never delivers it."""

import io
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries
from pytest_django import Settings

from accounts.models import Scope
from agentmessage.wsgi import application
from phone_numbers.models import CampaignAttachment
from tests.support.api import ULID
from tests.support.factories import make_key
from tests.support.worlds import World

Lines = list[MutableMapping[str, Any]]


@dataclass
class Heard:
    """A response as the server hears it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def error(self, status: int) -> dict[str, Any]:
        """The error of a response that is in the envelope to its last key, with its ID in the header too."""
        assert self.status == status, self.body
        assert self.headers["Content-Type"] == "application/json"
        body = json.loads(self.body)
        assert (set(body), body["success"]) == ({"success", "error"}, False)
        assert ULID.fullmatch(body["error"]["request_id"])
        assert body["error"]["request_id"] == self.headers["X-Request-Id"]
        error: dict[str, Any] = body["error"]
        return error


@pytest.fixture
def key(world: World) -> str:
    """A key that may do everything, while the handler leaves the connection of the test's transaction alone."""
    _key, plain = make_key(world.organization, *Scope)
    return plain


@pytest.fixture(autouse=True)
def _keep_the_connection() -> Any:
    for signal, receiver in _SIGNALS:
        signal.disconnect(receiver)
    yield
    for signal, receiver in _SIGNALS:
        signal.connect(receiver)


_SIGNALS = [
    (request_started, reset_queries),
    (request_started, close_old_connections),
    (request_finished, close_old_connections),
]


def call(method: str, path: str, body: bytes | io.IOBase = b"", **environ: Any) -> Heard:
    """One request, as PEP 3333 has it. A variable that is None is absent."""
    heard = Heard()
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    given = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)) if isinstance(body, bytes) and body else None,
        "CONTENT_TYPE": "application/json",
        "wsgi.url_scheme": "http",
        "wsgi.input": stream,
        "wsgi.errors": io.StringIO(),
    } | environ

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
        heard.status, heard.headers = int(status.split(maxsplit=1)[0]), dict(headers)

    response = application({name: value for name, value in given.items() if value is not None}, start_response)
    heard.body = b"".join(response)
    return heard


def _attach(world: World, key: str, **environ: Any) -> Heard:
    body = json.dumps({"campaign_id": str(world.campaign.id)}).encode()
    path = f"/v1/phone-numbers/{world.phone_number.id}/campaign"
    return call("POST", path, **({"body": body, "HTTP_AUTHORIZATION": f"Bearer {key}"} | environ))


def test_an_attach(world: World, key: str) -> None:
    """The positive control."""
    assert _attach(world, key).status == 200
    assert CampaignAttachment.objects.count() == 1


MALFORMED = [
    "application/json; x*=foo''%41",
    "application/json; x*=undefined''%41",
    "application/json; charset=undefined",
    "application/json; charset=idna",
    "application/json; charset=rot13",
    "application/json; charset=nothing",
    "application/json; charset=\xff",
    "application/json; charset=a\x00b",
    'application/json; charset="utf-8',
    "application/json; x*=a'b'c'd",
    "application/json; charset",
    "application/json; =utf-8",
    "application/json; charset = utf-8",
    "application/json charset=utf-8",
    "application/json, application/json",
    "application/",
    "/json",
    "/",
    ";",
    " ",
    "json",
    "a" * 20_000,
    "a/b" + "; " * 5_000 + "\x00",
    "a/b" + ";" * 5_000 + "x",
    "application/json; x=" + '"\\' * 5_000,
]


@pytest.mark.parametrize("content_type", MALFORMED, ids=lambda text: repr(text[:40]))
def test_a_malformed_content_type(content_type: str, world: World, key: str, log_lines: Lines) -> None:
    error = _attach(world, key, CONTENT_TYPE=content_type).error(415)
    assert (error["code"], error["message"]) == ("UNSUPPORTED_MEDIA_TYPE", "unsupported media type")
    assert [(line["log_level"], line["event"], line["status"]) for line in log_lines] == [
        ("info", "request.completed", 415)
    ]
    assert not CampaignAttachment.objects.exists()
    # 401 comes first, and elsewhere it does not matter.
    assert _attach(world, "wrong", CONTENT_TYPE=content_type).error(401)["code"] == "UNAUTHORIZED"
    assert call("GET", "/v1/nothing", CONTENT_TYPE=content_type).error(404)["code"] == "NOT_FOUND"
    assert call("GET", "/healthz", CONTENT_TYPE=content_type).status == 200
    assert call("POST", "/carrier/bandwidth", b"x", CONTENT_TYPE=content_type).status < 500


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;",
        "application/json ; charset=utf-8",
        'application/json;charset="UTF-8"',
        'application/json; profile="a;\\"b"; q=1',
        "application/json; charset=ISO-8859-1",
        "",
        None,
    ],
)
def test_a_content_type_that_is_well_formed(content_type: str | None, world: World, key: str) -> None:
    assert _attach(world, key, CONTENT_TYPE=content_type).status == 200


class Gone(io.RawIOBase):
    """A body whose sender disconnects after `sent`: the read fails, or comes short, as granian's does."""

    def __init__(self, sent: bytes, *, raises: bool) -> None:
        self._sent = io.BytesIO(sent)
        self._raises = raises

    def read(self, size: int = -1, /) -> bytes:
        data = self._sent.read(size)
        if self._raises and (size < 0 or len(data) < size):
            raise OSError("connection reset by peer")
        return data


DISCONNECTS = [
    pytest.param(sent, raises, chunked, id=f"{sent!r} raises={raises} chunked={chunked}")
    for sent in (b"", b'{"campaign_id": "', b"{}")
    for raises in (True, False)
    for chunked in (True, False)
    # A server that reports a chunked body which was cut off as complete leaves nothing to notice.
    if raises or not chunked
]


@pytest.mark.parametrize(("sent", "raises", "chunked"), DISCONNECTS)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/phone-numbers/{number}/campaign"),
        ("PATCH", "/v1/phone-numbers/{number}"),
        ("POST", "/v1/campaigns/{campaign}/phone-numbers"),
        ("POST", "/v1/api-keys"),
        ("DELETE", "/v1/phone-numbers/{number}/campaign"),
        ("POST", "/v1/phone-numbers/{number}/campaign/retry"),
    ],
)
def test_a_client_that_disconnects(
    method: str, path: str, sent: bytes, raises: bool, chunked: bool, world: World, key: str, log_lines: Lines
) -> None:
    declared = {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": "100"}
    heard = call(
        method,
        path.format(number=world.phone_number.id, campaign=world.campaign.id),
        Gone(sent, raises=raises),
        HTTP_AUTHORIZATION=f"Bearer {key}",
        **declared,
    )
    error = heard.error(400)
    assert (error["code"], error["message"]) == ("INVALID_INPUT", "the body ended before it was complete")
    [line] = log_lines
    assert (line["log_level"], line["event"], line["status"]) == ("info", "request.completed", 400)
    assert "exc_info" not in line
    assert not CampaignAttachment.objects.exists()


@pytest.mark.parametrize("path", ["/carrier/bandwidth", "/admin/login/", "/healthz", "/nothing"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_client_that_disconnects_elsewhere(
    path: str, chunked: bool, db: None, settings: Settings, log_lines: Lines
) -> None:
    settings.CARRIER_WEBHOOK_CREDENTIALS = "a:b"
    declared = {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": "100"}
    body = Gone(b"username=x", raises=True)
    heard = call("POST", path, body, CONTENT_TYPE="application/x-www-form-urlencoded", **declared)
    assert heard.status < 500
    assert ULID.fullmatch(heard.headers["X-Request-Id"])
    assert [(line["log_level"], line["event"]) for line in log_lines] == [("info", "request.completed")]


def test_a_body_that_is_cut_off_after_a_whole_object_is_not_performed(world: World, key: str) -> None:
    body = json.dumps({"campaign_id": str(world.campaign.id)}).encode()
    heard = _attach(world, key, body=body, CONTENT_LENGTH=str(len(body) + 1))
    assert heard.error(400)["code"] == "INVALID_INPUT"
    assert not CampaignAttachment.objects.exists()


@pytest.mark.parametrize("size", [1, 4096, 10_000_000])
def test_a_body_in_chunks(size: int, world: World, key: str) -> None:
    body = json.dumps({"campaign_id": str(world.campaign.id)}).encode()
    chunks = {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "Chunked"}
    assert _attach(world, key, body=body, **chunks).status == 200
    assert _attach(world, key, body=body.ljust(size), **chunks).status == (413 if size > 1_048_576 else 200)
    error = _attach(world, key, body=b"", **chunks).error(422)
    assert error["details"] == {"campaign_id": "is required"}


@pytest.mark.parametrize("authorized", [True, False])
def test_what_is_left_of_a_body_is_read_before_the_response(authorized: bool, world: World, key: str) -> None:
    body = io.BytesIO(b"x" * 5_000_000)
    heard = _attach(world, key if authorized else "wrong", body=body, CONTENT_LENGTH="5000000")
    assert heard.error(413 if authorized else 401)
    assert body.tell() == 5_000_000


def test_expect_continue_is_not_granted_for_a_refused_request(world: World) -> None:
    body = io.BytesIO(b"x" * 5_000_000)
    _attach(world, "wrong", body=body, CONTENT_LENGTH="5000000", HTTP_EXPECT="100-continue").error(401)
    assert body.tell() == 0


@pytest.mark.parametrize(
    "path",
    [
        "//v1/phone-numbers",
        "///v1/phone-numbers",
        "/V1/phone-numbers",
        "/V1",
        "/%761/phone-numbers",
        "/%56%31/phone-numbers",
        "/./v1/phone-numbers",
        "/.//v1/phone-numbers",
        "/../v1/phone-numbers",
        "/\\v1/phone-numbers",
        "\\v1\\phone-numbers",
        "/ v1/phone-numbers",
        "/\tv1/phone-numbers",
        "/%2fv1/phone-numbers",
        "/%2e/v1/phone-numbers",
        "/v1\\phone-numbers",
        "/v1;x=1/phone-numbers",
        "/v1%2fphone-numbers",
        "/v1 /phone-numbers",
        "/v1./phone-numbers",
        "/v1//phone-numbers",
        "/v1/./phone-numbers",
        "/v1/x/../phone-numbers",
        "/v1/%70hone-numbers",
        "/v1/Phone-Numbers",
        "/v1/phone-numbers/",
        "/v1/phone-numbers//campaign",
        "/v1/../admin/login/",
        "/v1/\xe2\x98\x83",
        "/v1/\xff",
        "/v1/\x00",
        "/v1",
        "/v1/",
        "v1/phone-numbers",
    ],
)
def test_v1_in_another_spelling_is_not_found(path: str, key: str, log_lines: Lines) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS", "X"):
        for authorization in (f"Bearer {key}", None):
            error = call(method, path, HTTP_AUTHORIZATION=authorization).error(404)
            assert (error["code"], error["message"]) == ("NOT_FOUND", "not found")
    assert {line["event"] for line in log_lines} == {"request.completed"}


@pytest.mark.parametrize("path", ["/v1x", "/v10/phone-numbers", "/x/v1", "/docs/v1", "/static/v1"])
def test_other_paths_are_not_the_apis(path: str, db: None) -> None:
    heard = call("GET", path)
    assert (heard.status, heard.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_query_in_a_charset_of_its_own(world: World, key: str) -> None:
    """Django reads the query in the Content-Type's charset."""
    for charset in ("utf-16", "utf-7", "cp037"):
        heard = call(
            "GET",
            "/v1/phone-numbers",
            QUERY_STRING="limit=1&search=%ff",
            CONTENT_TYPE=f"application/json; charset={charset}",
            HTTP_AUTHORIZATION=f"Bearer {key}",
        )
        assert heard.error(400)["code"] == "INVALID_INPUT"
