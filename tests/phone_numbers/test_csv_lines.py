"""The CSV reader of the bulk attach: how people's files begin, where their records end, and what is refused."""

from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from agentmessage.csv_records import UnreadableFile
from phone_numbers.management.bulk_attach.csv_lines import CampaignNames, read_csv
from tests.support.worlds import World

pytestmark = pytest.mark.django_db

FIRST, SECOND = "+19192550100", "+19192550101"
ACCEPTED = (
    "the accepted headers are number, phone number, telephone number, TN, DID, E.164, phone number ID; "
    "and campaign ID, TCR campaign ID, unless --campaign names one"
)


class Reader(NamedTuple):
    """Reads the CSV `content` for the organization of `world`."""

    world: World
    folder: Path

    def __call__(self, content: str | bytes, *, campaign: UUID | None = None) -> list[tuple[int, str, str]]:
        """Return line, number, and code or campaign of each row."""
        names = CampaignNames(self.world.organization.id)
        path = self.folder / "in.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            return [
                (line.place, line.number, line.code or ("ok" if line.row and line.row.campaign_id else ""))
                for line in read_csv(file, names=names, campaign_id=campaign)
            ]

    def refused(self, content: str | bytes, *, campaign: UUID | None = None) -> str:
        """Return the message about a file that cannot be read."""
        with pytest.raises(UnreadableFile) as refused:
            self(content, campaign=campaign)
        return str(refused.value)


@pytest.fixture
def read(world: World, tmp_path: Path) -> Reader:
    """A reader of files that name the campaign CABC123."""
    world.campaign.tcr_campaign_id = "CABC123"
    world.campaign.save()
    return Reader(world, tmp_path)


@pytest.mark.parametrize(
    "header",
    [
        "number,campaign_id",
        "Number,Campaign ID",
        " PHONE_NUMBER , TCR Campaign-ID ",
        "phoneNumber,campaignId",
        "Telephone Number,tcrCampaignId",
        "did,CAMPAIGN_ID",
        "E.164,campaign id",
        '"Phone\r\nNumber","Campaign\nID"',
        "\N{FULLWIDTH LATIN CAPITAL LETTER T}N,campaign\N{NO-BREAK SPACE}id",
        "TN,campaign_id,,",
        "\ufeffTN,campaign_id",
        "\ufeff\r\n\r\n , \r\nTN,campaign_id",
    ],
)
def test_headers_by_their_words(header: str, read: Reader) -> None:
    line = header.count("\n") + 2
    assert read(f"{header}\r\n{FIRST},CABC123\r\n") == [(line, FIRST, "ok")]


