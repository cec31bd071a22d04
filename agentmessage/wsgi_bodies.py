"""Request bodies between the WSGI server and Django: in chunks, cut off, unread, or declared as nonsense.

Django takes a request without a Content-Length for one without a body, cannot distinguish a truncated body from a
complete one, and fails outside of all error handling when it cannot parse a Content-Type. And a server that closes a
connection while the client is still sending resets it: the client never sees the response that it was sent.
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
# A client that goes on sending after it has been refused is listened to for so long (nginx: lingering_time).
_DRAIN_SECONDS = 30.0
_DRAIN_BYTES = 65_536
# A read blocks while the client sends nothing, and holds a thread of the server. Before the service has begun to read,
# the client may be a stranger, so each process waits for one such client at a time. The others may see a reset.
_strangers = threading.Lock()


class RequestBodies:
    """WSGI middleware around Django."""

    def __init__(self, application: "WSGIApplication") -> None:
        self.application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, and read what is left of its body."""
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
        # A client that asked whether to send its body (`Expect: 100-continue`) does so only once something is read.
        elif "HTTP_EXPECT" not in environ and _strangers.acquire(blocking=False):
            try:
                body.drain()
            finally:
                _strangers.release()
        return response


def _is_parsable(content_type: str) -> bool:
    """Return whether Django can take the Content-Type apart and read text in its charset."""
    try:
        _media_type, parameters = parse_header_parameters(content_type)
        # A codec that only exists is not enough: Django reads the query with it, and `undefined` and `rot13` fail.
        b"\xc3\xa9".decode(parameters.get("charset", "utf-8"), "replace")
    except (ValueError, LookupError):
        return False
    return True


class _Body(io.RawIOBase):
    """A body that knows whether it has ended. In chunks (RFC 9112, section 7.1), a read that comes short is the end.

    Granian reports a body in chunks that was cut off as one that has ended, so what was sent of it is all there is.
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
        """Read the rest, for a while, so that the client gets to reading the response."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        with suppress(OSError):  # The client has disconnected: there is nothing left to read.
            while not self.has_ended and time.monotonic() < deadline:
                self.read(_DRAIN_BYTES)
