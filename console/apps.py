"""Names Django's own app as the console does."""

from django.apps import AppConfig, apps


class ConsoleConfig(AppConfig):
    """The operators' pages around the lists."""

    name = "console"

    def ready(self) -> None:
        """Rename what holds the groups of operators and the log of what they have changed."""
        for label in ("auth", "admin"):
            apps.get_app_config(label).verbose_name = "Access"
