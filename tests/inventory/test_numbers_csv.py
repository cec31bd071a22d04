"""A CSV of phone numbers through `manage.py load_inventory`: what its rows do, and what is refused."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from tests.support.factories import PhoneNumberFactory
from tests.support.inventories import all_rows
from tests.support.propagation import attach
from tests.support.worlds import World

COLUMNS = "organization, number, number type, state, carrier account, label, inbound URL, status URL"


class Loader:
    """Loads CSV files through the command."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.slug, self.strangers = world.organization.slug, world.stranger.organization.slug
        self.path = folder / "numbers.csv"

    def __call__(self, content: str | bytes, *options: str) -> list[str]:
        """Return the line of the summary about phone numbers: created, updated, unchanged."""
        text = content.replace("ACME", self.slug).encode() if isinstance(content, str) else content
        self.path.write_bytes(text)
        err = StringIO()
        call_command("load_inventory", str(self.path), *options, stderr=err)
        return next(line for line in err.getvalue().splitlines() if line.startswith("phone numbers")).split()[2:]

    def refusal(self, content: str | bytes) -> list[str]:
        """Return the sentences of a refused load, which has changed nothing."""
        before = all_rows()
        with pytest.raises(CommandError) as refused:
            self(content)
        assert all_rows() == before
        *lines, last = str(refused.value).replace(f"{self.path}: ", "").replace(". Nothing", "\nNothing").splitlines()
        assert last == "Nothing was changed."
        return [line.replace(self.slug, "ACME") for line in lines]


@pytest.fixture
def load(world: World, tmp_path: Path) -> Loader:
    """A loader; the organization of `world` is written ACME in its files."""
    return Loader(world, tmp_path)


def test_a_new_number_is_assigned_and_its_type_is_that_of_its_digits(load: Loader) -> None:
    content = "organization,number,label\nACME,(312) 555-0101,Front desk\nACME,800-555-0101,\n ACME ,22763,\n"
    assert load(content) == ["3", "0", "0"]
    numbers = PhoneNumber.objects.filter(number__in=["+13125550101", "+18005550101", "22763"]).order_by("created_at")
    assert [(row.number, row.number_type, row.label, row.state) for row in numbers] == [
        ("+13125550101", "local", "Front desk", "ASSIGNED"),
        ("+18005550101", "toll_free", None, "ASSIGNED"),
        ("22763", "short_code", None, "ASSIGNED"),
    ]
    assert {row.organization for row in numbers} == {load.world.organization}
    assert load(content) == ["0", "0", "3"]


def test_a_cell_without_a_value_keeps_what_is_stored(load: Loader) -> None:
    number = load.world.phone_number
    PhoneNumber.objects.filter(id=number.id).update(state="PENDING", label="Old", inbound_url="https://a.example/")
    assert load(f"organization;TN;label;state\nACME;{number.number};;\n") == ["0", "0", "1"]
    assert load(f"organization;TN;label;state\nACME;{number.number};New;\n") == ["0", "1", "0"]
    number.refresh_from_db()
    assert (number.label, number.state, number.inbound_url) == ("New", "PENDING", "https://a.example/")


def test_a_number_that_comes_out_of_stock_is_assigned(load: Loader) -> None:
    stock = PhoneNumberFactory.create(organization=None, state="AVAILABLE", label="of the last tenant")
    assert load(f"organization,number\nACME,{stock.number}\n") == ["0", "1", "0"]
    stock.refresh_from_db()
    assert (stock.organization, stock.state, stock.label) == (load.world.organization, NumberState.ASSIGNED, None)


def test_a_number_stays_on_its_campaign(load: Loader) -> None:
    number = load.world.phone_number
    attach(number, load.world.campaign)
    assert load(f"organization,number,label\nACME,{number.number},New\n") == ["0", "1", "0"]
    number.refresh_from_db()
    assert (number.campaign, CampaignAttachment.objects.count()) == (load.world.campaign, 1)


