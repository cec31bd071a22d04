"""Registers the project itself, for its templates and system checks."""

from django.apps import AppConfig


class AgentMessageConfig(AppConfig):
    """The project's own app: no models, only what belongs to no tenant."""

    name = "agentmessage"
    label = "agentmessage"

    def ready(self) -> None:
        """Registers the system checks."""
        from agentmessage import checks  # noqa: F401  (Checks register on import, which must wait for the apps.)
