"""The form of an API key: `am_live_` and 43 letters and digits.

The secret has 256 bits, so a fast digest is enough to keep: there is nothing to guess that a slow one would protect.
"""

import hashlib
import secrets
import string
from dataclasses import dataclass

_MARK = "am_live_"
_ALPHABET = string.ascii_letters + string.digits
_SECRET_LENGTH = 43
_READABLE = len(_MARK) + 8


@dataclass(frozen=True, slots=True, repr=False)
class NewKey:
    """A key at the one moment when it is known whole."""

    plain: str

    @property
    def prefix(self) -> str:
        """The part that stays readable; it leaves 208 bits unsaid."""
        return self.plain[:_READABLE]

    @property
    def digest(self) -> bytes:
        """What is kept of it."""
        return digest_of(self.plain)


def generate_key() -> NewKey:
    """A new key from the operating system's random source."""
    return NewKey(_MARK + "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH)))


def digest_of(plain: str) -> bytes:
    """SHA-256 of the whole key."""
    return hashlib.sha256(plain.encode()).digest()
