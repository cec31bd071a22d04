"""Bandwidth's notifications. Sources: Bandwidth/api-docs site/docs/numbers/{orderWebhook,eventWebhook}.md."""

import base64
import binascii
import re
from hmac import compare_digest
from xml.etree.ElementTree import Element, ParseError

import structlog
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from agentmessage.errors import InvalidInput
from carriers.base import carriers_words
from propagation.services.dispatch import make_orders_due
from propagation.tasks import announce_losses
from propagation.webhooks.base import Unauthorized, read_body, webhook

# Order types and event types that take numbers away.
_LOSSES = ("portouts", "disconnects", "MESSAGING_LOST")

log = structlog.get_logger(__name__)


@webhook(
    key=lambda: settings.CARRIER_WEBHOOK_CREDENTIALS,
    challenge='Basic realm="carrier", charset="UTF-8"',
)
def bandwidth_webhook(request: HttpRequest, credentials: str) -> HttpResponse:
    """Answer 200 to every readable notification, whether it is about one of our orders or not."""
    _authenticate(request, credentials)
    notification = _read(read_body(request))
    # Absent for orders that were placed without an ID: those are not ours.
    order_id = _text(notification, "CustomerOrderId")
    woken = make_orders_due(order_ids=[order_id]) if order_id else 0
    kind = _text(notification, "OrderType") or _text(notification, "EventType") or ""
    queued = announce_losses(_numbers(notification)) if kind in _LOSSES else 0
    log.info(
        "carrier.webhook",
        carrier="bandwidth",
        order_id=carriers_words(order_id, otherwise="") or None,
        carrier_order_id=carriers_words(_text(notification, "OrderId"), otherwise="") or None,
        status=carriers_words(_text(notification, "Status"), otherwise="") or None,
        kind=carriers_words(kind, otherwise="") or None,
        orders_woken=woken,
        numbers_queued=queued,
    )
    return HttpResponse()


def _authenticate(request: HttpRequest, credentials: str) -> None:
    """Raises Unauthorized."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Unauthorized from None
    # The time that this takes reveals only the length of the password.
    is_right = compare_digest(given, credentials.encode())
    if scheme.lower() != "basic" or not is_right:
        raise Unauthorized


def _read(body: bytes) -> Element:
    """The `Notification`. Raises InvalidInput. DTDs and entities are refused, as in every XML from outside."""
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InvalidInput("the body must be XML") from error
    if root.tag.rpartition("}")[2] != "Notification":
        raise InvalidInput("the body must be a Notification")
    return root


def _numbers(notification: Element) -> list[str]:
    """The numbers of an order or an event, in E.164, however Bandwidth writes them."""
    listed = [element for element in notification.iter() if element.tag.rpartition("}")[2] == "TelephoneNumber"]
    digits = [re.sub(r"[^0-9]", "", element.text or "")[-10:] for element in listed]
    return [f"+1{ten}" for ten in digits if len(ten) == 10]


def _text(notification: Element, name: str) -> str | None:
    for element in notification:
        if element.tag.rpartition("}")[2] == name:
            return (element.text or "").strip() or None
    return None
