"""Bodies: what is no campaign id, what is no JSON object, what is too large, what is declared as something else."""

import json
from uuid import uuid4

import pytest

from phone_numbers.models import CampaignAttachment
from tests.support.api import ApiClient, assert_refused
from tests.support.worlds import World

NO_UUID = "must be a UUID, as 36 characters in the hyphenated form"
NO_JSON = "must come in a JSON object; this body is not JSON: "
NO_OBJECT = "must come in a JSON object; this body is JSON of another kind"
AN_ID = "b5d3c4e2-7f7e-44a1-8c12-2bcd9e3f0a01"


@pytest.fixture
def path(world: World) -> str:
    return f"/v1/phone-numbers/{world.phone_number.id}/campaign"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        0,
        1.5,
        True,
        [],
        [AN_ID],
        {},
        {"id": AN_ID},
        AN_ID.replace("-", ""),
        "{" + AN_ID + "}",
        "urn:uuid:" + AN_ID,
        " " + AN_ID,
        AN_ID + " ",
        AN_ID + "\n",
        AN_ID + "\u0000",
        AN_ID[:-1],
        AN_ID + "0",
        AN_ID[:-1] + "g",
        AN_ID.replace("b", "\uff42"),  # A full-width letter.
        AN_ID.replace("5", "\u0665"),  # An Arabic digit, which int() would take.
        AN_ID[:8] + AN_ID[9:18] + "-" + AN_ID[18:],  # 36 characters with a hyphen out of place.
        int(AN_ID.replace("-", ""), 16),
    ],
)
def test_what_is_no_campaign_id(value: object, path: str, api: ApiClient) -> None:
    response = api.post(path, json.dumps({"campaign_id": value}))
    details = response.json()["error"]["details"]
    # A number of more than 64 bits is refused by the reader already, with its own message.
    assert details["campaign_id"].endswith(f" {NO_UUID}") or (isinstance(value, int) and value > 2**64)
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)
    assert not CampaignAttachment.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b'{"campaign_id": "' + AN_ID.encode() + b'"',
        b'{"campaign_id": "' + AN_ID.encode(),
        b"{'campaign_id': '" + AN_ID.encode() + b"'}",
        b'{"campaign_id": "\xff\xfe"}',
        b'{"campaign_id": "\\ud800"}',
        b'{"campaign_id": NaN}',
        b"\xef\xbb\xbf{}",
        ('{"campaign_id": "' + AN_ID + '"}').encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b" ",
        b"\x00",
        b"campaign_id=" + AN_ID.encode(),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_json(body: bytes, path: str, api: ApiClient) -> None:
    response = api.post(path, body)
    details = response.json()["error"]["details"]
    assert list(details) == ["campaign_id"]
    assert details["campaign_id"].startswith(NO_JSON)
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)


@pytest.mark.parametrize("body", [b"null", b"true", b"1", b'"' + AN_ID.encode() + b'"', b"[]", b"[{}]"])
def test_json_of_another_kind(body: bytes, path: str, api: ApiClient) -> None:
    response = api.post(path, body)
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details={"campaign_id": NO_OBJECT})


@pytest.mark.parametrize("content_type", ["application/json", "", "application/x-www-form-urlencoded"])
def test_an_empty_body(content_type: str, path: str, api: ApiClient) -> None:
    response = api.post(path, b"", content_type=content_type)
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details={"campaign_id": "is required"})


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "application/json-seq",
        "nonsense",
    ],
)
def test_a_body_that_is_declared_as_something_else(content_type: str, path: str, api: ApiClient, world: World) -> None:
    body = json.dumps({"campaign_id": str(world.campaign.id)})
    response = api.post(path, body, content_type=content_type)
    assert_refused(response, 415, "UNSUPPORTED_MEDIA_TYPE", "unsupported media type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", ""])
def test_a_body_that_is_declared_as_json_or_not_at_all(
    content_type: str, path: str, api: ApiClient, world: World
) -> None:
    body = json.dumps({"campaign_id": str(world.campaign.id)})
    assert api.post(path, body, content_type=content_type).status_code == 200


def test_a_body_over_the_limit(path: str, api: ApiClient, world: World) -> None:
    limit = 1_048_576
    fits = json.dumps({"campaign_id": str(world.campaign.id)}).ljust(limit)
    assert_refused(api.post(path, fits + " "), 413, "PAYLOAD_TOO_LARGE", "payload too large")
    assert api.post(path, fits).status_code == 200


def test_an_id_in_capitals_is_taken(path: str, api: ApiClient, world: World) -> None:
    response = api.post(path, {"campaign_id": str(world.campaign.id).upper()})
    assert response.status_code == 200
    assert response.json()["data"]["campaign_id"] == str(world.campaign.id)


@pytest.mark.parametrize("key", ["dry_run", "dryRun", "Campaign_id", "campaign_id ", "note", "", "__proto__"])
def test_another_key_breaks_rule_1(key: str, path: str, api: ApiClient, world: World) -> None:
    message = "is not a field; the fields are campaign_id"
    response = api.post(path, {"campaign_id": str(world.campaign.id), key: True})
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details={key: message})
    response = api.post(path, {key: True})
    details = {key: message, "campaign_id": "is required"}
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)
    # Rule 1 comes before rules 2 and 5.
    response = api.post("/v1/phone-numbers/x/campaign", {"campaign_id": str(uuid4()), key: True})
    assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details={key: message})
    assert not CampaignAttachment.objects.exists()


def test_a_missing_key_is_refused_before_the_body_is_read(path: str) -> None:
    anonymous = ApiClient(None)
    for body, content_type in [(b"[", "application/json"), (b"x" * 2_000_000, "text/plain")]:
        response = anonymous.post(path, body, content_type=content_type)
        assert_refused(response, 401, "UNAUTHORIZED", "authentication failed")