def test_a_dry_run_writes_nothing(load: Loader) -> None:
    before = all_rows()
    assert load(
        f"organization,number,label\nACME,3125550101,\nACME,{load.world.phone_number.number},New\n", "--dry-run"
    )
    assert load(
        f"organization,number,label\nACME,3125550101,\nACME,{load.world.phone_number.number},New\n", "--dry-run"
    ) == ["1", "1", "0"]
    assert all_rows() == before


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffOrganization,Phone Number\r\nACME,3125550101\r\n",
        "sep=;\nlabel;Organization slug;DID\n;ACME;312.555.0101\n",
        "slug\tE.164\tlabel\rACME\t+13125550101\tx\r",
        'number,organization\n"=""+13125550101""",ACME\n\n , \n',
    ],
)
def test_files_as_people_save_them(content: str, load: Loader) -> None:
    assert load(content) == ["1", "0", "0"]


def test_every_refused_row_is_named_with_its_line(load: Loader) -> None:
    taken = load.world.stranger.phone_number.number
    content = (
        "organization,number,number type,label,state,carrier\n"
        "ACME,3125550101,,,,\n"
        "ACME,1.91955E+10,,,,\n"
        "nobody,3125550102,,,,\n"
        "no\x00body,3125550103,,,,\n"
        ",3125550104,,,,\n"
        "ACME,,,x,,\n"
        f"ACME,{taken},,,,\n"
        "ACME,312 555 0101,,,,\n"
        "ACME,3125550105,toll_free,a\x00b,gone,nowhere\n"
        "ACME,3125550106,,a, b,ASSIGNED,default\n"
        "ACME,+1999,,,,\n"
    )
    assert load.refusal(content) == [
        'line 3, number: "1.91955E+10" has lost digits; format the column as text and export it again',
        'line 4, organization: "nobody" is not the slug of an organization',
        'line 5, organization: "no\\u0000body" is not the slug of an organization',
        "line 6, organization: is required",
        "line 7, number: is required",
        f'line 8, number: "{taken}" is a number of another organization',
        'line 9, number: "+13125550101" repeats line 2',
        'line 10, number: "+13125550105" is not toll-free; the area codes are 800, 833, 844, 855, 866, 877, 888',
        'line 10, state: "gone" is not one of AVAILABLE, PENDING, ASSIGNED, QUARANTINED, LOST',
        'line 10, carrier: "nowhere" must be one of default',
        'line 10, label: "a\\u0000b" must not contain line breaks or control characters',
        "line 11: the line has 7 cells and the header 6; quote cells that have ','",
        'line 12, number: "+1999" is not a valid phone number',
    ]


def test_what_is_stored_is_compared_too(load: Loader, settings: object) -> None:
    settings.CARRIERS = {"default": "simulated://", "other": "simulated://"}  # type: ignore[attr-defined]
    number = load.world.phone_number
    attach(number, load.world.campaign)
    assert load.refusal(f"organization,number,carrier account\n\nACME,{number.number},other\n") == [
        (
            'line 3, carrier: "other" cannot replace "default" while the number is on a campaign or on its way off '
            "one; detach it, and move it once the carrier has confirmed"
        )
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "organization,number,campaign_id\n",
            ('it has a column "campaignid", and a CSV of numbers attaches none: import the numbers without it, then '
            "attach them with manage.py attach_campaign --csv, which reads the same file"),
        ),
        ("organization,number,lable\n", f'it has an unknown column "lable"; the columns are {COLUMNS}'),
        ("number\n", 'it has no column for organization in its first line, "number"'),
        ("organization,label\n", 'it has no column for number in its first line, "organization,label"'),
        ("organization,TN,DID\n", 'it has more than one column for number in its first line, "organization,TN,DID"'),
        ("organization,number\n,\n", "it has no rows after the header"),
        ("organization,number\nACME,\"\n", ("line 2: a quotation mark is not closed, or a cell is too long: "
         "unexpected end of data; the rest of the file is not read")),
        (b"organization,number,label\nACME,3125550101,caf\xe9\n", "it is not UTF-8: byte 0xe9 in line 2"),
        ("x" * 2_000_000, "it is not CSV: a line is longer than 1 MiB"),
        ("\x00" * 8, "it is UTF-32; an inventory is JSON, or a CSV of numbers, in UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_is_refused(content: str | bytes, sentence: str, load: Loader) -> None:
    assert load.refusal(content) == [sentence]