@pytest.mark.parametrize(
    "content",
    [
        f"campaign_id;note;number\nCABC123;a, b, c;{FIRST}\n",
        f"note\tnumber\tcampaign_id\n\t{FIRST}\tCABC123\n",
        f'"number", "campaign_id"\n"{FIRST}", "CABC123"\n',
        f"number|campaign_id\n{FIRST}|CABC123\n",
        f"sep=;\nnumber;campaign_id\n{FIRST};CABC123\n",
        f"\ufeff\nSEP=^\r\nnumber^campaign_id\r\n{FIRST}^CABC123\r\n",
        f'"sep=,"\nnumber,campaign_id\n{FIRST},CABC123\n',
    ],
)
def test_columns_in_any_order_and_with_any_delimiter(content: str, read: Reader) -> None:
    ((_, number, outcome),) = read(content)
    assert (number, outcome) == (FIRST, "ok")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\ufeff\r\n \t\n\x1a", "is empty"),
        (
            "Acme's numbers, exported today\nnumber,campaign_id\n",
            f'has no column for the number in its first line, "Acme\'s numbers, exported today"; {ACCEPTED}',
        ),
        (f"{FIRST},CABC123\n", f'has no column for the number in its first line, "{FIRST},CABC123"; {ACCEPTED}'),
        ("number,campaign\n", f'has no column for the campaign in its first line, "number,campaign"; {ACCEPTED}'),
        (
            f"number,campaign_id\u2028{FIRST},CABC123\u2028",
            'has lines that end with neither CR nor LF: "number,campaign_id\\u2028+19192550100,CABC123\\u2028"',
        ),
        ("sep=;", f'has no column for the number in its first line, ""; {ACCEPTED}'),
        (
            "a,b\n" + "x" * 2_000_000,
            "is not CSV: a line is longer than 1 MiB",
        ),
        ("TN,DID,campaign_id\n", 'has more than one column for the number in its first line, "TN,DID,campaign_id"'),
        (
            "phone_number_id,number,campaign_id\n",
            'has more than one column for the number in its first line, "phone_number_id,number,campaign_id"',
        ),
        (
            "number,campaign_id,tcr_campaign_id\n",
            'has more than one column for the campaign in its first line, "number,campaign_id,tcr_campaign_id"',
        ),
        (b"PK\x03\x04\x14\x00\x06\x00", "is a ZIP archive or a spreadsheet; save it as CSV in UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a spreadsheet; save it as CSV in UTF-8"),
        *(
            ("number\n".encode(encoding), "is UTF-16; save it as CSV in UTF-8")
            for encoding in ("utf-16", "utf-16-le", "utf-16-be")
        ),
    ],
)
def test_a_file_that_is_refused(content: str | bytes, message: str, read: Reader) -> None:
    assert read.refused(content) == message


def test_a_quoted_first_line_is_bounded_and_printable(read: Reader) -> None:
    assert len(read.refused("\x1b[31m" + "a," * 5_000)) < 400
    assert "\x1b" not in read.refused("\x1b[31mnumbers")


