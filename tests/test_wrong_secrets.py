"""Every endpoint that takes a secret limits how many wrong ones a network may send."""

import base64
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from accounts.api.base import wrong_keys
from accounts.models import Scope
from agentmessage.rates import Rate
from agentmessage.views import wrong_tokens
from propagation.webhooks.base import wrong_credentials
from tests.support.factories import make_key
from tests.support.worlds import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

PUBLIC, ELSEWHERE, PRIVATE = "198.51.100.7", "203.0.113.66", "10.0.0.1"
PRIVATE_KEY, WRONG_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
# Sends a right or a wrong secret from an address.
Send = Callable[[bool, str], "Answer"]


@pytest.fixture(autouse=True)
def _limit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=3, seconds=3600)
    settings.CARRIER_WEBHOOK_CREDENTIALS = "carrier:right"
    settings.TELNYX_PUBLIC_KEY = [PRIVATE_KEY.public_key().public_bytes_raw()]
    settings.METRICS_TOKEN = "right"
    for limit in (wrong_keys, wrong_credentials, wrong_tokens):
        monkeypatch.setattr(limit, "_blocked_until", {})


@pytest.fixture(params=["v1", "bandwidth", "telnyx", "metrics"])
def send(request: pytest.FixtureRequest, world: World) -> Send:
    """One of the endpoints."""
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    client = Client(raise_request_exception=False)

    def v1(right: bool, address: str) -> "Answer":
        headers = {"Authorization": f"Bearer {plain if right else 'am_live_guess'}"}
        return client.get("/v1/phone-numbers", headers=headers, REMOTE_ADDR=address)

    def bandwidth(right: bool, address: str) -> "Answer":
        password = base64.b64encode(b"carrier:" + (b"right" if right else b"guess")).decode()
        return client.post(
            "/carrier/bandwidth",
            data="<Notification/>",
            content_type="application/xml",
            headers={"Authorization": f"Basic {password}"},
            REMOTE_ADDR=address,
        )

    def telnyx(right: bool, address: str) -> "Answer":
        body, now = json.dumps({"data": {"event_type": "x"}}).encode(), str(int(time.time()))
        signature = (PRIVATE_KEY if right else WRONG_KEY).sign(now.encode() + b"|" + body)
        headers = {"telnyx-timestamp": now, "telnyx-signature-ed25519": base64.b64encode(signature).decode()}
        return client.post(
            "/carrier/telnyx", data=body, content_type="application/json", headers=headers, REMOTE_ADDR=address
        )

    def metrics(right: bool, address: str) -> "Answer":
        headers = {"Authorization": f"Bearer {'right' if right else 'guess'}"}
        return client.get("/metrics", headers=headers, REMOTE_ADDR=address)

    sends: dict[str, Send] = {"v1": v1, "bandwidth": bandwidth, "telnyx": telnyx, "metrics": metrics}
    return sends[request.param]


def test_a_public_network_is_blocked(send: Send) -> None:
    assert [send(False, PUBLIC).status_code for _ in range(3)] == [401] * 3
    assert send(True, PUBLIC).status_code in (200, 204)
    for right in (False, True, False):
        refused = send(right, PUBLIC)
        assert (refused.status_code, refused.json()["success"]) == (429, False)
        assert 1 <= int(refused["Retry-After"]) <= 3600
        assert "WWW-Authenticate" not in refused
    assert send(True, ELSEWHERE).status_code in (200, 204)


def test_a_private_network_is_never_blocked(send: Send) -> None:
    assert [send(False, PRIVATE).status_code for _ in range(5)] == [401] * 3 + [429] * 2
    assert send(True, PRIVATE).status_code in (200, 204)
    assert send(False, PRIVATE).status_code == 429


def test_a_limit_that_is_off_limits_nothing(send: Send, settings: Settings) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = None
    assert [send(False, PUBLIC).status_code for _ in range(5)] == [401] * 5


def test_without_a_database_a_wrong_secret_is_503(send: Send) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(fail):
        assert send(False, PUBLIC).status_code == 503
