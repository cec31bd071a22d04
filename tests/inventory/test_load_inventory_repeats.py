"""Values that occur twice in one document."""

import json
from pathlib import Path

import pytest

from tests.support.inventories import Ids, refused_file, small_inventory

pytestmark = pytest.mark.django_db

BRAND = "organizations[0].brands[0]"
CAMPAIGN = "organizations[0].campaigns[0]"
NUMBER = "organizations[0].phone_numbers[0]"


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("brands", "id", None),
        ("brands", "tcr_brand_id", "BABC123"),
        ("campaigns", "id", None),
        ("campaigns", "tcr_campaign_id", "CABC123"),
        ("phone_numbers", "id", None),
        ("phone_numbers", "number", "+15555550100"),
    ],
)
def test_a_value_that_repeats(tmp_path: Path, kind: str, key: str, value: str | None) -> None:
    document = small_inventory(Ids())
    entries = document["organizations"][0][kind]
    if value is not None:
        entries[0][key] = value
    again = dict(entries[0], id=Ids().other)
    if kind == "phone_numbers":
        again["number"] = "+15555550111"
    again[key] = entries[0][key]
    entries.append(again)
    shown = json.dumps(again[key])
    assert refused_file(tmp_path / "i.json", document) == (
        f"organizations[0].{kind}[{len(entries) - 1}].{key}: {shown} repeats organizations[0].{kind}[0].{key}\n"
        "Nothing was changed."
    )


@pytest.mark.parametrize("kind", ["brands", "campaigns", "phone_numbers"])
def test_an_id_repeats_in_either_case(tmp_path: Path, kind: str) -> None:
    document = small_inventory(Ids())
    entries = document["organizations"][0][kind]
    entries.append(dict(entries[-1], id=entries[0]["id"].upper()))
    if kind == "phone_numbers":
        entries[-1]["number"] = "+15555550111"
    assert refused_file(tmp_path / "i.json", document).splitlines()[0] == (
        f'organizations[0].{kind}[{len(entries) - 1}].id: "{entries[0]["id"]}" repeats organizations[0].{kind}[0].id'
    )


def test_a_number_repeats_in_another_form(tmp_path: Path) -> None:
    document = small_inventory(Ids())
    document["organizations"][0]["phone_numbers"][1]["number"] = "(555) 555-0100"
    assert refused_file(tmp_path / "i.json", document).splitlines()[0] == (
        f'organizations[0].phone_numbers[1].number: "+15555550100" repeats {NUMBER}.number'
    )


def test_values_that_repeat_between_organizations(tmp_path: Path) -> None:
    ids = Ids()
    document = small_inventory(ids)
    first = document["organizations"][0]
    first["brands"][0]["tcr_brand_id"] = "BABC123"
    document["organizations"] += [
        {
            "id": first["id"],
            "name": "Globex",
            "slug": first["slug"],
            "brands": [dict(first["brands"][0], tcr_brand_id=None)],
            "phone_numbers": [dict(first["phone_numbers"][0], id=ids.third)],
        },
        # Two organizations may share a TCR ID.
        {
            "id": ids.hooli,
            "name": "Hooli",
            "slug": "hooli",
            "brands": [dict(first["brands"][0], id=ids.brand2)],
        },
    ]
    assert refused_file(tmp_path / "i.json", document).splitlines() == [
        f'organizations[1].id: "{ids.acme}" repeats organizations[0].id',
        'organizations[1].slug: "acme" repeats organizations[0].slug',
        f'organizations[1].brands[0].id: "{ids.brand}" repeats organizations[0].brands[0].id',
        f'organizations[1].phone_numbers[0].number: "+15555550100" repeats {NUMBER}.number',
        "Nothing was changed.",
    ]
