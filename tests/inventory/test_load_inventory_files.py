"""Files that are not an inventory, and an inventory on standard input."""

import gzip
import io
import json
import sys
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command

from tests.support.inventories import Ids, all_rows, load_file, refused_file, small_inventory

pytestmark = pytest.mark.django_db

NOT_JSON = "it is not JSON:"
NO_CSV = "the first line of a CSV has a column for the organization and one for the number"
JSON_LINES = "a second document begins here, as in JSON lines; an inventory is one document"
VALID = b'{"organizations": []}'


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"[]", "it must be a JSON object with the key organizations"),
        (b"null", "it must be a JSON object with the key organizations"),
        (b'"organizations"', "it must be a JSON object with the key organizations"),
        (b'{\n"organizations": [\xff]}', "it is not UTF-8: byte 0xff in line 2"),
        ('{"name": "caf\xe9"}'.encode("latin-1"), "it is not UTF-8: byte 0xe9 in line 1"),
        *(
            (
                VALID.decode().encode(encoding),
                f"it is {encoding[:6].upper()}; an inventory is JSON, or a CSV of numbers, in UTF-8",
            )
            for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
        ),
        (
            gzip.compress(VALID, mtime=0),
            "it is compressed with gzip; an inventory is JSON, or a CSV of numbers, in UTF-8",
        ),
        (
            b"PK\x03\x04\x14\x00",
            "it is a ZIP archive or a spreadsheet; an inventory is JSON, or a CSV of numbers, in UTF-8",
        ),
        (VALID + b"\n" + VALID, f"{NOT_JSON} line 2, column 1: {JSON_LINES}"),
        (VALID + b"," + VALID, f"{NOT_JSON} line 1, column 22: Extra data"),
        (b"{}x", f"{NOT_JSON} line 1, column 3: Extra data"),
        (b"// export\n{}", f"{NOT_JSON} line 1, column 1: JSON has no comments"),
        (b"{\n  /* x */\n}", f"{NOT_JSON} line 2, column 3: JSON has no comments"),
        (b'{"organizations": [\n# x\n]}', f"{NOT_JSON} line 2, column 1: JSON has no comments"),
        (b'{"organizations": [1,\n]}', f"{NOT_JSON} line 2, column 1: a trailing comma"),
        (b'{"organizations": [],\n}', f"{NOT_JSON} line 2, column 1: a trailing comma"),
        (b"{'organizations': []}", f"{NOT_JSON} line 1, column 2: JSON has double quotes"),
        (b'{"organizations": [', f"{NOT_JSON} line 1, column 20: the document ends too early"),
        (b'{"organizations": []', f"{NOT_JSON} line 1, column 21: the document ends too early"),
        (b'{"organizations": [}', f"{NOT_JSON} line 1, column 20: Expecting value"),
        (b"organizations: []", f"{NOT_JSON} line 1, column 1: Expecting value; {NO_CSV}"),
        (b"id;name\n1;2", f"{NOT_JSON} line 1, column 1: Expecting value; {NO_CSV}"),
        (b"[" * 100_000, "it is nested too deeply"),
    ],
)
def test_a_file_that_is_not_an_inventory(tmp_path: Path, document: bytes, sentence: str) -> None:
    path = tmp_path / "i.json"
    assert refused_file(path, document) == f"{path}: {sentence}. Nothing was changed."


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (b'{"organizations": NaN}', "organizations: NaN is not a list"),
        (b'{"organizations": -Infinity}', "organizations: -Infinity is not a list"),
        (b'{"organizations": ' + b"9" * 4_000 + b"}", f"organizations: {'9' * 60}… is not a list"),
    ],
)
def test_numbers_that_other_parsers_refuse(tmp_path: Path, document: bytes, line: str) -> None:
    assert refused_file(tmp_path / "i.json", document).splitlines()[0] == line


@pytest.mark.parametrize("value", [r'"\ud800"', "9" * 5_000])
def test_values_that_cannot_be_read(tmp_path: Path, value: str) -> None:
    document = json.dumps(small_inventory(Ids())).replace('"Acme"', value).encode()
    assert refused_file(tmp_path / "i.json", document).startswith(f"{tmp_path / 'i.json'}: it is not JSON: ")


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (b'{"organizations": [], "organizations": []}', "organizations"),
        (b'{"organizations": [{"id": "x", "name": "a", "id": "x"}]}', "organizations[0].id"),
        (b'{"organizations": [{}, {"brands": [], "brands": [{}]}]}', "organizations[1].brands"),
        (
            b'{"organizations": [{"phone_numbers": [{}, {"number": "+1", "n": 0, "number": "+2"}]}]}',
            "organizations[0].phone_numbers[1].number",
        ),
        # Deeper than anything that an inventory has, or where nothing else is read.
        (b'{"x": [[{"y": {"a b": 1, "a b": 2}}]]}', 'x[0][0].y["a b"]'),
        (b'[{"x": 1, "x": 1}]', "[0].x"),
        (b'{"x": 1, "\\u0078": 1}', "x"),
    ],
)
def test_a_key_that_occurs_twice(tmp_path: Path, document: bytes, line: str) -> None:
    assert refused_file(tmp_path / "i.json", document) == (
        f"{line}: the key occurs twice in the same object\nNothing was changed."
    )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    for path, sentence in (
        (str(missing), f"{missing}: No such file or directory"),
        (str(tmp_path), f"{tmp_path}: Is a directory"),
        ("a\x00b", "FILE is not a path: embedded null byte"),
    ):
        with pytest.raises(CommandError) as refused:
            call_command("load_inventory", path)
        assert str(refused.value) == sentence


def test_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(CommandError) as refused:
        call_command("load_inventory", "-")
    assert str(refused.value) == "standard input: it is empty. Nothing was changed."


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    load_file(tmp_path / "i.json", b"\xef\xbb\xbf" + orjson.dumps(small_inventory(Ids())))
    assert len(all_rows()["numbers_phonenumber"]) == 2
