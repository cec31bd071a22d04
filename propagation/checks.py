"""What `manage.py check` says about the carrier."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from carriers.choose import build_carrier, default_limits


@register()
def check_carrier(**_given: Any) -> list[CheckMessage]:
    """Whether CARRIER_URL names a carrier. Cheap, so that it is looked at by every command."""
    try:
        default_limits(settings.CARRIER_URL)
    except ValueError as error:
        return [Error(str(error), id="propagation.E001")]
    return []


@register(deploy=True)
def check_carriers_address(**_given: Any) -> list[CheckMessage]:
    """Whether all of it can be understood."""
    try:
        build_carrier(settings.CARRIER_URL, pace=lambda: None)
    except ValueError as error:
        return [Error(str(error), id="propagation.E002")]
    return []
