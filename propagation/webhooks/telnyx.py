"""Telnyx's events about numbers, campaigns and brands.

Sources: team-telnyx/telnyx-python pull request 242 (Ed25519 over `timestamp|body`, the two headers) and
src/telnyx/types/campaign_suspended_event.py (a bare event), developers.telnyx.com/docs/messaging/10dlc/
event-notifications, developers.telnyx.com/docs/numbers/porting/port-out-notifications. Five minutes of tolerance are
what Telnyx's SDKs allow.
"""

import base64
import binascii
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from agentmessage.errors import InvalidInput
from agentmessage.ids import parse_uuid
from carriers.base import carriers_words
from propagation.services.dispatch import make_orders_due
from propagation.tasks import announce_campaigns, announce_losses
from propagation.webhooks.base import Unauthorized, read_body, webhook

log = structlog.get_logger(__name__)

TOLERANCE_SECONDS = 300
_NUMBER_EVENT = "10dlc.phone_number.update"
_LOSS_EVENT = "portout.status_changed"
# Bare events have no type.
_EVENTS = (_NUMBER_EVENT, _LOSS_EVENT, "10dlc.campaign.update", "10dlc.brand.update", "")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class _Event:
    """What an event is about. Its IDs are Telnyx's own or TCR's."""

    event_id: str | None
    event_type: str
    number: str | None
    campaign_id: str | None
    brand_id: str | None
    lost: list[str]
    """Numbers that are being ported out, or have been."""


@webhook(key=lambda: settings.TELNYX_PUBLIC_KEY)
def telnyx_webhook(request: HttpRequest, public_keys: Sequence[bytes]) -> HttpResponse:
    """Answer 200 to every readable event: Telnyx repeats what is answered otherwise."""
    body = read_body(request)
    _authenticate(request, body, public_keys)
    event = _read(body)
    woken = make_orders_due(numbers=[event.number]) if event.number is not None else 0
    is_about_a_campaign = event.number is None and (event.campaign_id is not None or event.brand_id is not None)
    if is_about_a_campaign:
        announce_campaigns(campaign_id=event.campaign_id, brand_id=event.brand_id)
    queued = announce_losses(event.lost) if event.lost else 0
    log.info(
        "carrier.webhook",
        carrier="telnyx",
        **asdict(event),
        orders_woken=woken,
        sync_queued=is_about_a_campaign,
        numbers_queued=queued,
    )
    return HttpResponse()


def _authenticate(request: HttpRequest, body: bytes, public_keys: Sequence[bytes]) -> None:
    """Raises Unauthorized for a signature by none of the keys, and for one from another time, which may be a replay."""
    timestamp = request.headers.get("telnyx-timestamp", "")
    try:
        signature = base64.b64decode(request.headers.get("telnyx-signature-ed25519", ""), validate=True)
        is_right = any(_is_signed(key, signature, timestamp.encode() + b"|" + body) for key in public_keys)
    except (binascii.Error, ValueError):
        is_right = False
    if not is_right:
        raise _unauthorized("wrong signature; is the account's key in TELNYX_PUBLIC_KEY?")
    # Only now: a wrong time in a signed request is a wrong clock, or a replay.
    seconds = int(timestamp) - time.time() if _SECONDS.fullmatch(timestamp) else None
    if seconds is None:
        raise _unauthorized("signed without a time")
    if abs(seconds) > TOLERANCE_SECONDS:
        raise _unauthorized("signed at another time; is this machine's clock right?", seconds_off=round(seconds))


def _is_signed(public_key: bytes, signature: bytes, content: bytes) -> bool:
    # Loaded when the first one comes: most services have no use for it.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _unauthorized(reason: str, **context: object) -> Unauthorized:
    log.warning("carrier.webhook_refused", carrier="telnyx", reason=reason, **context)
    return Unauthorized()


def _read(body: bytes) -> _Event:
    """Read an event, which comes inside `data` or bare, with a `payload` or as one. Raises InvalidInput."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("the body must be JSON") from error
    event = content.get("data", content) if isinstance(content, dict) else None
    if not isinstance(event, dict) or not isinstance(event_type := event.get("event_type", ""), str):
        raise InvalidInput("the body must be an event, or have one in `data`")
    payload = event.get("payload", event) if event_type in _EVENTS else {}
    if not isinstance(payload, dict):
        raise InvalidInput("`payload` must be an object")
    event_id, campaign_id = event.get("id"), _id(payload, "tcrCampaignId", "campaignId")
    found = _Event(
        event_id=event_id if parse_uuid(event_id) is not None else None,
        event_type=carriers_words(event_type, otherwise=""),
        number=_number(payload, is_required=event_type == _NUMBER_EVENT),
        campaign_id=campaign_id,
        brand_id=_id(payload, "tcrBrandId", "brandId") if campaign_id is None else None,
        lost=_lost(payload) if event_type == _LOSS_EVENT else [],
    )
    if not event_type and (found.number or found.campaign_id or found.brand_id) is None:
        raise InvalidInput("the event must have an `event_type`, or name a number, a campaign or a brand")
    return found


def _number(payload: Mapping[str, Any], *, is_required: bool) -> str | None:
    number = payload.get("phoneNumber")
    if isinstance(number, str) and _E164.fullmatch(number):
        return number
    if is_required or number is not None:
        raise InvalidInput("`phoneNumber` must be a number in E.164")
    return None


def _lost(payload: Mapping[str, Any]) -> list[str]:
    numbers = payload.get("phone_numbers")
    if not isinstance(numbers, list):
        raise InvalidInput("`phone_numbers` must be a list of numbers")
    return [number for number in numbers if isinstance(number, str) and _E164.fullmatch(number)]


def _id(payload: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = payload.get(key)
        if isinstance(value, str) and _ID.fullmatch(value):
            return value
    return None
