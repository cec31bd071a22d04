"""What a load did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Entries of one kind, by what became of them."""

    created: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class InventoryCounts:
    """A whole document. `attached` and `detached` are the entries of history that were written."""

    organizations: Counts
    brands: Counts
    campaigns: Counts
    phone_numbers: Counts
    attached: int
    detached: int

    @property
    def changed(self) -> int:
        """How many rows were created or updated."""
        kinds = (self.organizations, self.brands, self.campaigns, self.phone_numbers)
        return sum(kind.created + kind.updated for kind in kinds)
