"""Registers the app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Organizations and API keys."""

    name = "accounts"
