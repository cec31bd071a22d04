"""What the carriers' documents say of each operation, and whether a request or an answer follows it.

`schemas/*.json` list the operations in our own words, each file with its sources: JSON Schemas for JSON, and for XML
the elements with what may be in them. Required fields and nullability are the documents'. A field that they do not have
is a violation, so that no fake invents one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring
from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parent / "schemas"


class Documents:
    """The documents of one carrier. Each check yields what is wrong, in words."""

    def __init__(self, name: str) -> None:
        self._content: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())

    def check_request(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Iterator[str]:
        """Check a request. `path` is not decoded."""
        operation = self._operation(method, path)
        if operation is None:
            yield f"{method} {path}: not documented"
            return
        where = f"{method} {path}"
        for name, value in query.items():
            pattern = operation.get("query", {}).get(name)
            if pattern is None or not re.fullmatch(pattern, value):
                yield f"{where}: {name}={value} is not documented"
        wanted = operation.get("request")
        if wanted is not None:
            yield from self._check(wanted, body, f"{where}: request")
        elif body:
            yield f"{where}: takes no body"

    def check_answer(self, method: str, path: str, status: int, content_type: str, body: bytes) -> Iterator[str]:
        """Check an answer to a documented request. Of 429 and 5xx the documents say nothing."""
        operation = self._operation(method, path)
        if operation is None or status == 429 or status >= 500:
            return
        where = f"{method} {path}: {status}"
        answers = operation["answers"]
        key = next((key for key in (str(status), f"{status // 100}xx") if key in answers), None)
        if key is None:
            yield f"{where}: no such status"
        elif (name := answers[key]) is not None:
            form = "xml" if name in self._content.get("elements", {}) else "json"
            if content_type.partition(";")[0] != f"application/{form}":
                yield f"{where}: {content_type or 'no content type'} instead of {form}"
            yield from self._check(name, body, where)

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for operation in self._content["operations"]:
            if operation["method"] == method and re.fullmatch(operation["path"], path):
                found: dict[str, Any] = operation
                return found
        return None

    def _check(self, name: str, body: bytes, where: str) -> Iterator[str]:
        if name == "form":
            if not parse_qsl(body.decode(), strict_parsing=True):
                yield f"{where}: no form"
        elif name in self._content.get("elements", {}):
            yield from self._check_xml(name, body, where)
        else:
            yield from self._check_json(name, body, where)

    def _check_json(self, name: str, body: bytes, where: str) -> Iterator[str]:
        try:
            content = json.loads(body)
        except ValueError:
            yield f"{where}: not JSON"
            return
        # Telnyx's SDK shows an answer bare, guides show it inside `data`.
        if isinstance(content, dict) and content.keys() == {self._content.get("may_be_inside")}:
            (content,) = content.values()
        for error in self._validators[name].iter_errors(content):
            yield f"{where}: {error.json_path} {error.message}"

    @cached_property
    def _validators(self) -> dict[str, Draft202012Validator]:
        schemas = self._content["schemas"]
        return {name: Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schemas}) for name in schemas}

    def _check_xml(self, name: str, body: bytes, where: str) -> Iterator[str]:
        try:
            root: Element = fromstring(body, forbid_dtd=True)
        except ParseError:
            yield f"{where}: not XML"
            return
        root_name, described = next(iter(self._content["elements"][name].items()))
        if root.tag != root_name:
            yield f"{where}: {root.tag} instead of {root_name}"
            return
        yield from self._check_element(root, described, f"{where}: {root.tag}")

    def _check_element(self, element: Element, described: Any, where: str) -> Iterator[str]:
        """`described` is a pattern of the text, the name of a group of elements, or elements by name.

        A name ends in ? for an element that may be absent, in * for any number, in + for one or more.
        """
        if isinstance(described, str) and described.startswith("@"):
            described = self._content["groups"][described[1:]]
        if isinstance(described, str):
            if len(element) or not re.fullmatch(described, (element.text or "").strip(), re.DOTALL):
                yield f"{where}: {element.text!r} does not match {described}"
            return
        counts = Counter(child.tag for child in element)
        children = {name.rstrip("?*+"): (name[-1], inner) for name, inner in described.items()}
        for name, (occurs, _inner) in children.items():
            if not counts[name] and occurs not in "?*":
                yield f"{where}/{name}: missing"
            if counts[name] > 1 and occurs not in "*+":
                yield f"{where}/{name}: {counts[name]} times"
        for child in element:
            if child.tag not in children:
                yield f"{where}/{child.tag}: not documented"
            else:
                yield from self._check_element(child, children[child.tag][1], f"{where}/{child.tag}")
