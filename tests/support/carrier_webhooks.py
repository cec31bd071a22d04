"""What carriers send to the webhooks, and what they would not."""

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

CREDENTIALS = "carrier:pässword:with colons"
PRIVATE_KEY = Ed25519PrivateKey.generate()


class Post:
    """Sends what a carrier would, and what it would not."""

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=True)

    def bandwidth(self, body: str | bytes, *, credentials: str | None = CREDENTIALS) -> "Answer":
        headers = {}
        if credentials is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        return self.client.post("/carrier/bandwidth", data=body, content_type="application/xml", headers=headers)

    def telnyx(self, content: Any, *, at: float | str | None = None, signed: bytes | None = None) -> "Answer":
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        moment = at if isinstance(at, str) else str(int(time.time() if at is None else at))
        signature = PRIVATE_KEY.sign(moment.encode() + b"|" + (body if signed is None else signed))
        return self.raw_telnyx(body, moment, base64.b64encode(signature).decode())

    def raw_telnyx(self, body: bytes, moment: str, signature: str) -> "Answer":
        headers = {"telnyx-timestamp": moment, "telnyx-signature-ed25519": signature}
        return self.client.post("/carrier/telnyx", data=body, content_type="application/json", headers=headers)


def event(number: object, *, kind: str = "10dlc.phone_number.update", status: str = "ASSIGNED") -> dict[str, Any]:
    """As Telnyx writes it."""
    payload = {"phoneNumber": number, "campaignId": "x", "type": "ASSIGNMENT", "status": status, "reasons": []}
    return news(kind, payload)


def news(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Any of Telnyx's events."""
    return {"data": {"record_type": "event", "id": str(uuid4()), "event_type": kind, "payload": payload}}
