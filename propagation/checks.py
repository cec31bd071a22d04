"""System checks of CARRIER_URL."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from carriers.choose import build_carrier, default_limits


@register()
def check_carrier(**_given: Any) -> list[CheckMessage]:
    """Check that CARRIER_URL names a carrier. Cheap, because every command runs it."""
    try:
        default_limits(settings.CARRIER_URL)
    except ValueError as error:
        return [Error(str(error), id="propagation.E001")]
    return []


@register(deploy=True)
def check_carrier_address(**_given: Any) -> list[CheckMessage]:
    """Check the whole of CARRIER_URL."""
    try:
        build_carrier(settings.CARRIER_URL, pace=lambda: None)
    except ValueError as error:
        return [Error(str(error), id="propagation.E002")]
    return []
