"""What is wrong with an inventory, and where in the document."""

import json
import re
from typing import NamedTuple

from agentmessage.errors import ValidationFailed

MOST_PROBLEMS = 20
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LONGEST_KEY = 60


class Entry(NamedTuple):
    """One object of the document: an organization, or an entry of one of its lists."""

    organization_index: int
    kind: str | None = None
    entry_index: int = 0

    def __str__(self) -> str:
        inner = f".{self.kind}[{self.entry_index}]" if self.kind else ""
        return f"organizations[{self.organization_index}]{inner}"


class InventoryRefused(ValidationFailed):
    """The inventory cannot be loaded, and nothing was changed.

    `details` maps a place in the document (`organizations[0].phone_numbers[17].number`) to one sentence; it is None
    where the document as a whole is at fault. `is_cut` says that there were more problems than are listed.
    """

    message = "the inventory is refused"

    def __init__(self, message: str | None = None, *, details: dict[str, str] | None = None, is_cut: bool = False):
        super().__init__(message, details=details)
        self.is_cut = is_cut


class Problems:
    """Collects problems, so that a document can be mended in fewer rounds; the first twenty will do."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def add(self, sentence: str, *, entry: Entry | None = None, key: str | None = None) -> None:
        """Notes a problem of an object, or of one of its keys; of two problems in one place the first is enough.

        Raises InventoryRefused when there are too many.
        """
        place = "".join((str(entry) if entry else "", _step(key, first=entry is None) if key is not None else ""))
        if place in self._sentences:
            return
        if len(self._sentences) == MOST_PROBLEMS:
            raise InventoryRefused(details=self._sentences, is_cut=True)
        self._sentences[place] = sentence

    def raise_if_any(self) -> None:
        """Raises InventoryRefused with all that was noted."""
        if self._sentences:
            raise InventoryRefused(details=self._sentences)


def _step(key: str, *, first: bool) -> str:
    """A key as a step of a place. One that is no plain word is shown as JSON, in brackets."""
    if len(key) > _LONGEST_KEY:
        key = key[:_LONGEST_KEY] + "…"
    if _PLAIN_KEY.fullmatch(key):
        return key if first else f".{key}"
    return f"[{json.dumps(key)}]"
