"""Bodies that come in chunks, without a Content-Length (RFC 9112, section 7.1), as streaming clients send them.

Django takes a request without a Content-Length for one without a body. Its caller would be told that a field is missing
that was there.
"""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class ReadChunkedBodies:
    """Reads a chunked body before Django looks, and at most one byte more than MAX_BODY_BYTES allows."""

    def __init__(self, application: "WSGIApplication") -> None:
        self.application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = environ["wsgi.input"].read(settings.MAX_BODY_BYTES + 1)
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return self.application(environ, start_response)
