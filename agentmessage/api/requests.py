"""Requests, read strictly: a request that is understood only in part is refused, never performed in part.

DRF's own JSON parser turns a deep nest into a 500 and takes NaN and lone surrogates; orjson does not.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, ClassVar, NoReturn
from uuid import UUID

import orjson
from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.fields import empty
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from agentmessage.api.errors import MalformedPathId, PayloadTooLarge
from agentmessage.errors import MOST_SHOWN, InvalidInput, ValidationFailed, shown
from agentmessage.ids import parse_uuid

NOT_A_UUID = "must be a UUID, as 36 characters in the hyphenated form"
# RFC 9110, section 8.3.1. The quantifiers are possessive: a long header is read in linear time.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~])*+"'
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}(?:[ \t]*+;[ \t]*+(?:{_WORD}=(?:{_WORD}|{_QUOTED}))?+)*+[ \t]*+")


class JSONParser(BaseParser):
    """RFC 8259, in UTF-8, at most MAX_BODY_BYTES, and no key twice in one object."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the body's value, or DRF's `empty` for a body of no bytes.

        Raises:
            PayloadTooLarge: the body is over the limit.
            ParseError: the body is not JSON.
            ValidationFailed: a key occurs twice; `details` names it.
        """
        body = stream.read(settings.MAX_BODY_BYTES + 1)
        if len(body) > settings.MAX_BODY_BYTES:
            raise PayloadTooLarge
        if not body:
            return empty
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(str(error)) from error
        # orjson keeps the last of two equal keys. Each pair in the text has a colon, so where there are no more colons
        # than keys, none was dropped. The slow, exact check is for texts with colons in strings or nested objects.
        if isinstance(value, dict) and body.count(b":") != len(value):
            try:
                json.loads(body, object_pairs_hook=_refuse_repeated_keys)
            except RecursionError as error:
                raise ParseError("it is nested too deeply") from error
        return value


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValidationFailed(details={key: "occurs more than once in one JSON object"})
        found[key] = value
    return found


class AlwaysJSON(BaseContentNegotiation):
    """Takes a body that is declared as JSON or not declared at all. Responses are JSON regardless of `Accept`."""

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser | None:  # type: ignore[override]  # The stub forgets None, which is DRF's word for 415.
        """Return the parser, or None for a body that is declared as something else."""
        declared = request.content_type.partition(";")[0].strip().lower()
        return parsers[0] if declared in ("", JSONParser.media_type) else None


def check_representation(request: Request) -> None:
    """Refuse a malformed Content-Type, and a write whose content is coded. Raises UnsupportedMediaType."""
    meta = request.META
    declared, coding = meta.get("CONTENT_TYPE", ""), meta.get("HTTP_CONTENT_ENCODING", "")
    is_well_formed = not declared or _MEDIA_TYPE.fullmatch(declared)
    is_coded = coding.strip().lower() not in ("", "identity")
    if not is_well_formed or (is_coded and request.method not in SAFE_METHODS):
        raise UnsupportedMediaType(declared)


class RequestBody(serializers.Serializer[Any]):
    """The keys of a JSON object that an endpoint takes: with none declared, the body must be empty or `{}`.

    Any other key is INVALID_INPUT, or, with `unknown_keys_in_details`, VALIDATION_FAILED with the key in `details`.
    What is wrong with the body as a whole is `details[whole]`.
    """

    whole: ClassVar[str] = "body"
    unknown_keys_in_details: ClassVar[bool] = False

    def to_internal_value(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields' values. Raises InvalidInput and DRF's ValidationError."""
        unknown = [name for name in data if name not in self.fields][:MOST_SHOWN]
        taken = f"the fields are {', '.join(self.fields)}" if self.fields else "there are none"
        if unknown and not self.unknown_keys_in_details:
            raise InvalidInput(f"unknown field {unknown[0]!r}; {taken}")
        refused: dict[str, Any] = {name: [f"is not a field; {taken}"] for name in unknown}
        try:
            values: dict[str, Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            named = {name: _naming(detail, data[name]) if name in data else detail for name, detail in _by_name(error)}
            raise serializers.ValidationError(refused | named) from error
        if refused:
            raise serializers.ValidationError(refused)
        return values


def _by_name(error: serializers.ValidationError) -> Iterable[tuple[str, Any]]:
    faults: dict[str, Any] = error.detail  # type: ignore[assignment]  # A serializer's errors are a dict.
    return faults.items()


def _naming(detail: Any, value: Any) -> Any:
    """Put the value before each message about it; `detail` may have the messages about entries of a list."""
    if isinstance(detail, dict):
        return {key: _naming(inner, value[key]) for key, inner in detail.items()}
    return [f"{shown(value)} {detail[0]}"]


class RequestQuery(serializers.Serializer[Any]):
    """The query parameters that an endpoint takes. Any other one is refused."""


def read_body(request: Request, body: RequestBody) -> dict[str, Any]:
    """Return what the fields of `body` make of the request's body.

    Raises:
        InvalidInput: a key is not a field.
        ValidationFailed, ValidationError: the body is not a JSON object, or a field cannot take its value.
        PayloadTooLarge, UnsupportedMediaType: the body was not read.
    """
    try:
        data = empty if request.stream is None else request.data
    except ParseError as error:
        raise ValidationFailed(
            details={body.whole: f"must come in a JSON object; this body is not JSON: {error.detail}"}
        ) from error
    if data is empty:
        if body.fields:
            raise ValidationFailed(details={body.whole: "is required"})
        return {}
    if not isinstance(data, dict):
        raise ValidationFailed(details={body.whole: "must come in a JSON object; this body is JSON of another kind"})
    values: dict[str, Any] = body.run_validation(data)
    return values


def read_query(request: Request, query: RequestQuery) -> dict[str, Any]:
    """Return what the fields of `query` make of the query parameters. Raises InvalidInput."""
    given = {}
    if request.META.get("QUERY_STRING"):
        try:
            parameters = request.query_params.lists()
        except TooManyFieldsSent as error:
            raise InvalidInput("too many query parameters") from error
        for name, values in parameters:
            if name not in query.fields:
                taken = f"the parameters are {', '.join(query.fields)}" if query.fields else "there are none"
                raise InvalidInput(f"unknown query parameter {name!r}; {taken}")
            if len(values) > 1:
                raise InvalidInput(f"query parameter {name} is repeated")
            # Django reads bytes that are not UTF-8 as U+FFFD.
            if "\ufffd" in values[0] or has_control_characters(values[0]):
                raise InvalidInput(f"query parameter {name} must be text")
            given[name] = values[0]
    if not query.fields:
        return {}
    try:
        read: dict[str, Any] = query.run_validation(given)
    except serializers.ValidationError as error:
        name, messages = next(iter(_by_name(error)))
        raise InvalidInput(f"{name} {_naming(messages, given[name])[0]}") from error
    return read


def has_control_characters(text: str) -> bool:
    """Return whether `text` has one of Unicode's control characters: NUL, a line break, and the like."""
    return any(unicodedata.category(character) == "Cc" for character in text)


def path_uuid(text: str) -> UUID:
    """Return the ID in the path of a GET, PATCH or DELETE. Raises MalformedPathId."""
    value = parse_uuid(text)
    if value is None:
        raise MalformedPathId(details={"id": NOT_A_UUID})
    return value


# An ID as it may be sent: `agentmessage.ids.parse_uuid` in the words of JSON Schema.
UUID_SCHEMA = {
    "type": "string",
    "format": "uuid",
    "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
}


class StrictField(serializers.Field[Any, Any, Any, Any]):
    """One kind of JSON value, and one message for every other: DRF's own fields convert what they are sent."""

    default_error_messages = {"required": "is required"}
    kind: ClassVar[type] = object

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        """Raise ValidationError. Null is a value of another kind."""
        super().fail("invalid" if key == "null" else key, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, self.kind):
            self.fail("invalid")
        return data


@extend_schema_field(UUID_SCHEMA)
class UUIDField(StrictField):
    """An ID, as `agentmessage.ids.parse_uuid` takes it: DRF's own field takes braces, bare hex and numbers too."""

    default_error_messages = {"invalid": NOT_A_UUID}

    def to_internal_value(self, data: Any) -> UUID:
        value = parse_uuid(data)
        if value is None:
            self.fail("invalid")
        return value


class ChoiceField(serializers.ChoiceField):
    """One of the words of a vocabulary."""

    default_error_messages = {"invalid_choice": "must be one of {choices}"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", choices=", ".join(self.choices))
        return data


class WholeNumberField(serializers.IntegerField):
    """A number in ASCII digits, within its bounds."""

    default_error_messages = {"invalid": "must be a whole number from {min_value} to {max_value}"}
    _DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)

    def to_internal_value(self, data: Any) -> int:
        if not self._DIGITS.fullmatch(data) or not self.min_value <= int(data) <= self.max_value:  # type: ignore[operator]  # Both bounds are given.
            self.fail("invalid", min_value=self.min_value, max_value=self.max_value)
        return int(data)
