"""Registers the app under the label `numbers`."""

from django.apps import AppConfig


class PhoneNumbersConfig(AppConfig):
    """Phone numbers and their attachments.

    The label is the product's word for the app; a top-level package `numbers` would shadow the standard library's
    module, which `decimal` imports (docs/adr/0001).
    """

    name = "phone_numbers"
    label = "numbers"
    verbose_name = "Phone numbers"
