"""A page that is not the carrier's is an outage, for every request and status."""

import re
from collections.abc import Callable

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from carriers.base import Carrier, CarrierUnavailable, OrderAction, OrderRequest
from carriers.choose import build_carrier

NUMBER = "+19195550100"
ATTACH = OrderRequest("0198c3d5-0000-7000-8000-000000000000", OrderAction.ATTACH, "C000000", (NUMBER,))
DETACH = OrderRequest("0198c3d5-0000-7000-8000-000000000001", OrderAction.DETACH, None, (NUMBER,))
CARRIERS = {
    "bandwidth 1": "bandwidth://robot:s3cret-key@127.0.0.1:{}/accounts/9?version=1&scheme=http",
    "bandwidth 2": "bandwidth://robot:s3cret-key@127.0.0.1:{}/accounts/9?version=2&scheme=http",
    "telnyx": "telnyx://:KEY0123456789@127.0.0.1:{}?scheme=http",
    "simulated": "simulated://127.0.0.1:{}",
}
CALLS: dict[str, Callable[[Carrier], object]] = {
    "attach": lambda carrier: carrier.submit(ATTACH),
    "detach": lambda carrier: carrier.submit(DETACH),
    "find an attach": lambda carrier: carrier.find(ATTACH),
    "find a detach": lambda carrier: carrier.find(DETACH),
    "campaign status": lambda carrier: carrier.campaign_status("C000000", tcr_brand_id="BBRAND1"),
    "holdings": lambda carrier: list(carrier.holdings([NUMBER])),
    "assignments": lambda carrier: list(carrier.assignments([NUMBER])),
}
PAGES = {
    "html": ("text/html", "<!doctype html><html><body>no such page<br></body></html>"),
    "well-formed html": ("text/html", "<html><body>no such page</body></html>"),
    "html that is declared as xml": ("application/xml", "<html><body>no such page</body></html>"),
    "json of another": ("application/json", '{"error": "forbidden", "status": 403}'),
    "text": ("text/plain", "denied"),
    "nothing": ("text/html", ""),
}


@pytest.mark.parametrize("url", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("shown", PAGES.values(), ids=PAGES)
def test_the_page_of_another_server_is_an_outage(httpserver: HTTPServer, url: str, shown: tuple[str, str]) -> None:
    content_type, body = shown
    carrier = build_carrier(url.format(httpserver.port), pace=lambda: None)
    taken_for_an_answer = []
    for status in (200, 400, 401, 402, 403, 404, 405, 409, 410, 422):
        httpserver.clear()
        is_token_refusal = "error" in body and "version=2" in url and status in (400, 401, 403)
        if is_token_refusal:
            # The form of RFC 6749, 5.2, wherever it comes from.
            continue
        answered = Response(body, status, content_type=content_type)
        httpserver.expect_request(re.compile(".*")).respond_with_response(answered)
        for name, call in CALLS.items():
            try:
                answer = call(carrier)
            except CarrierUnavailable:
                continue
            except Exception as error:  # noqa: BLE001  (All of them are listed.)
                answer = error
            taken_for_an_answer.append(f"{status} {name}: {answer!r}")
    carrier.close()
    assert not taken_for_an_answer
