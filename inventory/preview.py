"""What a load would do: its counts, its changes, what it refuses, and a digest by which two previews are compared."""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from inventory.merge import Change, InventoryCounts
from inventory.reading import LINE, Place, Problem
from inventory.schema import MODELS

SHOWN = 200
# Of a new row these are its name, which is shown beside the rest.
_NAMING = ("id", "name", "number")


class PreviewOutdated(Exception):
    """A load would not do what was confirmed. Nothing was changed."""


@dataclass(slots=True)
class Preview:
    """Collects what a load finds. With `confirmed`, the digest of an earlier preview, the load does just that."""

    confirmed: str | None = None
    counts: InventoryCounts | None = None
    problems: list[Problem] = field(default_factory=list)
    # With their descriptions: the first ones, or all of a load that is not only a preview.
    changes: list[tuple[Change, str]] = field(default_factory=list)
    _digest: Any = field(default_factory=sha256)
    _names: dict[UUID, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Return the digest of all changes."""
        found: str = self._digest.hexdigest()
        return found

    @property
    def refused(self) -> Counter[str]:
        """Return how many entries of each kind are refused."""
        return Counter(kind for kind, _place in {_entry_of(problem.place) for problem in self.problems})

    def note(self, change: Change) -> None:
        """Add a change."""
        self._digest.update(repr((change.place, change.is_new, change.differences)).encode())
        if self.confirmed is not None or len(self.changes) < SHOWN:
            self.changes.append((change, self._describe(change)))

    def check(self) -> None:
        """Raise PreviewOutdated if this is not what was confirmed."""
        if self.confirmed is not None and (self.problems or self.digest != self.confirmed):
            raise PreviewOutdated

    def _describe(self, change: Change) -> str:
        said = []
        for column, (old, new) in change.differences.items():
            if not (change.is_new and column in _NAMING):
                origin = "" if change.is_new else f"{self._named(old)} → "
                said.append(f"{column.removesuffix('_id').replace('_', ' ')}: {origin}{self._named(new)}")
        return f"new: {'; '.join(said)}" if change.is_new and said else "; ".join(said) or "new"

    def _named(self, value: object) -> str:
        if not isinstance(value, UUID):
            return "none" if value is None else str(value)
        if value not in self._names:
            rows = (model._default_manager.filter(pk=value).first() for model in MODELS.values())
            self._names[value] = str(next(filter(None, rows), value))
        return self._names[value]


def _entry_of(place: Place) -> tuple[str, Place]:
    """Return the kind and the place of the entry in which a place is."""
    if place[0] == LINE:
        return "phone_numbers", place[:2]
    return (str(place[2]), place[:4]) if len(place) > 3 else ("organizations", place[:2])
