"""The carriers' webhooks: who may send, what is read, and that nothing in them is believed."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from carriers.base import CampaignApproval, OrderReport, OrderRequest
from carriers.http import HttpCarrier
from carriers.telnyx import TelnyxCarrier
from propagation.models import CarrierOrder
from tests.support.api import assert_refused
from tests.support.carrier_webhooks import CREDENTIALS, PRIVATE_KEY, Post, event
from tests.support.fake_telnyx import FakeTelnyx
from tests.support.propagation import Worker, attach, detach, is_anything_open, line_option_status
from tests.support.worlds import World


class Busy(HttpCarrier):
    """A carrier that is at work forever."""

    batch_size = lookup_size = page_size = page_step = 10

    def submit(self, order: OrderRequest) -> OrderReport:
        return OrderReport(is_open=True)

    def find(self, order: OrderRequest) -> OrderReport:
        return OrderReport(is_open=True)

    def assignments(self, numbers: object) -> Iterator[tuple[str, str | None]]:
        yield from ()

    def holdings(self, numbers: object) -> Iterator[tuple[str, bool]]:
        yield from ()

    def campaign_status(self, tcr_campaign_id: str, *, tcr_brand_id: str | None = None) -> CampaignApproval | None:
        return None


@pytest.fixture
def world(transactional_db: None) -> World:
    """As everywhere, with a TCR id, and committed: services are durable here."""
    world = World()
    world.campaign.tcr_campaign_id = "CAAAAA1"
    world.campaign.save()
    return world


@pytest.fixture
def order(world: World) -> CarrierOrder:
    """An order that is open at the carrier, to be looked at in an hour."""
    attach(world.phone_number, world.campaign)
    Worker(Busy(pace=lambda: None)).run()
    order = CarrierOrder.objects.get()
    order.next_poll_at = timezone.now() + timedelta(hours=1)
    order.save()
    return order


def is_due(order: CarrierOrder) -> bool:
    """Whether a worker takes it up at once."""
    order.refresh_from_db()
    return order.next_poll_at is not None and order.next_poll_at <= timezone.now()


def notification(order_id: object, *, status: str = "COMPLETE") -> str:
    """As Bandwidth writes it."""
    return (
        '<?xml version="1.0"?><Notification><SubscriptionId>9</SubscriptionId><OrderType>tnoptions</OrderType>'
        f"<OrderId>bw-1</OrderId><CustomerOrderId> {order_id} </CustomerOrderId><Status>{status}</Status>"
        "<CompletedTelephoneNumbers><TelephoneNumber>9192491000</TelephoneNumber></CompletedTelephoneNumbers>"
        "</Notification>"
    )


# What they do.


@pytest.mark.parametrize("status", ["COMPLETE", "FAILED", "NONSENSE"])
def test_bandwidth_wakes_the_order_and_nothing_else(post: Post, order: CarrierOrder, world: World, status: str) -> None:
    before = line_option_status(world.phone_number)
    for _ in range(3):
        assert post.bandwidth(notification(order.id, status=status)).status_code == 200
        assert is_due(order)
    assert line_option_status(world.phone_number) == before == "pending"
    assert order.ended_at is None


@pytest.mark.parametrize("status", ["ASSIGNED", "FAILED", "NONSENSE"])
def test_telnyx_wakes_the_numbers_order_and_nothing_else(
    post: Post, order: CarrierOrder, world: World, status: str
) -> None:
    told = event(world.phone_number.number, status=status)
    for _ in range(3):
        assert post.telnyx(told).status_code == 200
        assert is_due(order)
    assert line_option_status(world.phone_number) == "pending"
    assert order.ended_at is None


def test_a_foreign_notification_changes_nothing(post: Post, order: CarrierOrder, world: World) -> None:
    assert post.bandwidth(notification(uuid4())).status_code == 200
    assert post.bandwidth(notification("another's 17")).status_code == 200
    assert post.bandwidth("<Notification><OrderId>bw-1</OrderId></Notification>").status_code == 200
    assert post.telnyx(event(world.stranger.phone_number.number)).status_code == 200
    assert post.telnyx({"data": {"event_type": "message.received", "payload": None}}).status_code == 200
    assert not is_due(order)


def test_an_order_that_has_ended_stays_so(post: Post, order: CarrierOrder) -> None:
    CarrierOrder.objects.update(ended_at=timezone.now(), next_poll_at=None)
    assert post.bandwidth(notification(order.id)).status_code == 200
    order.refresh_from_db()
    assert order.next_poll_at is None


def test_namespaces_are_no_matter(post: Post, order: CarrierOrder) -> None:
    body = notification(order.id).replace("<Notification>", '<Notification xmlns="http://example.com">')
    assert post.bandwidth(body).status_code == 200
    assert is_due(order)


def test_each_is_logged(
    post: Post, order: CarrierOrder, world: World, log_lines: list[MutableMapping[str, Any]]
) -> None:
    post.bandwidth(notification(order.id, status="X\x85Y" + "z" * 9999))
    told = event(world.phone_number.number)
    post.telnyx(told)
    first, second = (line for line in log_lines if line["event"] == "carrier.webhook")
    assert [first[key] for key in ("carrier", "order_id", "carrier_order_id", "log_level", "orders_woken")] == [
        "bandwidth", str(order.id), "bw-1", "info", 1,
    ]  # fmt: skip
    assert first["status"].startswith("X Yzz")
    assert len(first["status"]) == 500
    # It is due already.
    assert (second["carrier"], second["number"], second["event_id"], second["orders_woken"]) == (
        "telnyx", world.phone_number.number, told["data"]["id"], 0,
    )  # fmt: skip


def test_telnyx_from_attach_to_detach(post: Post, world: World, settings: Settings) -> None:
    """A slow carrier announces the end by webhook, so that the order is polled at once."""
    settings.PROPAGATION_SETTLE_SECONDS = 0
    fake = FakeTelnyx()
    fake.add_campaign("CAAAAA1")
    fake.is_slow = True
    carrier = TelnyxCarrier.from_url(urlsplit(fake.url), pace=lambda: None)
    worker, number = Worker(carrier), world.phone_number
    steps: list[tuple[Callable[[], object], str, str | None]] = [
        (lambda: attach(number, world.campaign), "pending", "propagated"),
        (lambda: detach(number), "removing", None),
    ]
    try:
        for change, pending, done in steps:
            change()
            worker.run()
            # However much later.
            CarrierOrder.objects.filter(ended_at=None).update(next_poll_at=timezone.now() + timedelta(hours=1))
            # News that is not true changes nothing.
            assert post.telnyx(event(number.number)).status_code == 200
            worker.run()
            assert line_option_status(number) == pending
            fake.settle()
            CarrierOrder.objects.filter(ended_at=None).update(next_poll_at=timezone.now() + timedelta(hours=1))
            worker.run()
            assert line_option_status(number) == pending
            assert post.telnyx(event(number.number)).status_code == 200
            worker.run()
            assert line_option_status(number) == done
        assert not is_anything_open()
        assert [method for method in fake.methods() if method != "GET"] == ["POST", "DELETE"]
    finally:
        carrier.close()
        fake.stop()


# Who may send.


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Basic", "Basic ", "Basic !!!", "Basic é", "Bearer " + base64.b64encode(CREDENTIALS.encode()).decode(),
     "Basic " + base64.b64encode(CREDENTIALS[:-1].encode()).decode(),
     "Basic " + base64.b64encode(CREDENTIALS.encode() + b"x").decode(),
     "Basic " + base64.b64encode(b"carrier:").decode(), "Basic " + base64.b64encode(b"\xff\xfe").decode()],
)  # fmt: skip
def test_bandwidth_must_know_the_password(post: Post, order: CarrierOrder, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = post.client.post(
        "/carrier/bandwidth", data=notification(order.id), content_type="application/xml", headers=headers
    )
    assert_refused(response, 401, "UNAUTHORIZED", "authentication failed")
    assert response["WWW-Authenticate"] == 'Basic realm="carrier", charset="UTF-8"'
    assert not is_due(order)


def test_telnyx_must_have_signed_it(post: Post, order: CarrierOrder, world: World) -> None:
    told = event(world.phone_number.number)
    body = json.dumps(told).encode()
    now = str(int(time.time()))
    good = base64.b64encode(PRIVATE_KEY.sign(now.encode() + b"|" + body)).decode()
    other = base64.b64encode(Ed25519PrivateKey.generate().sign(now.encode() + b"|" + body)).decode()
    refused = [
        post.telnyx(told, signed=b"{}"),
        post.telnyx(told, at=time.time() - 3600),
        post.telnyx(told, at=time.time() + 3600),
        post.telnyx(told, at=""),
        post.telnyx(told, at="now"),
        post.telnyx(told, at=now + ".5"),
        post.telnyx(told, at="٣" * 10),
        post.telnyx(told, at="9" * 5000),
        post.raw_telnyx(body, now, ""),
        post.raw_telnyx(body, now, "!!!"),
        post.raw_telnyx(body, now, "é"),
        post.raw_telnyx(body, now, good[:-8]),
        post.raw_telnyx(body, now, other),
        post.raw_telnyx(body, str(int(now) - 1), good),
        post.raw_telnyx(body + b" ", now, good),
        post.client.post("/carrier/telnyx", data=body, content_type="application/json"),
    ]
    for response in refused:
        assert_refused(response, 401, "UNAUTHORIZED", "authentication failed")
    assert not is_due(order)
    # The control: it is only those changes that it was refused for.
    assert post.raw_telnyx(body, now, good).status_code == 200
    assert is_due(order)


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 200), (300, 200), (301, 401)])
def test_five_minutes_are_within_the_tolerance(
    post: Post, order: CarrierOrder, world: World, seconds: int, status: int
) -> None:
    with time_machine.travel(int(time.time()), tick=False):
        assert post.telnyx(event(world.phone_number.number), at=time.time() + seconds).status_code == status
    assert is_due(order) is (status == 200)


@pytest.mark.parametrize("method", ["get", "post", "put"])
def test_a_webhook_that_is_not_set_up_is_not_there(post: Post, settings: Settings, method: str) -> None:
    settings.CARRIER_WEBHOOK_CREDENTIALS = settings.TELNYX_PUBLIC_KEY = None
    for path in ("/carrier/bandwidth", "/carrier/telnyx"):
        assert_refused(getattr(post.client, method)(path), 404, "NOT_FOUND", "not found")


@pytest.mark.parametrize("path", ["/carrier/bandwidth", "/carrier/telnyx"])
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options"])
def test_only_post(post: Post, path: str, method: str) -> None:
    response = getattr(post.client, method)(path)
    assert_refused(response, 405, "METHOD_NOT_ALLOWED", "method not allowed")
    assert response["Allow"] == "POST"


# What is read.

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    + "]><Notification><CustomerOrderId>&j;</CustomerOrderId></Notification>"
)


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "<html/>", notification(1)[:-5], "{}", BOMB, b"\xff\xfe\x00", "<Notification>\x00</Notification>",
     '<!DOCTYPE x SYSTEM "file:///etc/passwd"><Notification/>',
     '<?xml version="1.0" encoding="nonsense"?><Notification/>'],
)  # fmt: skip
def test_what_is_no_notification(post: Post, body: str | bytes) -> None:
    response = post.bandwidth(body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "INVALID_INPUT")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b"null", b'{"data": null}', b'{"data": {"event_type": 7}}', b"\xff", b"[" * 100_000,
     json.dumps(event(None)).encode(), json.dumps(event("9192491000")).encode(),
     json.dumps(event("+1919\x00")).encode(), json.dumps(event({"a": 1})).encode(),
     b'{"data": {"event_type": "10dlc.phone_number.update", "payload": []}}'],
)  # fmt: skip
def test_what_is_no_event(post: Post, body: bytes) -> None:
    response = post.telnyx(body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "INVALID_INPUT")


def test_a_large_body(post: Post, settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 1000
    body = b"<Notification>" + b" " * 1000 + b"</Notification>"
    assert_refused(post.bandwidth(body), 413, "PAYLOAD_TOO_LARGE", "payload too large")
    assert_refused(post.telnyx(body), 413, "PAYLOAD_TOO_LARGE", "payload too large")


def test_without_a_database_the_carrier_comes_again(post: Post, order: CarrierOrder) -> None:
    with closing(connection.copy()) as other, other.cursor() as holder, connection.cursor() as cursor:
        holder.execute("BEGIN")
        holder.execute("SELECT 1 FROM propagation_carrierorder FOR UPDATE")
        cursor.execute("SET lock_timeout = '50ms'")
        response = post.bandwidth(notification(order.id))
        cursor.execute("RESET lock_timeout")
    assert response.status_code == 503
    assert response["Retry-After"]


# What is set.


@pytest.mark.parametrize(
    ("name", "value"),
    [("CARRIER_WEBHOOK_CREDENTIALS", "SECRET"), ("CARRIER_WEBHOOK_CREDENTIALS", ":SECRET"),
     ("CARRIER_WEBHOOK_CREDENTIALS", "SECRET:"), ("TELNYX_PUBLIC_KEY", "SECRET!"),
     ("TELNYX_PUBLIC_KEY", "SECRETSECRET"),
     ("TELNYX_PUBLIC_KEY", "é")],
)  # fmt: skip
def test_settings_that_cannot_be_understood(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    run = subprocess.run([sys.executable, "-c", "import tests.settings"], capture_output=True, text=True, timeout=60)
    last = run.stderr.strip().splitlines()[-1]
    assert run.returncode == 1
    assert last.startswith(f"django.core.exceptions.ImproperlyConfigured: {name} must be")
    assert "SECRET" not in last.removeprefix(name)


def test_settings_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    key = PRIVATE_KEY.public_key().public_bytes_raw()
    monkeypatch.setenv("CARRIER_WEBHOOK_CREDENTIALS", "carrier:a:b")
    monkeypatch.setenv("TELNYX_PUBLIC_KEY", base64.b64encode(key).decode())
    program = "import tests.settings as s; print(s.CARRIER_WEBHOOK_CREDENTIALS, s.TELNYX_PUBLIC_KEY[0].hex())"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.split() == ["carrier:a:b", key.hex()]
