"""The routes of the carriers' webhooks below /carrier/."""

from django.urls import path

from propagation.webhooks.bandwidth import bandwidth_webhook
from propagation.webhooks.telnyx import telnyx_webhook

urlpatterns = [
    path("bandwidth", bandwidth_webhook, name="webhook-bandwidth"),
    path("telnyx", telnyx_webhook, name="webhook-telnyx"),
]
