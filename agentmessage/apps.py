"""Registers the project itself, for its templates and system checks, and the admin in a way that costs no start."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register


class AgentMessageConfig(AppConfig):
    """The project's own app: no models, only what belongs to no tenant."""

    name = "agentmessage"
    label = "agentmessage"

    def ready(self) -> None:
        """Register the system checks."""
        from agentmessage import checks  # noqa: F401  (Checks register on import, which must wait for the apps.)


class UnfoldConfig(AppConfig):
    """Unfold without its own AppConfig, which builds its site, and with it every form, at start-up."""

    name = "unfold"


class LateAdminConfig(SimpleAdminConfig):
    """The admin, whose modules are imported with its routes or for its checks. A worker or a command needs neither."""

    default_site = "console.sites.ConsoleSite"

    def ready(self) -> None:
        """Register the checks, which inspect what has been imported by then."""
        register(check_dependencies, Tags.admin)
        register(_check_admin_app, Tags.admin)


def _check_admin_app(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    admin.autodiscover()
    found: list[CheckMessage] = check_admin_app(app_configs, **kwargs)
    return found
