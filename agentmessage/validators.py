"""Validators of values that enter through several interfaces: API, admin, command line, inventory document.

They are Django validators, so models, forms and DRF serializers call them. A message continues a sentence that begins
with the field or the value: "must be a valid https URL". Their codes are none of those for which Django's fields have
messages of their own.
"""

import re
import unicodedata
from functools import lru_cache

import idna
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

LABEL_LENGTH = 100
REASON_LENGTH = 500
URL_LENGTH = 2048

_check_url = URLValidator(schemes=["https"])
_AUTHORITY = re.compile(r"https://([^/?#\\]+)(?:[/?#].*)?", re.IGNORECASE)
_PORT = re.compile(r":([0-9]+)\Z")


def validate_label(text: str) -> None:
    """Accept one line of 1 to 100 characters that are not all blank."""
    if len(text) > LABEL_LENGTH:
        raise ValidationError(f"must have at most {LABEL_LENGTH} characters", "max_length")
    if not is_one_line(text):
        raise ValidationError("must not contain line breaks or control characters", "control_character")
    if not has_visible_characters(text):
        raise ValidationError("must not be blank", "invisible")


def validate_name(text: str) -> None:
    """Accept text that PostgreSQL can store and a person can see."""
    if "\x00" in text:
        raise ValidationError("must not contain NUL", "null_characters_not_allowed")
    if not has_visible_characters(text):
        raise ValidationError("must not be blank", "invisible")


def validate_https_url(text: str) -> None:
    """Accept an https URL of at most 2048 characters that names a host which can be called.

    User names and passwords are refused: anyone who may read the row would see them.
    """
    if len(text) > URL_LENGTH:
        raise ValidationError(f"must have at most {URL_LENGTH} characters", "max_length")
    parts = _AUTHORITY.fullmatch(text)
    # A backslash is a slash to some clients, so they would call another host. Not printable: spaces other than the
    # plain one, control characters and invisible marks.
    if parts is None or " " in text or "\\" in text or not text.isprintable() or not _is_authority(parts[1]):
        raise ValidationError("must be a valid https URL", "invalid")
    if "@" in parts[1]:
        raise ValidationError("must not contain a user name or password", "credentials")


def is_one_line(text: str) -> bool:
    """Return whether the text has no line break, no control character and no half of a surrogate pair."""
    return text.isprintable() or not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text
    )


def has_visible_characters(text: str) -> bool:
    """Return whether the text has a character that is neither white space nor an invisible mark."""
    stripped = text.strip()
    if stripped.isprintable():
        return bool(stripped)
    return any(not character.isspace() and unicodedata.category(character) != "Cf" for character in stripped)


@lru_cache(maxsize=1024)
def _is_authority(authority: str) -> bool:
    """Return whether host and port can be called. Many URLs share few of them, and the checks are slow."""
    try:
        _check_url(f"https://{authority}")
        # As an HTTP client encodes the host. Django takes any character beyond ASCII.
        host = _PORT.sub("", authority.rpartition("@")[2])
        if not host.startswith("["):
            idna.encode(host)
    except (ValidationError, idna.IDNAError):
        return False
    port = _PORT.search(authority)
    return port is None or 1 <= int(port[1]) <= 65535
