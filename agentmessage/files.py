"""Files that people exchange with the product: formats that are not text, and CSV that is safe to open."""

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterable
from typing import TextIO

# The number of bytes that `binary_format` examines.
SIGNATURE_LENGTH = 8
_SIGNATURES = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a spreadsheet",
    b"\x1f\x8b": "compressed with gzip",
    # UTF-32 first: in little-endian order it begins as UTF-16 does.
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_EXECUTED = tuple("=+-@")
_BREAKS = tuple("\t\r\n")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def binary_format(head: bytes) -> str | None:
    """Return what a file is that begins so, if it is not text in UTF-8: "a spreadsheet"."""
    found = next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), None)
    if found is None and b"\x00" in head[:4]:
        return "UTF-32" if b"\x00\x00" in head[:4] else "UTF-16"
    return found


def neutralized(cell: object) -> object:
    """Return a cell of a CSV with an apostrophe before what a spreadsheet would execute. E.164 is left unchanged."""
    if not isinstance(cell, str) or cell[:1].isalnum() or _E164.fullmatch(cell):
        return cell
    # Spreadsheets skip white space and invisible marks, and take the full-width forms for the plain ones.
    plain = unicodedata.normalize("NFKC", cell)
    first = next((letter for letter in plain if not letter.isspace() and unicodedata.category(letter)[0] != "C"), "")
    return f"'{cell}" if first in _EXECUTED or cell[:1] in _BREAKS else cell


class CsvWriter:
    """Write a CSV that is safe to open in a spreadsheet."""

    def __init__(self, file: TextIO, header: Iterable[str]) -> None:
        self._writer = csv.writer(file)
        self.write(header)

    def write(self, row: Iterable[object]) -> None:
        """Write a row with its cells neutralized."""
        self._writer.writerow([neutralized(cell) for cell in row])
