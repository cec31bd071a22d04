"""How far a load has come, for whoever watches."""

from collections.abc import Callable
from enum import StrEnum


class Stage(StrEnum):
    """The parts of a load, in the words of a progress bar."""

    READING = "Reading"
    COPYING = "Copying"
    WRITING = "Writing"


# Called with the stage, how many entries are done and how many there are; 0 of 0 where that is not known.
Report = Callable[[Stage, int, int], None]
REPORT_EVERY = 1_000


def silent(stage: Stage, done: int, total: int) -> None:
    """Tells nobody."""
