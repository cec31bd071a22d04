"""A value is accepted or refused alike at every door: API, inventory, admin and command line.

The forms of the admin trim their fields and require some of them, so the table has no value with white space at an end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db.models import Model
from django.test import Client

from accounts.models import ApiKey, Scope
from brands.models import Brand
from campaigns.models import Campaign
from phone_numbers.models import PhoneNumber
from tests.support.api import ApiClient
from tests.support.commands import run_command
from tests.support.factories import make_key
from tests.support.inventories import Ids, load_file, small_inventory
from tests.support.operators import errors_of, page
from tests.support.worlds import World

SURROGATE = "\udcff"


@dataclass
class Doors:
    """Everything through which a value can come in. Each way returns what it says of a value that it refuses."""

    world: World
    api: ApiClient
    admin: Client
    folder: Path

    def patch(self, field: str, value: str) -> str | None:
        """PATCH /v1/phone-numbers/{id}."""
        return self._refused(self.api.patch(self.world.phone_number.id, {field: value}), field)

    def post_key(self, field: str, value: str) -> str | None:
        """POST /v1/api-keys."""
        return self._refused(self.api.post("/v1/api-keys", {"scopes": ["numbers:read"], field: value}), field)

    def _refused(self, response: Any, field: str) -> str | None:
        if response.status_code < 300:
            return None
        assert response.status_code == 422
        details: dict[str, str] = response.json()["error"]["details"]
        assert list(details) == [field]
        return details[field]

    def inventory(self, kind: str, **fields: str) -> str | None:
        """A document whose first entry of a kind has these fields."""
        document = small_inventory(Ids())
        document["organizations"][0][kind][0] |= fields
        try:
            load_file(self.folder / "inventory.json", document)
        except CommandError as error:
            return str(error)
        return None

    def form(self, model: type[Model], field: str, value: str, **others: str) -> str | None:
        """The admin's page that adds a row, with only this field filled: what is said of the others does not matter."""
        return " ".join(errors_of(self.admin.post(page(model, "add"), {field: value} | others)).get(field, ())) or None

    def command(self, name: str, *arguments: str) -> str | None:
        """A management command, with the world's organization."""
        ended = run_command(name, f"--organization={self.world.organization.slug}", *arguments)
        return ended.err if ended.code else None

    def attach(self, source: str) -> str | None:
        """`attach_campaign`. A number without an owner is accepted as a number."""
        said = self.command("attach_campaign", source, f"--campaign={self.world.campaign.id}")
        return None if said and "NOT_FOUND" in said else said

    def csv(self, number: str) -> str | None:
        """A cell of a CSV."""
        path = self.folder / "in.csv"
        path.write_text('number\n"' + number.replace('"', '""') + '"\n')
        return self.attach(f"--csv={path}")


Way = Callable[[Doors, str], str | None]


def _inventory(kind: str, field: str, **others: str) -> Way:
    return lambda doors, value: doors.inventory(kind, **{field: value}, **others)


def _form(model: type[Model], field: str, **others: str) -> Way:
    return lambda doors, value: doors.form(model, field, value, **others)


def _patch(field: str) -> Way:
    return lambda doors, value: doors.patch(field, value)


DOORS: dict[str, dict[str, Way]] = {
    "label": {
        "PATCH": _patch("label"),
        "POST key": lambda doors, value: doors.post_key("label", value),
        "inventory": _inventory("phone_numbers", "label"),
        "form of a number": _form(PhoneNumber, "label"),
        "form of a key": _form(ApiKey, "label"),
        "command": lambda doors, value: doors.command("create_api_key", f"--name={value}", "--scope=numbers:read"),
    },
    "URL": {
        "PATCH inbound_url": _patch("inbound_url"),
        "PATCH status_url": _patch("status_url"),
        "inventory inbound_url": _inventory("phone_numbers", "inbound_url"),
        "inventory status_url": _inventory("phone_numbers", "status_url"),
        "form inbound_url": _form(PhoneNumber, "inbound_url"),
        "form status_url": _form(PhoneNumber, "status_url"),
    },
    "number": {
        "inventory": _inventory("phone_numbers", "number"),
        "form": _form(PhoneNumber, "number", number_type="local"),
        "CSV": lambda doors, value: doors.csv(value),
        "--number": lambda doors, value: doors.attach(f"--number={value}"),
    },
    **{
        f"number as {number_type}": {
            "inventory": _inventory("phone_numbers", "number", number_type=number_type),
            "form": _form(PhoneNumber, "number", number_type=number_type),
        }
        for number_type in ("local", "toll_free", "short_code")
    },
    "TCR brand ID": {"inventory": _inventory("brands", "tcr_brand_id"), "form": _form(Brand, "tcr_brand_id")},
    "TCR campaign ID": {
        "inventory": _inventory("campaigns", "tcr_campaign_id"),
        "form": _form(Campaign, "tcr_campaign_id"),
    },
    "name": {
        "inventory of a brand": _inventory("brands", "name"),
        "inventory of a campaign": _inventory("campaigns", "name"),
        "form of a brand": _form(Brand, "name"),
        "form of a campaign": _form(Campaign, "name"),
    },
}

