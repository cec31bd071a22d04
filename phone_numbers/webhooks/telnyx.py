"""Telnyx's webhook `10dlc.phone_number.update`, signed with Ed25519 over `timestamp|body`.

Source: team-telnyx/openapi, openapi/spec3.json.
"""

import base64
import binascii
import json
import time

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from phone_numbers.services.propagation.wake import wake_orders
from phone_numbers.webhooks.answers import body_of, refused, taken

log = structlog.get_logger(__name__)

# Older ones may be played back by somebody who has overheard them.
_TOLERANCE_SECONDS = 300


@csrf_exempt
@require_POST
def telnyx_webhook(request: HttpRequest) -> HttpResponse:
    """News of a number: a worker looks at its open order now.

    404 unless TELNYX_PUBLIC_KEY is set; 401 for a signature that is not Telnyx's or is old; 400 for what cannot be
    read; 413. Other events are taken and left alone.
    """
    public_key: bytes | None = settings.TELNYX_PUBLIC_KEY
    if public_key is None:
        return refused(404, "not found")
    body = body_of(request)
    if body is None:
        return refused(413, "payload too large")
    if not _is_signed(request, body, public_key):
        return refused(401, "authentication failed")
    try:
        event = json.loads(body)["data"]
        event_id, number = event.get("id"), event.get("payload", {}).get("phoneNumber")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return refused(400, "no event")
    woken = wake_orders(numbers=[number]) if isinstance(number, str) and "\x00" not in number else 0
    log.info("carrier webhook", carrier="telnyx", event_id=str(event_id)[:64], woken=woken)
    return taken()


def _is_signed(request: HttpRequest, body: bytes, public_key: bytes) -> bool:
    timestamp = request.META.get("HTTP_TELNYX_TIMESTAMP", "")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if abs(time.time() - int(timestamp)) > _TOLERANCE_SECONDS:
        return False
    # Loaded when the first one comes: most services have no use for it.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        signature = base64.b64decode(request.META.get("HTTP_TELNYX_SIGNATURE_ED25519", ""), validate=True)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, timestamp.encode() + b"|" + body)
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True
