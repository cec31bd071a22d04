"""Strict JSON in. DRF's own parser turns a deep nest into a 500 and takes NaN and lone surrogates; orjson does not."""

from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import orjson
from django.conf import settings
from django.http import HttpRequest
from django.utils.http import parse_header_parameters
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from agentmessage.api.errors import PayloadTooLarge
from agentmessage.errors import DomainError, ErrorCode, ValidationFailed


class UnreadableBody(DomainError):
    """A body that is no JSON. `read_object` puts it under the endpoint's own field."""

    code = ErrorCode.VALIDATION_FAILED
    message = "validation failed"

    def __init__(self, reason: str) -> None:
        super().__init__(details={"body": f"must be JSON: {reason}"})
        self.reason = reason


class JSONParser(BaseParser):
    """RFC 8259, UTF-8, at most MAX_BODY_BYTES."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The body's value. Raises PayloadTooLarge and UnreadableBody."""
        body = stream.read(settings.MAX_BODY_BYTES + 1)
        if len(body) > settings.MAX_BODY_BYTES:
            raise PayloadTooLarge
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise UnreadableBody(str(error)) from error


class AlwaysJSON(BaseContentNegotiation):
    """Answers JSON whatever Accept says. Takes a body that is declared as JSON or not declared at all."""

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser | None:  # type: ignore[override]  # The stub forgets None, which is DRF's word for 415.
        """The parser, or None for a body that is declared as something else."""
        declared, _parameters = parse_header_parameters(request.content_type or "")
        return parsers[0] if declared in ("", JSONParser.media_type) else None

    def select_renderer(
        self,
        request: HttpRequest | Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """The one renderer there is."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def read_object(request: Request, *, blame: str = "body") -> dict[str, Any]:
    """The request's body, which must be a JSON object.

    Raises ValidationFailed with a sentence in `details[blame]` for every other body, PayloadTooLarge, and DRF's
    UnsupportedMediaType.
    """
    try:
        body = request.data
    except UnreadableBody as error:
        raise ValidationFailed(
            details={blame: f"must come in a JSON object; this body is no JSON: {error.reason}"}
        ) from error
    if request.stream is None:  # For which DRF's `data` is an empty object.
        raise ValidationFailed(details={blame: "is required"})
    if not isinstance(body, dict):
        raise ValidationFailed(details={blame: "must come in a JSON object; this body is JSON of another kind"})
    return body
