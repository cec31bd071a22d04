"""Names the app as the console does."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Organizations, their keys, and operators."""

    name = "accounts"
    verbose_name = "Access"