# What is said of a value, behind the value itself; None: it is accepted.
NOT_A_URL = "must be a valid https URL"
NOT_A_NUMBER = "is not a valid phone number"
NOT_A_BRAND = "must be B and 6 to 11 capitals or digits"
NOT_A_CAMPAIGN = "must be C and 6 to 11 capitals or digits"
VALUES: list[tuple[str, str, str | None]] = [
    ("label", "Front desk", None),
    ("label", "100% caf\N{LATIN SMALL LETTER E WITH ACUTE} %(value)s", None),
    ("label", "a\nb", "must not contain line breaks or control characters"),
    ("label", "a\u2028b 100% %(value)s", "must not contain line breaks or control characters"),
    ("label", "\u200b", "must not be blank"),
    ("URL", "https://example.com/in?x=100%25&y=%s", None),
    ("URL", "https://example.com:65535/", None),
    ("URL", "https://[2001:db8::1]:8443/in", None),
    ("URL", "https://example.com/{{number}}", None),
    ("URL", "https://example.com\\@evil.example/", NOT_A_URL),
    ("URL", "https://example.com:0/", NOT_A_URL),
    ("URL", "https://example.com:99999/%s", NOT_A_URL),
    ("URL", "http://example.com/", NOT_A_URL),
    ("URL", "example.com/in", NOT_A_URL),
    ("URL", "https://exam\u200bple.com/", NOT_A_URL),
    ("URL", "https://example.com/a b", NOT_A_URL),
    ("URL", "https://user:secret@example.com/", "must not contain a user name or password"),
    ("number", "(312) 555-0177", None),
    ("number", "tel:+1-312-555-0177", None),
    ("number", "'3125550177", None),
    ("number", "\N{FULLWIDTH PLUS SIGN}1\u00a0312\u2011555\u20110177\u200b", None),
    ("number", "+44 (0)20 7946 0958", None),
    ("number", "312-555-017", NOT_A_NUMBER),
    ("number", "+1 312 911 0177", NOT_A_NUMBER),
    ("number", "call 3125550177", NOT_A_NUMBER),
    ("number", "1.31255E+10", "has lost digits; format the column as text and export it again"),
    ("number", "3125550177 ext. 5", "has an extension, which cannot receive messages"),
    ("number as local", "+1 800 555 0177", "is a toll-free number, not a local one"),
    ("number as local", "22764", "is a short code, not a local number"),
    ("number as local", "+13125550177", None),
    ("number as toll_free", "(833) 555-0177", None),
    ("number as toll_free", "+13125550177", "is not toll-free; the area codes are 800, 833, 844, 855, 866, 877, 888"),
    ("number as short_code", "227645", None),
    ("number as short_code", "2276", "is not a short code of 5 or 6 digits"),
    ("number as short_code", "+13125550177", "is not a short code of 5 or 6 digits"),
    ("TCR brand ID", "BABC123", None),
    ("TCR brand ID", "BABCDEF12345", None),
    ("TCR brand ID", "babc123", NOT_A_BRAND),
    ("TCR brand ID", "CABC123", NOT_A_BRAND),
    ("TCR brand ID", "BABC12%s", NOT_A_BRAND),
    ("TCR campaign ID", "CABC123", None),
    ("TCR campaign ID", "BABC123", NOT_A_CAMPAIGN),
    ("TCR campaign ID", "CABC1", NOT_A_CAMPAIGN),
    ("name", "Acme & Sons", None),
    ("name", "\u200b\u2060", "must not be blank"),
]


@pytest.fixture
def doors(world: World, admin_client: Client, tmp_path: Path) -> Doors:
    """The doors, with a key and an operator that may use them."""
    _, plain = make_key(world.organization, *Scope)
    return Doors(world, ApiClient(plain), admin_client, tmp_path)


@pytest.mark.parametrize(
    ("kind", "door", "value", "message"),
    [(kind, door, value, message) for kind, value, message in VALUES for door in DOORS[kind]],
)
def test_a_value_is_the_same_at_every_door(kind: str, door: str, value: str, message: str | None, doors: Doors) -> None:
    said = DOORS[kind][door](doors, value)
    if message is None:
        assert said is None
    else:
        assert said is not None
        # Whatever the door, the refusal names the value in one printable line.
        assert f'" {message}' in said
        assert value in said or not value.isprintable() or "\\" in value
        assert said.replace("\n", "").isprintable()


def test_too_long_a_value_is_refused_at_every_door_and_shown_in_part(doors: Doors) -> None:
    long = {"label": "x" * 101, "URL": "https://example.com/" + "x" * 2029, "number": "9" * 101}
    for kind, value in long.items():
        for door, way in DOORS[kind].items():
            said = way(doors, value)
            assert said is not None, door
            assert value not in said
            assert len(said) < 300, door


def test_bytes_of_the_command_line_that_are_not_text(doors: Doors) -> None:
    said = doors.command("create_api_key", f"--name=a{SURROGATE}", "--scope=numbers:read")
    assert said == '--name: "a\\udcff" must not contain line breaks or control characters.'
    assert doors.command("attach_campaign", f"--number={SURROGATE}", f"--campaign={doors.world.campaign.id}") == (
        'line 1: \\udcff: BAD_NUMBER: "\\udcff" is not a valid phone number\n'
    )


def test_a_number_is_found_however_it_is_written(doors: Doors) -> None:
    PhoneNumber.objects.filter(id=doors.world.phone_number.id).update(number="+13125550177")
    for written in ("(312) 555", "312.555.0177", "+1 312-555\u20110177", "\N{FULLWIDTH DIGIT THREE}12555", "'+13125"):
        found = doors.api.get("/v1/phone-numbers", data={"search": written}).json()["data"]
        assert [number["number"] for number in found] == ["+13125550177"], written
        shown = doors.admin.get(page(PhoneNumber, "changelist"), {"q": written}).context["cl"].result_list
        assert [number.number for number in shown] == ["+13125550177"], written
