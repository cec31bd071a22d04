"""The document's examples are real: each request is sent to the demo data, and the answer is the documented one.

`RECORD_EXAMPLES=1 pytest tests/contract/test_examples.py` records the answers again, in one process.
"""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from jsonschema import Draft202012Validator
from pytest_django import Settings
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from accounts.models import ApiKey, Organization, Scope
from accounts.services import digest_of
from agentmessage.api.document import document
from agentmessage.api.schema import EXAMPLES, all_examples
from agentmessage.rates import Rate
from devserver.demo import INVENTORY
from phone_numbers.models import CampaignAttachment
from tests.support.api import ApiClient
from tests.support.propagation import fail_attachment

PLAIN = "am_live_" + "x" * 43
DOCUMENT: dict[str, Any] = orjson.loads(document())
OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
VOLATILE = [
    (re.compile(r'"[0-7][0-9A-HJKMNP-TV-Z]{25}"'), '"<request id>"'),
    (re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"'), '"<time>"'),
    (re.compile(r'"am_live_[A-Za-z0-9]{43}"'), '"<key>"'),
    (re.compile(r'"am_live_[A-Za-z0-9]{8}"'), '"<prefix>"'),
    (re.compile(r'"next_cursor": "[A-Za-z0-9_-]+"'), '"next_cursor": "<cursor>"'),
    (re.compile(r'"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"'), '"<new id>"'),
]


@pytest.fixture
def api(db: None) -> ApiClient:
    """A client of the demo's first organization. Its two keys have IDs that stay; the first is used, and expires."""
    call_command("load_inventory", str(INVENTORY), verbosity=0)
    acme = Organization.objects.get(slug="acme")
    for number, label, plain in ((1, "Front office", PLAIN), (2, "Old laptop", "am_live_" + "y" * 43)):
        ApiKey.objects.create(
            id=f"a0000000-0000-4000-8000-0000000000a{number}",
            organization=acme,
            label=label,
            prefix=plain[:16],
            digest=digest_of(plain),
            scopes=Scope.values,
            expires_at=datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC) if plain == PLAIN else None,
        )
    return ApiClient(PLAIN)


def _send(api: ApiClient, method: str, path: str, body: Any) -> Any:
    if body is None:
        return api.client.generic(method, path)
    return api.client.generic(method, path, json.dumps(body), content_type="application/json")


def _without_what_changes(answer: Any) -> str:
    text = json.dumps(answer, sort_keys=True, ensure_ascii=False)
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return text


