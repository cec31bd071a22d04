"""What is told of a run: counts, the first rows that failed, and every row in a CSV."""

import csv
from collections import Counter
from pathlib import Path
from typing import TextIO

from phone_numbers.management.bulk_attach.lines import Line
from phone_numbers.services.bulk_attach import Outcome, RowResult

HEADER = ("line", "number", "outcome", "code", "message")
# Failed rows that are shown beside the counts; the report file has all.
SHOWN = 20
ROLLED_BACK = ("ROLLED_BACK", "another row failed, and --atomic was asked for")


class Report:
    """Counts rows, and writes each into a CSV if there is one. The CSV bears its name only once it is whole."""

    def __init__(self, path: Path | None) -> None:
        self.counts: Counter[Outcome] = Counter()
        self.first_failures: list[str] = []
        self._path = path
        self._file: TextIO | None = None
        if path is not None:
            self._draft = path.with_name(path.name + ".part")
            self._file = self._draft.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(HEADER)

    @property
    def total(self) -> int:
        """How many rows have been told of."""
        return self.counts.total()

    @property
    def has_failures(self) -> bool:
        """Whether any row is neither attached nor unchanged."""
        return self.counts[Outcome.FAILED] + self.counts[Outcome.BUSY] > 0

    def add(self, line: Line, result: RowResult | None) -> None:
        """One row: what the service made of it, or None for a line that never came so far."""
        outcome = Outcome.FAILED if result is None else result.outcome
        code, message = line.code, line.message
        if result is not None and result.error is not None:
            code, message = result.error.code, result.error.sentence
        elif outcome is Outcome.BUSY:
            code, message = "BUSY", "another transaction held the number; run it again"
        self.counts[outcome] += 1
        if outcome in (Outcome.FAILED, Outcome.BUSY) and len(self.first_failures) < SHOWN:
            self.first_failures.append(f"line {line.place}: {line.number or '-'}: {code}: {message}")
        if self._file is not None:
            self._writer.writerow((line.place, line.number, outcome.value, code, message))

    def finish(self, *, rolled_back: bool) -> None:
        """Puts the CSV in its place. `rolled_back`: what was told as attached was taken back."""
        if rolled_back:
            self.counts[Outcome.UNCHANGED] += self.counts.pop(Outcome.ATTACHED, 0)
        if self._file is None or self._path is None:
            return
        self._file.close()
        if rolled_back:
            self._rewrite()
        self._draft.replace(self._path)

    def _rewrite(self) -> None:
        whole = self._draft.with_name(self._draft.name + "2")
        with (
            self._draft.open(encoding="utf-8", newline="") as old,
            whole.open("w", encoding="utf-8", newline="") as new,
        ):
            writer = csv.writer(new)
            for row in csv.reader(old):
                if row[2] == Outcome.ATTACHED:
                    row[2:] = [Outcome.UNCHANGED.value, *ROLLED_BACK]
                writer.writerow(row)
        whole.replace(self._draft)
