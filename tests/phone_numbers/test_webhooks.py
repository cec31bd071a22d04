"""What carriers tell us: taken from them alone, and never believed."""

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from phone_numbers.models import CampaignAttachment, CarrierOrder
from tests.propagation import attach
from tests.worlds import World

KEY = Ed25519PrivateKey.generate()
CREDENTIALS = "carrier:pässword:x"


@pytest.fixture
def order(transactional_db: None) -> CarrierOrder:
    """An order that is at the carrier, to be looked at in an hour."""
    world = World()
    attach(world.phone_number, world.campaign)
    entry = CampaignAttachment.objects.get()
    now = timezone.now()
    order = CarrierOrder.objects.create(
        organization=world.organization, carrier="simulated", action="attach", campaign=world.campaign,
        created_at=now, sent_at=now, next_look_at=now + timedelta(hours=1),
    )  # fmt: skip
    CampaignAttachment.objects.filter(id=entry.id).update(status="submitted", order=order, next_attempt_at=None)
    return order


@pytest.fixture(autouse=True)
def _configured(settings: Settings) -> None:
    settings.CARRIER_WEBHOOK_CREDENTIALS = CREDENTIALS
    settings.TELNYX_PUBLIC_KEY = KEY.public_key().public_bytes_raw()


def _is_due(order: CarrierOrder) -> bool:
    order.refresh_from_db()
    return order.next_look_at is not None and order.next_look_at <= timezone.now()


def _notification(order_id: object) -> bytes:
    return (
        f"<Notification><OrderId>o-1</OrderId><CustomerOrderId>{order_id}</CustomerOrderId><Status>COMPLETE</Status>"
        "<Message>Done</Message><CompletedTelephoneNumbers/></Notification>"
    ).encode()


def _bandwidth(body: bytes, credentials: str | None = CREDENTIALS) -> Any:
    headers = {}
    if credentials is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
    return Client(enforce_csrf_checks=True).post(
        "/carrier/bandwidth", body, content_type="application/xml", headers=headers
    )


def _telnyx(event: object, *, age: float = 0, key: Ed25519PrivateKey = KEY, body: bytes | None = None) -> Any:
    sent = json.dumps(event).encode()
    timestamp = str(int(time.time() - age))
    signature = base64.b64encode(key.sign(timestamp.encode() + b"|" + sent)).decode()
    headers = {"telnyx-timestamp": timestamp, "telnyx-signature-ed25519": signature}
    return Client(enforce_csrf_checks=True).post(
        "/carrier/telnyx", sent if body is None else body, content_type="application/json", headers=headers
    )


def _event(number: object) -> dict[str, Any]:
    payload = {"phoneNumber": number, "campaignId": "C1", "type": "ASSIGNMENT", "status": "ADDED", "reasons": []}
    return {"data": {"id": "1", "event_type": "10dlc.phone_number.update", "payload": payload}}


def test_bandwidths_news_make_an_order_due_and_nothing_else(order: CarrierOrder) -> None:
    before = CampaignAttachment.objects.values().get()
    for _ in range(2):
        assert _bandwidth(_notification(order.id)).status_code == 204
        assert _is_due(order)
    assert CampaignAttachment.objects.values().get() == before


def test_telnyxs_news_make_an_order_due_and_nothing_else(order: CarrierOrder) -> None:
    before = CampaignAttachment.objects.values().get()
    for _ in range(2):
        assert _telnyx(_event(CampaignAttachment.objects.get().phone_number.number)).status_code == 204
        assert _is_due(order)
    assert CampaignAttachment.objects.values().get() == before


def test_news_of_what_is_not_ours(order: CarrierOrder) -> None:
    assert _bandwidth(_notification("somebody-elses")).status_code == 204
    for number in ("+19990000000", None, 7, "\x00"):
        assert _telnyx(_event(number)).status_code == 204
    assert not _is_due(order)


@pytest.mark.parametrize("credentials", [None, "", "carrier", "carrier:wrong", "other:pässword:x", CREDENTIALS + "x"])
def test_bandwidth_must_know_the_password(order: CarrierOrder, credentials: str | None) -> None:
    response = _bandwidth(_notification(order.id), credentials)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Basic realm="carrier"')
    assert not _is_due(order)


@pytest.mark.parametrize("header", ["Basic", "Basic ???", "Bearer x", "basic " + "é"])
def test_an_odd_authorization(order: CarrierOrder, header: str) -> None:
    response = Client().post("/carrier/bandwidth", b"", content_type="text/xml", headers={"Authorization": header})
    assert response.status_code == 401


def test_telnyx_must_have_signed_this_body_just_now(order: CarrierOrder) -> None:
    event = _event(CampaignAttachment.objects.get().phone_number.number)
    assert _telnyx(event, age=301).status_code == 401
    assert _telnyx(event, age=-301).status_code == 401
    assert _telnyx(event, key=Ed25519PrivateKey.generate()).status_code == 401
    assert _telnyx(event, body=json.dumps(event).encode() + b" ").status_code == 401
    for headers in ({}, {"telnyx-timestamp": "soon"}, {"telnyx-timestamp": "9" * 400},
                    {"telnyx-timestamp": str(int(time.time())), "telnyx-signature-ed25519": "?"}):  # fmt: skip
        response = Client().post("/carrier/telnyx", event, content_type="application/json", headers=headers)
        assert response.status_code == 401
    assert not _is_due(order)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html/>", b"{}", b"<Notification>", b'<!DOCTYPE a [<!ENTITY a "b">]><Notification>&a;</Notification>'],
)
def test_what_bandwidth_never_sends(order: CarrierOrder, body: bytes) -> None:
    assert _bandwidth(body).status_code == 400
    assert not _is_due(order)


@pytest.mark.parametrize("event", [None, [], {}, {"data": None}, {"data": []}, {"data": {"payload": []}}, "x"])
def test_what_telnyx_never_sends(order: CarrierOrder, event: object) -> None:
    assert _telnyx(event).status_code == 400


def test_too_much(order: CarrierOrder, settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 100
    assert _bandwidth(_notification(order.id)).status_code == 413
    assert _telnyx(_event("+19195550100")).status_code == 413


def test_without_a_secret_there_is_no_address(order: CarrierOrder, settings: Settings) -> None:
    settings.CARRIER_WEBHOOK_CREDENTIALS = settings.TELNYX_PUBLIC_KEY = None
    assert _bandwidth(_notification(order.id), "None").status_code == 404
    assert _telnyx(_event("+19195550100")).status_code == 404


@pytest.mark.parametrize("carrier", ["bandwidth", "telnyx"])
def test_only_post(order: CarrierOrder, carrier: str) -> None:
    assert Client().get(f"/carrier/{carrier}").status_code == 405
