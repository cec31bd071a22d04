"""One account at one of Bandwidth's two APIs: its address, and the second API's token.

The token is that of OAuth 2.0 client credentials (RFC 6749, 4.4), kept until shortly before its end.
"""

import json
import math
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Self
from urllib.parse import SplitResult, quote, unquote

from carriers.base import CarrierRefused, CarrierUnavailable, Failure, FailureKind
from carriers.http import TOTAL_SECONDS, HttpCaller, read_options, read_origin

MOST_NUMBERS = 5000
"""An order's answer names every number that failed; of so many it stays below what `HttpCaller` reads."""
_DEFAULT_BATCH = "1000"
_HOSTS = {"1": "dashboard.bandwidth.com", "2": "api.bandwidth.com"}
_PATHS = {"1": "/api", "2": "/api/v2"}
_TOKEN_PATH = "/api/v1/oauth2/token"  # noqa: S105  (An address.)
_RENEW_SECONDS_BEFORE = 60
_SHORTEST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Address:
    """One account at one of Bandwidth's two APIs. `user` and `secret` are as they are sent, not percent-encoded."""

    origin: str
    account: str
    version: str
    batch_size: int
    user: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def api(self) -> str:
        """The prefix of paths that belong to no account."""
        return self.origin + _PATHS[self.version]

    @property
    def account_base(self) -> str:
        """The prefix of the account's paths."""
        return f"{self.api}/accounts/{quote(self.account, safe='')}"

    @property
    def token_url(self) -> str:
        """Where the second API issues tokens: on the configured host, but never on the first API's."""
        return self.origin.replace(_HOSTS["1"], _HOSTS["2"]) + _TOKEN_PATH

    @classmethod
    def read(cls, url: SplitResult) -> Self:
        """`bandwidth://user:secret@host[:port]/accounts/ID?version=1|2[&scheme=http][&batch=1000]`.

        Version 2 if none is said. A host is used as written, because the documents disagree on that of version 2;
        without one it is the version's.

        Raises ValueError, whose sentence repeats no part of the URL in which a secret can be: a `/`, `?` or `#` that is
        not percent-encoded there ends the host, so that the path is wrong, which is looked at before the query.
        """
        match url.path.split("/"):
            case ["", "accounts", account] if account:
                pass
            case _:
                raise ValueError("the path must be /accounts/ID; a /, ? or # in the secret must be percent-encoded.")
        if not url.username or not url.password:
            raise ValueError("bandwidth:// needs user:secret@.")
        options = read_options(url, "version", "scheme", "batch")
        version, batch = options.get("version", "2"), options.get("batch", _DEFAULT_BATCH)
        if version not in _HOSTS:
            raise ValueError("version must be 1 or 2.")
        if not (batch.isascii() and batch.isdigit() and len(batch) <= 4 and 1 <= int(batch) <= MOST_NUMBERS):
            raise ValueError(f"batch must be a number from 1 to {MOST_NUMBERS}.")
        origin = read_origin(url, _HOSTS[version], scheme=options.get("scheme", "https"))
        if url.hostname in (None, *_HOSTS.values()) and origin.startswith("http:"):
            raise ValueError("scheme=http would send the secret to Bandwidth in the clear.")
        return cls(
            origin=origin,
            account=unquote(account),
            version=version,
            batch_size=int(batch),
            user=unquote(url.username),
            secret=unquote(url.password),
        )


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
