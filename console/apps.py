"""Names Django's own app as the console does."""

from django.apps import AppConfig, apps


class ConsoleConfig(AppConfig):
    """The operators' pages around the lists."""

    name = "console"

    def ready(self) -> None:
        """Rename "Authentication and Authorization", which holds the groups of operators."""
        apps.get_app_config("auth").verbose_name = "Access"
