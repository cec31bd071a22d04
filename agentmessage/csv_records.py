"""Read the records of CSV files as people and spreadsheets save them: any delimiter, headers by their words.

Python's own reader finds the records, one at a time, so that a file of any length takes the same memory.
"""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice, zip_longest
from string import whitespace
from typing import TextIO

from agentmessage.errors import shown

# Where the search for the second quotation mark of a pair ends. It holds for the process.
csv.field_size_limit(64 * 1024)
_LONGEST_LINE = 1024 * 1024
# The header is looked for in this many lines.
_HEAD = 50
_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_OTHER_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
# What ends a file of DOS, and what fills it up.
_PADDING = whitespace + "\x1a\x00"
# Bandwidth's export has the titles TN,A2pSettings,A2pSettings,… and below them the parts: ,CampaignId,Action,…
_GROUP = "a2psettings"
_PARTS = {"campaignid", "action", "messageclass"}


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message says why."""


class BrokenRecord(Exception):
    """A record and everything after it cannot be read."""


class CsvTable:
    """A header and the records after it.

    Args:
        file: Opened with `newline=""`, so that the reader sees every way in which records end.
        known: The names of columns, as `letters` returns them, by which the header and its delimiter are recognized.

    Raises:
        UnreadableFile: The file is empty, or has no lines.
    """

    def __init__(self, file: TextIO, *, known: Collection[str]) -> None:
        lines = _bounded(file)
        try:
            head = list(islice(lines, _HEAD))
        except csv.Error as error:
            raise UnreadableFile(f"is not CSV: {error}") from error
        start = next((index for index, line in enumerate(head) if line.strip(_PADDING)), None)
        if start is None:
            raise UnreadableFile("is empty")
        separator = _SEPARATOR_LINE.fullmatch(head[start].strip("\r\n"))
        if separator is not None:
            start += 1
        head = head[start:]
        headers = [(mark, *_read_header(head, mark)) for mark in (separator[1] if separator else _DELIMITERS)]
        self.delimiter, self.titles, self._header_records = max(
            headers, key=lambda header: len(set(known) & set(header[1]))
        )
        first_line = head[0] if head else ""
        if _OTHER_LINE_ENDS.search(first_line):
            raise UnreadableFile(f"has lines that end with neither CR nor LF: {shown(first_line)}")
        self.first_line = shown(first_line.strip())
        self.next_line = start + 1
        self._lines, self._skipped = chain(head, lines), start

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line on which each record begins, and its cells. Raises BrokenRecord."""
        reader = csv.reader(self._lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)
        try:
            for _ in islice(filter(is_filled, reader), self._header_records):
                pass
            self.next_line = self._skipped + reader.line_num + 1
            for cells in reader:
                line, self.next_line = self.next_line, self._skipped + reader.line_num + 1
                yield line, cells
        except csv.Error as error:
            raise BrokenRecord(
                f"a quotation mark is not closed, or a cell is too long: {error}; the rest of the file is not read"
            ) from error

    def surplus(self, cells: Sequence[str]) -> str | None:
        """Say what is wrong with a record that has more cells than the header, if one of them has a value."""
        count = len(self.titles)
        if len(cells) <= count or not is_filled(cells[count:]):
            return None
        return f"the line has {len(cells)} cells and the header {count}; quote cells that have {self.delimiter!r}"


def letters(title: str) -> str:
    """Return a title without case, spaces and punctuation, as titles are compared."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", title).casefold()))


def is_filled(cells: Sequence[str]) -> bool:
    """Return whether any of the cells has a value."""
    return any(cell.strip(_PADDING) for cell in cells)


def cell_at(cells: Sequence[str], index: int) -> str:
    """Return a cell, or nothing where the row is too short to have it."""
    return cells[index].strip(_PADDING) if index < len(cells) else ""


def _bounded(file: TextIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error("a line is longer than 1 MiB")
        yield line


def _read_header(head: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """Return the names of the columns, and how many records they take."""
    found: list[list[str]] = []
    # A record that cannot be read is reported when it is read as a row.
    with suppress(csv.Error):
        records = csv.reader(head, delimiter=delimiter, skipinitialspace=True)
        found += islice(([letters(cell) for cell in cells] for cells in records if is_filled(cells)), 2)
    titles = found[0] if found else []
    parts = found[1] if len(found) > 1 else []
    if _GROUP in titles and _PARTS & set(parts):
        return [part or title for title, part in zip_longest(titles, parts, fillvalue="")], 2
    return [title.removeprefix(_GROUP) for title in titles], 1
