"""Times as people read them: relative, with the exact one on hover."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agentmessage.admin.unfold_typing import display

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """Return a duration in its largest unit: `3 min`, `2 d`."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "0 s"


def relative(moment: datetime) -> SafeString:
    """Return the time as `3 min ago` or `in 2 h`."""
    seconds = (timezone.now() - moment).total_seconds()
    words = f"{duration(seconds)} ago" if seconds >= 0 else f"in {duration(-seconds)}"
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', exact.isoformat(), f"{exact:%Y-%m-%d %H:%M:%S} UTC", words
    )


def moment_column(name: str, label: str) -> Callable[[Any], Any]:
    """Return a column of a list that shows a time so. It sorts as the field does."""

    @display(description=label, ordering=name)
    def column(row: Any) -> SafeString | None:
        moment = getattr(row, name)
        return None if moment is None else relative(moment)

    return column
