"""What Django's debug page keeps to itself."""

import re

from django.views.debug import SafeExceptionReporterFilter


class ErrorPageFilter(SafeExceptionReporterFilter):
    """Addresses with a password in them, too: DATABASE_URL, CARRIER_URL, and webhooks' credentials."""

    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern + r"|^(DATABASE|CARRIER)_URL$|CREDENTIALS",
        re.IGNORECASE,
    )