@pytest.mark.parametrize("example", all_examples(), ids=lambda example: f"{example['operation']}-{example['name']}")
def test_an_example_is_what_is_answered(example: dict[str, Any], api: ApiClient, settings: Settings) -> None:
    for method, path, body in example["given"]:
        if method == "SETTING":
            setattr(settings, path, body)
            continue
        if method == "CARRIER REFUSES":
            fail_attachment(CampaignAttachment.objects.get(phone_number__id=path).id)
            continue
        assert _send(api, method, path, body).status_code == 200
    response = _send(api, example["method"], example["path"], example["body"])
    if os.environ.get("RECORD_EXAMPLES"):
        # Times and IDs alone are no news: a recorded answer that is still right keeps its own.
        if _without_what_changes(response.json()) != _without_what_changes(example["answer"]):
            example["status"], example["answer"] = response.status_code, response.json()
        EXAMPLES.write_text(json.dumps(all_examples(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert response.status_code == example["status"]
    assert _without_what_changes(response.json()) == _without_what_changes(example["answer"])


@pytest.mark.parametrize("example", all_examples(), ids=lambda example: f"{example['operation']}-{example['name']}")
def test_an_example_is_in_the_document_and_fits_its_schema(example: dict[str, Any]) -> None:
    method, path, operation = OPERATIONS[example["operation"]]
    assert example["method"].lower() == method
    assert re.fullmatch(re.escape(path).replace(r"\{id\}", "[^/]+"), example["path"].partition("?")[0])
    content = operation["responses"][str(example["status"])]["content"]["application/json"]
    assert content["examples"][example["name"]]["value"] == example["answer"]
    _validate(example["answer"], content["schema"])
    if example["status"] < 300 and example["body"] is not None:
        body = operation["requestBody"]["content"]["application/json"]
        assert body["examples"][example["name"]]["value"] == example["body"]
        _validate(example["body"], body["schema"])


def _validate(value: Any, schema: dict[str, Any]) -> None:
    """Against the document with every object closed: a key that it does not know is an error here."""
    closed = _closed(DOCUMENT)
    resource = Resource(closed, DRAFT202012)  # type: ignore[call-arg]  # attrs makes its constructor.
    registry = Registry().with_resource("urn:document", resource)
    reference = json.loads(json.dumps(_closed(schema)).replace("#/components", "urn:document#/components"))
    formats = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(reference, registry=registry, format_checker=formats).validate(value)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def test_a_key_too_many_is_noticed() -> None:
    """The negative control of the test above."""
    example = next(example for example in all_examples() if example["operation"] == "getPhoneNumber")
    schema = {"$ref": "#/components/schemas/PhoneNumberAnswer"}
    _validate(example["answer"], schema)
    with pytest.raises(Exception, match="'state' was unexpected"):
        _validate({"success": True, "data": {**example["answer"]["data"], "state": "ASSIGNED"}}, schema)


def test_the_thirteen_keys_are_required_and_typed() -> None:
    schema = DOCUMENT["components"]["schemas"]["PhoneNumber"]
    assert {name: described["type"] for name, described in schema["properties"].items()} == {
        "id": "string",
        "number": "string",
        "number_type": "string",
        "inbound_url": ["string", "null"],
        "status_url": ["string", "null"],
        "label": ["string", "null"],
        "campaign_id": ["string", "null"],
        "carrier_line_option_status": ["string", "null"],
        "carrier_line_option_propagated_at": ["string", "null"],
        "sms_enabled": "boolean",
        "mms_enabled": "boolean",
        "created_at": "string",
        "updated_at": "string",
    }
    assert sorted(schema["required"]) == sorted(schema["properties"])
    assert schema["properties"]["number_type"]["enum"] == ["local", "toll_free", "short_code"]
    assert schema["properties"]["carrier_line_option_status"]["enum"] == [
        "pending",
        "propagated",
        "failed",
        "removing",
        None,
    ]
    answer = DOCUMENT["components"]["schemas"]["PhoneNumberAnswer"]
    assert answer["required"] == ["success", "data"]
    assert answer["properties"]["success"] == {"const": True}


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_operation_says_all_there_is_to_say(operation_id: str) -> None:
    _method, _path, operation = OPERATIONS[operation_id]
    assert operation["summary"]
    assert operation["description"].endswith(f"Requires the `{operation['x-scope']}` scope.")
    assert operation["security"] == [{"apiKey": [operation["x-scope"]]}]
    assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])
    for status, response in operation["responses"].items():
        assert "X-Request-Id" in response["headers"]
        assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= set(response["headers"])
        if status == "304":
            continue
        content = response["content"]["application/json"]
        documented = set(re.findall(r"`([A-Z_]+)`:", response["description"]))
        shown = {example["value"]["error"]["code"] for example in content["examples"].values() if int(status) >= 400}
        assert shown == documented, f"{status}: each code needs an example, and each example its code"


def _crash(error: Exception) -> Any:
    def execute(*args: object) -> None:
        raise error

    return connection.execute_wrapper(execute)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_what_every_operation_can_answer(operation_id: str, api: ApiClient, settings: Settings) -> None:
    """401, 403, 413, 415, 429, 500 and 503 are provoked, and are what the document shows."""
    method, _path, operation = OPERATIONS[operation_id]
    example = next(example for example in all_examples() if example["operation"] == operation_id)
    path = example["path"]
    answers: dict[int, Any] = {401: _send(ApiClient(None), method, path, example["body"])}
    with _crash(RuntimeError("secret")):
        answers[500] = _send(api, method, path, example["body"])
    with _crash(OperationalError("secret")):
        answers[503] = _send(api, method, path, example["body"])
    if "requestBody" in operation:
        settings.MAX_BODY_BYTES = 1
        answers[413] = _send(api, method, path, example["body"])
        answers[415] = api.client.generic(method, path, "a,b", content_type="text/csv")
    settings.THROTTLE_RATE = Rate(limit=1, seconds=60)
    ApiKey.objects.update(scopes=[next(scope for scope in Scope.values if scope != operation["x-scope"])])
    answers[403] = _send(api, method, path, example["body"])
    answers[429] = _send(api, method, path, example["body"])
    for status, response in answers.items():
        assert response.status_code == status
        documented = operation["responses"][str(status)]
        [shown] = documented["content"]["application/json"]["examples"].values()
        assert _without_what_changes(response.json()) == _without_what_changes(shown["value"])
        _validate(response.json(), documented["content"]["application/json"]["schema"])
        for name in set(documented["headers"]) - {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}:
            assert name in response


def _schemas(part: Any) -> Iterator[dict[str, Any]]:
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _schemas(inner)
    if isinstance(part, dict):
        yield part


def test_generated_clients_can_read_every_answer() -> None:
    """What openapi-generator's Python clients refuse or cannot name."""
    constants = [schema for schema in _schemas(DOCUMENT) if isinstance(schema.get("const"), bool)]
    assert {True, False} == {schema["const"] for schema in constants}
    assert not [schema for schema in constants if "type" in schema]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            assert "properties" not in inner, f"{name}.{field} has no name of its own"
