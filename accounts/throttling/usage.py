"""Where somebody stands in the window of a rate."""

from dataclasses import dataclass

from agentmessage.rates import Rate


@dataclass(frozen=True, slots=True)
class Usage:
    """`hits` so far, this one included, in a window that ends in `reset` whole seconds."""

    rate: Rate
    hits: int
    reset: int

    @property
    def is_over(self) -> bool:
        """Whether this hit is one too many."""
        return self.hits > self.rate.limit

    @property
    def remaining(self) -> int:
        """How many more hits the window takes."""
        return max(0, self.rate.limit - self.hits)
