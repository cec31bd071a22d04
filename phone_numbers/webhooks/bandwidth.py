"""Bandwidth's order webhook. Source: Bandwidth/api-docs, site/docs/numbers/orderWebhook.md."""

import base64
import binascii
from hmac import compare_digest

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from phone_numbers.carriers.bandwidth.documents import parse
from phone_numbers.carriers.protocol import CarrierUnavailable
from phone_numbers.services.propagation.wake import wake_orders
from phone_numbers.webhooks.answers import body_of, refused, taken

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def bandwidth_webhook(request: HttpRequest) -> HttpResponse:
    """A `Notification` about an order: a worker looks at the order now.

    404 unless CARRIER_WEBHOOK_CREDENTIALS is set; 401 for other credentials; 400 for what cannot be read; 413.
    """
    credentials: str | None = settings.CARRIER_WEBHOOK_CREDENTIALS
    if credentials is None:
        return refused(404, "not found")
    if not _is_authorized(request.META.get("HTTP_AUTHORIZATION", ""), credentials):
        answer = refused(401, "authentication failed")
        answer["WWW-Authenticate"] = 'Basic realm="carrier"'
        return answer
    body = body_of(request)
    if body is None:
        return refused(413, "payload too large")
    try:
        notification = parse(body, "Notification")
    except CarrierUnavailable:
        return refused(400, "no Notification")
    order_id = (notification.findtext("CustomerOrderId") or "").strip()
    woken = wake_orders(order_ids=[order_id])
    log.info("carrier webhook", carrier="bandwidth", order_id=order_id[:40], woken=woken)
    return taken()


def _is_authorized(header: str, credentials: str) -> bool:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return compare_digest(given, credentials.encode())
