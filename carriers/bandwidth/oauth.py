"""The second API's token: OAuth 2.0 client credentials (RFC 6749, 4.4), kept until shortly before its end."""

import json
import math
import time
from threading import Lock

from carriers.base import CarrierRefused, CarrierUnavailable, Failure, FailureKind
from carriers.http import TOTAL_SECONDS, HttpCaller

_RENEW_SECONDS_BEFORE = 60
_SHORTEST_SECONDS = 30


class Token:
    """Thread-safe: one thread fetches, the others wait for it, `longest_wait` seconds at most.

    Without that bound they would ask one after the other, for as long as an endpoint that hangs lets each of them wait.
    """

    def __init__(self, *, url: str, credentials: tuple[str, str], longest_wait: float = TOTAL_SECONDS) -> None:
        self._url = url
        self._credentials = credentials
        self._longest_wait = longest_wait
        self._lock = Lock()
        self._value: str | None = None
        self._renew_at = 0.0

    def value(self, caller: HttpCaller, *, instead_of: str | None = None) -> str:
        """The token, fetched by `caller` if need be; another one than `instead_of`, which was refused.

        Raises CarrierRefused for wrong credentials, CarrierUnavailable.
        """
        if not self._lock.acquire(timeout=min(self._longest_wait, caller.seconds_left)):
            raise CarrierUnavailable("Bandwidth gives no token.", was_sent=False)
        try:
            if self._value is None or self._value == instead_of or time.monotonic() >= self._renew_at:
                self._fetch(caller)
            assert self._value is not None  # noqa: S101  (_fetch() has set it, or raised.)
            return self._value
        finally:
            self._lock.release()

    def _fetch(self, caller: HttpCaller) -> None:
        try:
            answer = caller.call(
                "POST",
                self._url,
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                content=b"grant_type=client_credentials",
                auth=self._credentials,
                is_write=False,
            )
        except CarrierUnavailable as unavailable:
            # Whatever became of this call, no order went out with it.
            unavailable.was_sent = False
            raise
        try:
            parsed = json.loads(answer.body)
        except (ValueError, RecursionError):
            parsed = None
        is_refusal = isinstance(parsed, dict) and isinstance(parsed.get("error"), str)
        if answer.is_challenge or (answer.status in (400, 401, 403) and is_refusal):
            words = "Bandwidth refuses the credentials of the account."
            raise CarrierRefused(Failure(FailureKind.NOT_CONFIGURED, words, str(answer.status)))
        try:
            value, seconds = parsed["access_token"], float(parsed["expires_in"])
        except (ValueError, KeyError, TypeError, OverflowError):
            raise CarrierUnavailable("Bandwidth's token cannot be read.", was_sent=False) from None
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not math.isfinite(seconds):
            raise CarrierUnavailable("Bandwidth's token cannot be read.", was_sent=False)
        self._value = value
        self._renew_at = time.monotonic() + max(seconds - _RENEW_SECONDS_BEFORE, _SHORTEST_SECONDS)
