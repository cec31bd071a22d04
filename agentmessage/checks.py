"""System checks for a deployment."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as CheckWarning


@register(Tags.database, deploy=True)
def check_database_is_given(app_configs: Sequence[Any] | None, **kwargs: object) -> list[CheckMessage]:  # noqa: ARG001  (Django's signature)
    """A deployment has a PostgreSQL of its own; the embedded one is for trying and testing."""
    if settings.DATABASE_URL is None:
        return [
            CheckWarning(
                "The embedded PostgreSQL is for trying the service and for its tests.",
                hint="Set DATABASE_URL to a PostgreSQL 15 to 18 that is backed up.",
                id="agentmessage.W001",
            )
        ]
    return []
