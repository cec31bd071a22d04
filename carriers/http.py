"""HTTP to a carrier, with the distrust that a stranger's server deserves."""

import asyncio
import ssl
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs

import httpx2
import orjson

from carriers.base import (
    DEFAULT_ACCOUNT,
    LOCAL_NUMBERS,
    AssignmentPage,
    Carrier,
    CarrierUnavailable,
    Deadline,
    ListedBrand,
    ListedCampaign,
    ListUnavailable,
    Pace,
    unreadable,
)

TOTAL_SECONDS = 30.0
"""A call ends within this time, from connecting to the last byte of the body, however slowly the bytes come."""
MAX_ANSWER_BYTES = 4_194_304
"""An order of some thousand numbers that all failed stays well below this."""
# Seconds, where a carrier that asks for fewer requests does not say for how long.
_PAUSE = 5.0
_OUTSET = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, of any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def is_declared_as(self, format_name: str) -> bool:
        """Whether its content type is of this format ("json", "xml"), or absent."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return not media_type or media_type.endswith(("/" + format_name, "+" + format_name))

    def read_object(self) -> dict[str, Any]:
        """Return the JSON object of the body. Raises CarrierUnavailable for anything else."""
        try:
            # Refuses a nest that is too deep, where json would not.
            content = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise unreadable() from None
        if not isinstance(content, dict):
            raise unreadable()
        return content

    @property
    def is_challenge(self) -> bool:
        """Whether it asks for other credentials (RFC 9110, 11.6.1), whatever its body is."""
        return self.status == httpx2.codes.UNAUTHORIZED and "www-authenticate" in self.headers


class HttpCaller:
    """Calls one carrier from any thread, and keeps its connections open between calls.

    `pace` is called before each request, and sees whether the carrier asks for fewer of them.
    """

    def __init__(self, *, pace: Pace, total_seconds: float = TOTAL_SECONDS) -> None:
        self._pace = pace
        self._total_seconds = total_seconds
        self._lock = Lock()
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._deadline: Deadline | None = None
        self._has_written = False
        # Whose connections are used: its own, or those of the caller that `until` was called on.
        self._owner = self

    def until(self, deadline: Deadline) -> Self:
        """Return a caller with the same connections whose calls all end by `deadline`, together."""
        bound = copy(self)
        bound._deadline = deadline  # noqa: SLF001  (A copy of this one.)
        bound._has_written = False  # noqa: SLF001
        return bound

    @property
    def seconds_left(self) -> float:
        """How long a call that begins now may take."""
        if self._deadline is None:
            return self._total_seconds
        return min(self._total_seconds, self._deadline.seconds_left)

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        is_write: bool | None = None,
    ) -> Answer:
        """The answer, whatever its status; a redirect is not followed. `is_write` None: whatever is not a GET.

        Raises CarrierUnavailable for no answer, one that takes too long or is too large, for HTTP 429 and 5xx, and for
        a redirect: what an adapter sees is 1xx to 4xx that the carrier meant. Once a write may have reached the carrier
        on a caller with a deadline, later calls raise it with `follows_write`.
        """
        try:
            paced = self._pace() or nullcontext()
            answer = self._exchange(method, url, headers=headers, content=content, params=params, auth=auth)
            with paced:
                _refuse_what_is_no_answer(answer)
        except CarrierUnavailable as unavailable:
            unavailable.follows_write = self._has_written
            raise
        if self._deadline is not None:
            self._has_written |= method != "GET" if is_write is None else is_write
        return _without_secrets(answer, headers or {}, auth)

    def close(self) -> None:
        """Close the connections and the thread that holds them. The next call opens new ones."""
        with self._lock:
            if self._client is None or self._loop is None:
                return
            asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._client = self._loop = None

    def _exchange(self, method: str, url: str, **request: Any) -> Answer:
        seconds = self.seconds_left
        if seconds <= 0:
            # An earlier call of the same order may have been sent, so `was_sent` stays True.
            raise CarrierUnavailable("The time for this order's calls is over.")
        loop, client = self._owner._started()  # noqa: SLF001  (This object, or the one that it is a copy of.)
        try:
            return asyncio.run_coroutine_threadsafe(_exchange(client, seconds, method, url, **request), loop).result()
        except TimeoutError:
            raise CarrierUnavailable(f"No answer within {seconds:.3g} seconds.") from None
        except _OUTSET as error:
            raise CarrierUnavailable(f"The carrier cannot be reached: {_words(error)}.", was_sent=False) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError) as error:
            raise CarrierUnavailable(f"The carrier's answer was lost: {_words(error)}.") from error

    def _started(self) -> tuple[asyncio.AbstractEventLoop, httpx2.AsyncClient]:
        with self._lock:
            if self._client is None or self._loop is None:
                # One event loop for all threads: only there does a time limit hold for a server that sends a byte now
                # and then, be it in the middle of its headers. A daemon, so that it never holds up a process's end.
                self._loop = asyncio.new_event_loop()
                Thread(target=_run, args=(self._loop,), name="carrier-http", daemon=True).start()
                self._client = httpx2.AsyncClient(
                    timeout=self._total_seconds,
                    follow_redirects=False,
                    # What the environment says of proxies and certificates holds here too.
                    trust_env=True,
                    headers={"User-Agent": "AgentMessage-numbers/1"},
                )
            return self._loop, self._client


class HttpCarrier(Carrier):
    """What the adapters have in common. A carrier without lists inherits that, too."""

    name = DEFAULT_ACCOUNT
    number_types = LOCAL_NUMBERS

    def __init__(self, *, pace: Pace) -> None:
        self._caller = HttpCaller(pace=pace)

    def until(self, deadline: Deadline) -> Self:
        """See `Carrier`."""
        bound = copy(self)
        bound._caller = self._caller.until(deadline)  # noqa: SLF001  (A copy of this one.)
        return bound

    def tcr_campaign_ids(self, *, campaign_id: str | None, brand_id: str | None) -> Sequence[str]:
        """See `Carrier`. Campaigns go by their TCR ID."""
        return [] if campaign_id is None else [campaign_id]

    def assignment_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """See `Carrier`."""
        raise ListUnavailable

    def number_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """See `Carrier`."""
        raise ListUnavailable

    def brands(self) -> Iterator[ListedBrand]:
        """See `Carrier`."""
        raise ListUnavailable

    def campaigns(self, tcr_brand_ids: Collection[str]) -> Iterator[ListedCampaign]:
        """See `Carrier`."""
        raise ListUnavailable

    def close(self) -> None:
        """See `Carrier`."""
        self._caller.close()


def read_options(url: SplitResult, *known: str) -> dict[str, str]:
    """Return what follows the `?` of an account's address. Raises ValueError for an option that is not known."""
    options = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    if unknown := options.keys() - set(known):
        raise ValueError(f"{url.scheme}:// does not know {', '.join(sorted(unknown))}.")
    return options


