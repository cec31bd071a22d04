"""Request bodies between the WSGI server and Django: chunked, truncated, unread, or with a malformed Content-Type.

Django treats a request without a Content-Length as one without a body, cannot distinguish a truncated body from a
complete one, and fails outside of all error handling if it cannot parse a Content-Type. A server that closes a
connection while the client is still sending resets it, and the client never receives the response.
"""

import io
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.http import parse_header_parameters

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

# What a Content-Type that Django cannot parse becomes. It is malformed too, so /v1 refuses it.
_MALFORMED = "malformed"
# How long to read from a client that keeps sending after it has been refused (nginx: lingering_time).
_DRAIN_SECONDS = 30.0
_DRAIN_BYTES = 65_536
# A read blocks while the client sends nothing, and occupies a thread. A client whose body has not been read may be
# unauthenticated, so each process waits for one such client at a time. The others may see a reset.
_unauthenticated = threading.Lock()


class RequestBodies:
    """WSGI middleware around Django."""

    def __init__(self, application: "WSGIApplication") -> None:
        self.application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, and read the rest of its body."""
        if not _is_parsable(environ.get("CONTENT_TYPE", "")):
            environ["CONTENT_TYPE"] = _MALFORMED
        length = environ.get("CONTENT_LENGTH", "")
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = _Body(environ["wsgi.input"], length=None)
            # Django reads no further than the length. One byte over the limit shows that the body is too large.
            environ["CONTENT_LENGTH"] = str(settings.MAX_BODY_BYTES + 1)
        elif length.isdecimal() and int(length):
            body = _Body(environ["wsgi.input"], length=int(length))
        else:
            return self.application(environ, start_response)
        environ["wsgi.input"] = body
        response = self.application(environ, start_response)
        if body.has_begun:
            body.drain()
        # A client that sent `Expect: 100-continue` sends its body only once the server reads.
        elif "HTTP_EXPECT" not in environ and _unauthenticated.acquire(blocking=False):
            try:
                body.drain()
            finally:
                _unauthenticated.release()
        return response


def _is_parsable(content_type: str) -> bool:
    """Return whether Django can parse the Content-Type and decode text in its charset."""
    try:
        _media_type, parameters = parse_header_parameters(content_type)
        # The codec must decode text: Django reads the query with it, and `undefined` and `rot13` exist but fail.
        b"\xc3\xa9".decode(parameters.get("charset", "utf-8"), "replace")
    except (ValueError, LookupError):
        return False
    return True


class _Body(io.RawIOBase):
    """A body that knows whether it has ended. A short read ends a chunked one (RFC 9112, section 7.1).

    Granian does not report that a chunked body was truncated, so it counts as complete.
    """

    def __init__(self, stream: "InputStream", *, length: int | None) -> None:
        self._stream = stream
        self._left = length
        self.has_begun = self.has_ended = False

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes. Raises OSError if the client disconnected before it had sent the whole body."""
        if self._left is not None:
            size = min(size, self._left) if size >= 0 else self._left
        self.has_begun = self.has_ended = True  # A stream that raises has ended as well.
        data = self._stream.read(size)
        is_short = len(data) < size
        if self._left is None:
            self.has_ended = is_short
            return data
        if is_short:
            raise OSError("the client disconnected")
        self._left -= size
        self.has_ended = not self._left
        return data

    def drain(self) -> None:
        """Read the rest for a limited time, so that the client can read the response."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        with suppress(OSError):  # The client has disconnected: there is nothing left to read.
            while not self.has_ended and time.monotonic() < deadline:
                self.read(_DRAIN_BYTES)
