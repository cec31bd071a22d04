"""Query parameters, read strictly: what we do not know is refused, never ignored."""

import re
import unicodedata
from collections.abc import Collection
from uuid import UUID

from django.core.exceptions import TooManyFieldsSent
from django.db import models
from django.http import HttpRequest, QueryDict
from rest_framework.request import Request

from agentmessage.errors import InvalidInput
from agentmessage.ids import parse_uuid

_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


def has_control_characters(text: str) -> bool:
    """Whether `text` has one of Unicode's control characters: NUL, a line break, and the like."""
    return any(unicodedata.category(character) == "Cc" for character in text)


class Query:
    """The query parameters of one request, each of them known and given once."""

    def __init__(self, request: HttpRequest | Request, *, known: Collection[str] = ()) -> None:
        """Raises InvalidInput for a parameter that is unknown, repeated, or not text, and for a thousand of them."""
        self._values: dict[str, str] = {}
        if not request.META.get("QUERY_STRING"):
            return
        for name, values in _parameters(request).lists():
            if name not in known:
                words = f"the parameters are {', '.join(known)}" if known else "there are none"
                raise InvalidInput(f"unknown query parameter {name!r}; {words}")
            if len(values) > 1:
                raise InvalidInput(f"query parameter {name} is repeated")
            # Django reads bytes that are no UTF-8 as U+FFFD.
            if "\ufffd" in values[0] or has_control_characters(values[0]):
                raise InvalidInput(f"query parameter {name} must be text")
            self._values[name] = values[0]

    def text(self, name: str) -> str | None:
        """The parameter as it is."""
        return self._values.get(name)

    def whole_number(self, name: str, *, least: int, most: int, default: int) -> int:
        """A number in ASCII digits. Raises InvalidInput outside of its bounds."""
        text = self._values.get(name)
        if text is None:
            return default
        if not _WHOLE_NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise InvalidInput(f"{name} must be a whole number from {least} to {most}")
        return int(text)

    def uuid(self, name: str) -> UUID | None:
        """An id. Raises InvalidInput for anything else."""
        text = self._values.get(name)
        if text is None:
            return None
        value = parse_uuid(text)
        if value is None:
            raise InvalidInput(f"{name} must be a UUID")
        return value

    def choice(self, name: str, choices: type[models.TextChoices]) -> str | None:
        """One of the words of a vocabulary. Raises InvalidInput for any other."""
        text = self._values.get(name)
        if text is not None and text not in choices.values:
            raise InvalidInput(f"{name} must be one of {', '.join(choices.values)}")
        return text


def _parameters(request: HttpRequest | Request) -> QueryDict:
    try:
        return request.GET
    except TooManyFieldsSent as error:
        raise InvalidInput("too many query parameters") from error