def read_origin(url: SplitResult, default_host: str, *, scheme: str = "https") -> str:
    """Return the origin that an account's address names. Raises ValueError in words that show no secret."""
    if scheme not in ("http", "https"):
        raise ValueError("scheme must be http or https.")
    try:
        port = "" if url.port is None else f":{url.port}"
    except ValueError:
        # The message shows the text, which may be a part of the secret.
        raise ValueError("the port must be a number; a / in the secret must be percent-encoded.") from None
    host = url.hostname or default_host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{port}"


async def _exchange(client: httpx2.AsyncClient, seconds: float, method: str, url: str, **request: Any) -> Answer:
    body = bytearray()
    async with asyncio.timeout(seconds), client.stream(method, url, **request) as response:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise CarrierUnavailable(f"The carrier's answer is larger than {MAX_ANSWER_BYTES} bytes.")
        return Answer(response.status_code, response.headers, bytes(body))


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _without_secrets(answer: Answer, headers: Mapping[str, str], auth: tuple[str, str] | None) -> Answer:
    """Blank the credentials of the request in an error's words, which are stored, shown and logged."""
    secrets = [headers.get("Authorization", "").removeprefix("Bearer "), auth[1] if auth else ""]
    body = answer.body
    if answer.status >= httpx2.codes.BAD_REQUEST:
        for secret in secrets:
            # A shorter one is no secret, and may be a part of the format.
            if len(secret) >= 8:
                body = body.replace(secret.encode(), b"***")
    return replace(answer, body=body)


def _refuse_what_is_no_answer(answer: Answer) -> None:
    if answer.status == httpx2.codes.TOO_MANY_REQUESTS:
        raise CarrierUnavailable(
            "The carrier asks for fewer requests.",
            carrier_code="429",
            retry_after=_PAUSE if (told := retry_after(answer.headers)) is None else told,
            was_sent=False,
        )
    if answer.status >= httpx2.codes.INTERNAL_SERVER_ERROR:
        raise CarrierUnavailable(
            f"The carrier failed with HTTP {answer.status}.",
            carrier_code=str(answer.status),
            retry_after=retry_after(answer.headers),
        )
    if 300 <= answer.status < 400:
        raise CarrierUnavailable(
            "The carrier answered with a redirect; is the address of the account right?",
            carrier_code=str(answer.status),
        )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `Retry-After` (RFC 9110, 10.2.3: seconds or a date), or else by `x-ratelimit-reset`.

    The latter is Telnyx's; it is seconds, or the moment as seconds since 1970, which no wait is as long as. None if
    both are absent or no such thing. Never over a day. A moment is compared with the answer's own `Date`, so that a
    machine whose clock is wrong waits as long as the others.
    """
    now = _moment(headers.get("date", "")) or datetime.now(UTC)
    told = _delay(headers.get("retry-after", "").strip(), now)
    if told is not None:
        return told
    reset = _digits(headers.get("x-ratelimit-reset", "").strip())
    if reset is None:
        return None
    return _within_a_day(reset - now.timestamp() if reset > _NO_WAIT else reset)


_NO_WAIT = 1_000_000_000


def _delay(text: str, now: datetime) -> float | None:
    seconds = _digits(text)
    if seconds is not None:
        return _within_a_day(seconds)
    moment = _moment(text)
    return None if moment is None else _within_a_day((moment - now).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _digits(text: str) -> int | None:
    # No moment and no wait has more digits, and int() takes no number of thousands of them.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def _within_a_day(seconds: float) -> float:
    return float(min(max(seconds, 0.0), 86_400.0))


def _words(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
