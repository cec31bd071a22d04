"""The document's examples: requests to the demo data and what was answered to them.

`examples.json` is recorded: `RECORD_EXAMPLES=1 pytest tests/contract/test_examples.py` sends every request in it
again and keeps the answer; without the variable the same test compares.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

EXAMPLES = Path(__file__).with_name("examples.json")


class Example(TypedDict):
    """One request and its answer. `given` is what was sent before it: `[method, path, body]`."""

    operation: str
    name: str
    summary: str
    given: list[tuple[str, str, Any]]
    method: str
    path: str
    body: Any
    status: int
    answer: Any


@cache
def all_examples() -> Sequence[Example]:
    """Every example, in the document's order."""
    examples: list[Example] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return examples


def examples_of(operation_id: str) -> Sequence[Example]:
    """The examples of one operation."""
    return [example for example in all_examples() if example["operation"] == operation_id]