def test_a_campaign_for_all_makes_campaign_columns_unused(read: Reader) -> None:
    content = f"campaign_id,tcr_campaign_id,number\nx,y,{FIRST}\n"
    assert read(content, campaign=read.world.campaign.id) == [(2, FIRST, "ok")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n", "\n\n \n,,\n"])
@pytest.mark.parametrize("last", ["", "end", "\x1a", "end\x1a", "end\x1a\x00\x00", "end,,,\n", "end,\n\n"])
def test_records_end_in_every_way(end: str, last: str, read: Reader) -> None:
    rows = ["number,campaign_id", f"{FIRST},CABC123", f"{SECOND},CABC123"]
    content = end.join(rows) + last.replace("end", end)
    assert [row[1:] for row in read(content)] == [(FIRST, "ok"), (SECOND, "ok")]


def test_text_in_a_cell_never_becomes_a_row(read: Reader) -> None:
    note = f'"one\n{SECOND},CABC123\r{SECOND},CABC123\r\nsaid ""five"",\n"'
    content = f"number,note,campaign_id\n{FIRST},{note},CABC123\n{SECOND},x,CABC123\n"
    assert read(content) == [(2, FIRST, "ok"), (7, SECOND, "ok")]
    # Without its second quotation mark a cell goes on to the end; nothing in it is a row.
    broken = f'number,campaign_id,note\n{FIRST},CABC123,"note\n{SECOND},CABC123,\n'
    assert read(broken) == [(2, "", "BAD_QUOTES")]
    # After a mark in the middle of a quoted cell the end of the cell is ambiguous.
    broken = f'number,campaign_id,note\n{FIRST},CABC123,"a "b\n{SECOND},CABC123,"\n'
    assert read(broken) == [(2, "", "BAD_QUOTES")]


def test_a_quotation_mark_is_looked_for_in_64_kib(read: Reader) -> None:
    head = f"number,campaign_id,note\n{FIRST},CABC123,\n"
    filler = "x" * 60 + "\n"
    assert read(head + f'{SECOND},CABC123,"' + filler * 1000 + '"\n')[1:] == [(3, SECOND, "ok")]
    assert read(head + f'{SECOND},CABC123,"' + filler * 1200 + '"\n')[1:] == [(3, "", "BAD_QUOTES")]
    rows = f"{FIRST},CABC123,\n" * 60
    assert read(head + rows + "x" * 2_000_000)[61:] == [(63, "", "BAD_QUOTES")]


def test_what_does_not_matter(read: Reader) -> None:
    assert read(
        b"note,number,campaign_id,owner\n"
        b'5" screen,+19192550100,CABC123\n'
        b"caf\xe9\x00\xff\x1a,+19192550101,CABC123,\xfe,,,\n"
    ) == [(2, FIRST, "ok"), (3, SECOND, "ok")]


def test_what_does_matter(read: Reader) -> None:
    content = (
        "number,note,campaign_id\n"
        f"{FIRST},Acme, Inc.,CABC123\n"
        f"{FIRST}\n"
        ",,CABC123\n"
        "Total: 2,,\n"
        "1.91925E+10,,CABC123\n"
        "=cmd|' /C calc'!A0,,CABC123\n"
    )
    assert read(content) == [
        (2, FIRST, "BAD_COLUMNS"),
        (3, FIRST, "BAD_ID"),
        (4, "", "BAD_NUMBER"),
        (5, "Total: 2", "BAD_NUMBER"),
        (6, "1.91925E+10", "BAD_NUMBER"),
        (7, "=cmd|' /C calc'!A0", "BAD_NUMBER"),
    ]


def test_a_file_whose_rows_are_all_empty_is_an_error(read: Reader) -> None:
    assert read("number,campaign_id\n,\n,\n") == [(4, "", "NO_ROWS")]
    assert read("number,campaign_id\n\n\x1a") == []


@pytest.mark.parametrize("campaign", ["CABC123", " cabc123 ", "'CABC123", '="CABC123"', "CABC123\u200b"])
def test_numbers_and_campaigns_as_people_write_them(campaign: str, read: Reader) -> None:
    quoted = '"' + campaign.replace('"', '""') + '"'
    numbers = ["(919) 255-0100", "919.255.0100", "tel:+1-919-255-0100", "'9192550100", "19192550100"]
    content = "number,campaign_id\n" + "".join(f"{number},{quoted}\n" for number in numbers)
    assert [row[1:] for row in read(content)] == [(FIRST, "ok")] * len(numbers)


def test_ids_in_either_case(read: Reader) -> None:
    phone_number, campaign = str(read.world.phone_number.id), str(read.world.campaign.id).upper()
    content = f"Phone Number ID,campaign_id\n{phone_number.upper()},{campaign}\n{{{phone_number}}},{campaign}\n"
    assert read(content) == [(2, phone_number, "ok"), (3, f"{{{phone_number}}}", "BAD_ID")]


def test_a_bandwidth_export_has_two_header_lines(read: Reader) -> None:
    export = "TN,A2pSettings,A2pSettings,A2pSettings\n,MessageClass,CampaignId,Action\n"
    rows = "9192550100,T,CABC123,asSpecified\n,T,CABC123,asSpecified\n9192550101,T,CABC123,Delete\n"
    assert read(export + rows) == [(3, FIRST, "ok"), (4, "", "BAD_NUMBER"), (5, "9192550101", "BAD_ACTION")]
    # A second line that only lacks its number is a row.
    assert read("TN,CampaignId\n,CABC123\n") == [(2, "", "BAD_NUMBER")]
    assert "has no column for the campaign" in read.refused("TN,A2pSettings\n,MessageClass\n9192550100,T\n")


def test_lines_are_read_one_at_a_time(read: Reader) -> None:
    """A row is there before the next one has been read, beyond the lines in which the header is looked for."""
    path = read.folder / "in.csv"
    path.write_text("number,campaign_id\n" + "".join(f"+1919{n},CABC123\n" for n in range(3_000_000, 3_020_000)))
    with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        rows = read_csv(file, names=CampaignNames(read.world.organization.id), campaign_id=None)
        binary: Any = file.buffer
        offsets = [binary.tell() for _ in rows]
    assert max(after - before for before, after in pairwise(offsets)) <= 64 * 1024
