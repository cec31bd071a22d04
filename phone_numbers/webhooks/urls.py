"""Routes below /carrier."""

from django.urls import path

from phone_numbers.webhooks.bandwidth import bandwidth_webhook
from phone_numbers.webhooks.telnyx import telnyx_webhook

urlpatterns = [
    path("bandwidth", bandwidth_webhook, name="bandwidth-webhook"),
    path("telnyx", telnyx_webhook, name="telnyx-webhook"),
]
