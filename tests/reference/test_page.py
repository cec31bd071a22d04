"""The reference page: readable as plain HTML, without third-party requests."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client

from agentmessage.api.document import document
from agentmessage.errors import ErrorCode

VENDOR = Path(django_settings.BASE_DIR) / "agentmessage" / "static" / "reference" / "vendor"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_says_all_in_plain_html(path: str, client: Client) -> None:
    response = client.get(path, headers={"Host": "numbers.example.com"})
    page = response.content.decode()
    assert response.status_code == 200
    text = re.sub(r"<[^>]+>", "", page)
    for code in ErrorCode:
        assert code.value in text
    for heading in ("Quickstart", "Authentication", "The six rules", "Errors", "Types"):
        assert f">{heading}</h2>" in page
    assert page.count("<b>What to do:</b>") == 6
    for words in ("export AGENTMESSAGE_URL", "from urllib.error import HTTPError", "import type { components }"):
        assert words in text.replace("&quot;", '"')
    # The examples ask the service that shows them.
    assert "http://numbers.example.com" in text
    assert "127.0.0.1:8000" not in text


def test_the_policy_lets_nothing_in_from_elsewhere(client: Client) -> None:
    response = client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert not [source for source in policy.values() if "http" in source or "*" in source]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', response.content.decode())


def test_the_document_needs_no_key_and_is_kept_by_its_etag(client: Client) -> None:
    response = client.get("/v1/openapi.json")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.json()["openapi"] == "3.1.0"
    assert response.content == document()
    again = client.get("/v1/openapi.json", headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head("/v1/openapi.json")
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(document())))


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/types.d.ts"])
def test_the_document_is_only_read(path: str, client: Client) -> None:
    response = client.post(path)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert response.json()["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_the_types_can_be_downloaded(client: Client) -> None:
    response = client.get("/v1/types.d.ts")
    assert response.status_code == 200
    assert response["Content-Disposition"] == 'inline; filename="agentmessage.d.ts"'
    assert "export interface components" in response.content.decode()


def test_the_compressed_reference_is_the_reference() -> None:
    [script] = VENDOR.glob("scalar-*.js")
    assert gzip.decompress(script.with_suffix(".js.gz").read_bytes()) == script.read_bytes()


@pytest.mark.parametrize("name", ["scalar-1.72.1.js", "inter-5.3.0.woff2"])
def test_what_has_its_version_in_its_name_is_kept_for_ever(name: str, client: Client, db: None) -> None:
    response = client.get(f"/static/reference/vendor/{name}", headers={"Accept-Encoding": "gzip"})
    assert response.status_code == 200
    assert response["Cache-Control"] == "max-age=315360000, public, immutable"
    assert response.get("Content-Encoding", "") == ("gzip" if name.endswith(".js") else "")
    assert b"".join(response)
    response.close()
