"""docs/inventory.md: its example loads, and it has every key and every value."""

import re
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import orjson
import pytest
from django.db.models import TextChoices

from agentmessage.validators import LABEL_LENGTH, URL_LENGTH
from brands.models import Brand, IdentityStatus
from campaigns.models import Campaign, CampaignStatus, CarrierStatus, Usecase
from inventory.schema import KINDS, OrganizationEntry
from phone_numbers.models import NumberState, NumberType, PhoneNumber
from tests.support.inventories import load, load_file

PAGE = Path("docs/inventory.md").read_text()
EXAMPLE = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]


def table(heading: str) -> dict[str, tuple[str, str]]:
    """Return the keys of a table, whether each is required, and what is said of its value."""
    part = PAGE.partition(f"### `{heading}[]`\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \| (.*) \|$", part, re.MULTILINE)
    return {key: (required, value) for key, required, value in rows}


@pytest.mark.django_db
def test_the_example_loads_as_the_page_says(tmp_path: Path) -> None:
    printed = PAGE.partition("$ manage.py load_inventory inventory.json\n")[2].partition("```")[0]
    assert load_file(tmp_path / "inventory.json", EXAMPLE.encode()) == printed
    assert load(orjson.loads(EXAMPLE)).changed == 0
    assert set(PhoneNumber.objects.values_list("number", flat=True)) == {
        "+13125550101",
        "+13125550102",
        "+18005550103",
        "22763",
        "+13125550104",
    }


@pytest.mark.django_db
def test_the_number_in_stock_is_that_of_the_example() -> None:
    entry = orjson.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
    document = orjson.loads(EXAMPLE)
    assert entry in document["organizations"][0]["phone_numbers"]
    load(document)
    assert PhoneNumber.objects.get(id=entry["id"]).organization is None


def test_the_example_has_every_key() -> None:
    organization = orjson.loads(EXAMPLE)["organizations"][0]
    assert set(organization) == set(OrganizationEntry.__annotations__)
    for kind in ("brands", "campaigns", "phone_numbers"):
        assert set(organization[kind][0]) == set(KINDS[kind].__annotations__)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_have_every_key(kind: str) -> None:
    rows = table(kind)
    assert set(rows) == set(KINDS[kind].__annotations__)
    assert {key for key, (required, _value) in rows.items() if required == "yes"} == KINDS[kind].__required_keys__


@pytest.mark.parametrize(
    ("kind", "key", "choices"),
    [
        ("brands", "identity_status", IdentityStatus),
        ("campaigns", "usecase", Usecase),
        ("campaigns", "status", CampaignStatus),
        ("campaigns", "carrier_status", CarrierStatus),
        ("phone_numbers", "number_type", NumberType),
        ("phone_numbers", "state", NumberState),
    ],
)
def test_the_tables_have_every_value(kind: str, key: str, choices: type[TextChoices]) -> None:
    named = set(re.findall(r"`([A-Za-z0-9_]+)`", table(kind)[key][1])) - {"null"}
    assert named == set(choices.values)


def _accepts_null(kind: str, key: str) -> bool:
    hint = get_type_hints(KINDS[kind])[key]
    arguments = get_args(get_args(hint)[0] if get_origin(hint) is not None else hint)
    return type(None) in arguments or type(None) in get_args(hint)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_say_what_null_clears(kind: str) -> None:
    for key, (_required, value) in table(kind).items():
        says_null = "`null`" in value or "as `inbound_url`" in value
        assert says_null == _accepts_null(kind, key), key


def test_the_lengths_are_those_of_the_models() -> None:
    for kind, model in (("brands", Brand), ("campaigns", Campaign)):
        assert f"1 to {model._meta.get_field('name').max_length} characters" in table(kind)["name"][1]
    assert f"1 to {LABEL_LENGTH} characters" in table("phone_numbers")["label"][1]
    assert f"at most {URL_LENGTH} characters" in table("phone_numbers")["inbound_url"][1]
