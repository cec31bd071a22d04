"""Attach a campaign to a number that has none, check its status, detach it again. Python 3.11, nothing to install."""

import json
import os
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.parse import urlencode

BASE_URL = os.environ.get("AGENTMESSAGE_URL", "http://127.0.0.1:8000")
API_KEY = os.environ["AGENTMESSAGE_KEY"]


def call(method: str, path: str, body: dict | None = None) -> dict:
    """One request. Raises RuntimeError with the code, the message and the request id of a refusal."""
    request = urllib.request.Request(
        BASE_URL + path,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except HTTPError as refusal:
        error = json.load(refusal)["error"]
        raise RuntimeError(f"{error['code']}: {error['message']} ({error['request_id']})") from refusal


def phone_numbers(**query: str) -> Iterator[dict]:
    """Every number that the query finds, page by page."""
    query["limit"] = "100"
    while True:
        page = call("GET", "/v1/phone-numbers?" + urlencode(query))
        yield from page["data"]
        if page["meta"]["next_cursor"] is None:
            return
        query["cursor"] = page["meta"]["next_cursor"]


page = call("GET", "/v1/phone-numbers?limit=5")
print(f"{page['meta']['total']} numbers, the newest: {', '.join(number['number'] for number in page['data'])}")

brands = call("GET", "/v1/brands")["data"]
verified = {brand["id"] for brand in brands if brand["identity_status"] in ("VERIFIED", "VETTED_VERIFIED")}
campaigns = call("GET", "/v1/campaigns")["data"]
campaign = next(each for each in campaigns if each["status"] == "ACTIVE" and each["brand_id"] in verified)
number = next((each for each in phone_numbers(number_type="local") if each["campaign_id"] is None), None)
if number is None:
    raise SystemExit("Every local number has a campaign, and this quickstart moves none of them.")
path = f"/v1/phone-numbers/{number['id']}/campaign"

attached = call("POST", path, {"campaign_id": campaign["id"]})["data"]
try:
    print(f"{attached['number']} sends under {campaign['name']}: {attached['carrier_line_option_status']}")
    attachment = call("GET", path)["data"]
    print(
        f"attached at {attachment['attached_at']}, {attachment['attempts']} attempts, failure: {attachment['failure']}"
    )
finally:
    detached = call("DELETE", path)["data"]
    print(f"{detached['number']} sends under no campaign, as before: {detached['carrier_line_option_status']}")

print(f"paged through {sum(1 for _ in phone_numbers())} numbers")
