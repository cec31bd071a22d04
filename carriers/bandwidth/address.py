"""The address of one account at one of Bandwidth's two APIs."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, parse_qs, quote, unquote

MOST_NUMBERS = 5000
"""An order's answer names every number that failed; of so many it stays below what `HttpCaller` reads."""
_DEFAULT_BATCH = "1000"
_HOSTS = {"1": "dashboard.bandwidth.com", "2": "api.bandwidth.com"}
_PATHS = {"1": "/api", "2": "/api/v2"}
_TOKEN_PATH = "/api/v1/oauth2/token"  # noqa: S105  (An address.)


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
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        if unknown := query.keys() - {"version", "scheme", "batch"}:
            raise ValueError(f"bandwidth:// does not know {', '.join(sorted(unknown))}.")
        version, scheme = query.get("version", "2"), query.get("scheme", "https")
        batch = query.get("batch", _DEFAULT_BATCH)
        if version not in _HOSTS:
            raise ValueError("version must be 1 or 2.")
        if scheme not in ("http", "https"):
            raise ValueError("scheme must be http or https.")
        if not (batch.isascii() and batch.isdigit() and len(batch) <= 4 and 1 <= int(batch) <= MOST_NUMBERS):
            raise ValueError(f"batch must be a number from 1 to {MOST_NUMBERS}.")
        return cls(
            origin=_origin(url, scheme, version),
            account=unquote(account),
            version=version,
            batch_size=int(batch),
            user=unquote(url.username),
            secret=unquote(url.password),
        )


def _origin(url: SplitResult, scheme: str, version: str) -> str:
    try:
        port = url.port
    except ValueError:
        raise ValueError("the port must be a number; a / in the secret must be percent-encoded.") from None
    host = url.hostname or _HOSTS[version]
    if host in _HOSTS.values() and scheme == "http":
        raise ValueError("scheme=http would send the secret to Bandwidth in the clear.")
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}" + ("" if port is None else f":{port}")
