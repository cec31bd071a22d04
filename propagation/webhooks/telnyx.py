"""Telnyx's events about numbers on campaigns.

Sources: team-telnyx/telnyx-python pull request 242 (Ed25519 over `timestamp|body`, the two headers),
team-telnyx/openapi openapi/spec3.json (`10dlc.phone_number.update`). Five minutes of tolerance are what Telnyx's SDKs
allow.
"""

import base64
import binascii
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from agentmessage.errors import InvalidInput
from agentmessage.ids import parse_uuid
from carriers.base import carriers_words
from propagation.services.dispatch import make_orders_due
from propagation.webhooks.base import Unauthorized, read_body, webhook

log = structlog.get_logger(__name__)

TOLERANCE_SECONDS = 300
_NUMBER_EVENT = "10dlc.phone_number.update"
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_SECONDS = re.compile(r"[0-9]{1,15}")


@webhook(key=lambda: settings.TELNYX_PUBLIC_KEY)
def telnyx_webhook(request: HttpRequest, public_keys: Sequence[bytes]) -> HttpResponse:
    """Answer 204 to every readable event; those about unknown numbers change nothing."""
    body = read_body(request)
    _authenticate(request, body, public_keys)
    event_id, event_type, number = _read(body)
    woken = make_orders_due(numbers=[number]) if number is not None else 0
    log.info("webhook", carrier="telnyx", event_id=event_id, event_type=event_type, number=number, orders_woken=woken)
    return HttpResponse(status=204)


def _authenticate(request: HttpRequest, body: bytes, public_keys: Sequence[bytes]) -> None:
    """Raises Unauthorized for a signature by none of the keys, and for one from another time, which may be a replay."""
    timestamp = request.headers.get("telnyx-timestamp", "")
    if not _SECONDS.fullmatch(timestamp) or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        raise Unauthorized
    # Loaded when the first one comes: most services have no use for it.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        signature = base64.b64decode(request.headers.get("telnyx-signature-ed25519", ""), validate=True)
    except (binascii.Error, ValueError):
        raise Unauthorized from None
    for public_key in public_keys:
        with suppress(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, timestamp.encode() + b"|" + body)
            return
    raise Unauthorized


def _read(body: bytes) -> tuple[str | None, str, str | None]:
    """The event's id and type, and the number if it is about one. Raises InvalidInput."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("the body must be JSON") from error
    match content:
        case {"data": {"event_type": str() as event_type} as data}:
            pass
        case _:
            raise InvalidInput("the body must have an event in `data`")
    event_id = data.get("id")
    number = _number(data) if event_type == _NUMBER_EVENT else None
    return (
        event_id if parse_uuid(event_id) is not None else None,
        carriers_words(event_type, otherwise=""),
        number,
    )


def _number(data: Mapping[str, Any]) -> str:
    match data:
        case {"payload": {"phoneNumber": str() as number}} if _E164.fullmatch(number):
            return number
    raise InvalidInput("`data.payload.phoneNumber` must be a number in E.164")
