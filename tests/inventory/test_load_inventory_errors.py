"""Every place in an inventory where something can be wrong, and that it changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from phone_numbers.models import NumberState
from tests.support.inventories import NOTHING, Ids, all_rows, load_file, refused_file, small_inventory

pytestmark = pytest.mark.django_db

BRAND = "organizations[0].brands[0]"
CAMPAIGN = "organizations[0].campaigns[0]"
NUMBER = "organizations[0].phone_numbers[0]"

NOT_A_STRING: list[Any] = [None, 1, 1.5, True, [], {}]
USECASES = (
    "is not one of 2FA, ACCOUNT_NOTIFICATION, CUSTOMER_CARE, DELIVERY_NOTIFICATION, FRAUD_ALERT, HIGHER_EDUCATION, "
    "LOW_VOLUME, MARKETING, MIXED, POLLING_VOTING, PUBLIC_SERVICE_ANNOUNCEMENT, SECURITY_ALERT, AGENTS_FRANCHISES, "
    "CARRIER_EXEMPT, CHARITY, EMERGENCY, K12_EDUCATION, M2M, POLITICAL, PROXY, SOCIAL, SOLE_PROPRIETOR, SWEEPSTAKE, "
    "TRIAL, UCAAS_HIGH, UCAAS_LOW"
)
IDENTITY_STATUSES = "is not one of SELF_DECLARED, UNVERIFIED, VERIFIED, VETTED_VERIFIED"
STATUSES = "is not one of PENDING, ACTIVE, REJECTED, EXPIRED"
CARRIER_STATUSES = "is not one of PENDING, APPROVED, REJECTED, SUSPENDED"
TYPES = "is not one of local, toll_free, short_code"
STATES = "is not one of " + ", ".join(NumberState.values)
SLUG = "must be 1 to 63 of a-z, 0-9 and -, not starting with -"
NOT_A_UUID = "is not a UUID, which has 36 characters in the hyphenated form"
BAD_IDS = [
    "",
    "x",
    "497f6eca62764993bfeb53cbbbba6f08",
    "{497f6eca-6276-4993-bfeb-53cbbbba6f08}",
    "urn:uuid:497f6eca-6276-4993-bfeb-53cbbbba6f08",
    " 497f6eca-6276-4993-bfeb-53cbbbba6f08",
    "497f6eca-6276-4993-bfeb-53cbbbba6f08\n",
    "497f6eca-6276-4993-bfeb-53cbbbba6f0\u0668",
    " ",
]


def _entry(document: dict[str, Any], place: str) -> dict[str, Any]:
    organization: dict[str, Any] = document["organizations"][0]
    found: dict[str, Any] = {
        "organizations[0]": organization,
        BRAND: organization["brands"][0],
        CAMPAIGN: organization["campaigns"][0],
        NUMBER: organization["phone_numbers"][0],
    }[place]
    return found


WRONG_VALUES: list[tuple[str, str, list[Any], str]] = [
    *(
        (place, key, NOT_A_STRING, "is not a string")
        for place, keys in (
            ("organizations[0]", "name slug"),
            (BRAND, "name"),
            (CAMPAIGN, "name"),
            (NUMBER, "id number"),
        )
        for key in keys.split()
    ),
    *(
        # Null clears these.
        (place, key, NOT_A_STRING[1:], "is not a string")
        for place, key in (
            (BRAND, "tcr_brand_id"),
            (CAMPAIGN, "tcr_campaign_id"),
            (NUMBER, "label"),
            (NUMBER, "inbound_url"),
            (NUMBER, "status_url"),
            (NUMBER, "campaign_id"),
        )
    ),
    *(
        (place, key, [*BAD_IDS, *NOT_A_STRING], NOT_A_UUID)
        for place, key in (("organizations[0]", "id"), (BRAND, "id"), (CAMPAIGN, "id"), (CAMPAIGN, "brand_id"))
    ),
    *((NUMBER, key, BAD_IDS, NOT_A_UUID) for key in ("id", "campaign_id")),
    *(
        (place, "name", values, sentence)
        for place in ("organizations[0]", BRAND, CAMPAIGN)
        for values, sentence in (
            (["", " \t", "\u200b"], "must not be blank"),
            (["a\x00b"], "must not contain NUL"),
        )
    ),
    ("organizations[0]", "slug", ["", "Acme", "a b", "-a", "é", "a_b", "a\n", "a\x00"], SLUG),
    (BRAND, "identity_status", ["", "verified", "UNKNOWN", *NOT_A_STRING[1:]], IDENTITY_STATUSES),
    (
        BRAND,
        "tcr_brand_id",
        ["", "BABC12", "BABC123456789", "babc123", "CABC123", "BABC12É", "BABC123\n"],
        "must be B and 6 to 11 capitals or digits",
    ),
    (CAMPAIGN, "usecase", ["", "mixed", *NOT_A_STRING], USECASES),
    (CAMPAIGN, "status", ["", "APPROVED", *NOT_A_STRING], STATUSES),
    (CAMPAIGN, "carrier_status", ["", "ACTIVE", *NOT_A_STRING], CARRIER_STATUSES),
    (
        CAMPAIGN,
        "tcr_campaign_id",
        ["", "CABC12", "CABC123456789", "BABC123", "CABC12É"],
        "must be C and 6 to 11 capitals or digits",
    ),
    # tests/phone_numbers/test_e164.py has the forms of numbers.
    (NUMBER, "number", ["", "+1 312 555", "+1919555010", "22763a", "911"], "is not a valid phone number"),
    (NUMBER, "number", ["22763"], "is a short code, not a local number"),
    (NUMBER, "number", ["+18005550100"], "is a toll-free number, not a local one"),
    (
        NUMBER,
        "number",
        ["1.91955E+10"],
        "has lost digits; format the column as text and export it again",
    ),
    (NUMBER, "number_type", ["", "mobile", "LOCAL", "tollfree", *NOT_A_STRING], TYPES),
    (NUMBER, "state", ["", "assigned", *NOT_A_STRING], STATES),
    (NUMBER, "label", ["", "  "], "must not be blank"),
    (NUMBER, "label", ["a\nb", "a\x00b"], "must not contain line breaks or control characters"),
    # tests/agentmessage/test_validators.py has the forms of URLs.
    *(
        (NUMBER, key, ["", "http://example.com/", "example.com", "https://example.com/\n"], "must be a valid https URL")
        for key in ("inbound_url", "status_url")
    ),
    (NUMBER, "inbound_url", ["https://me:secret@example.com/"], "must not contain a user name or password"),
]


@pytest.mark.parametrize(
    ("place", "key", "value", "sentence"),
    [(place, key, value, sentence) for place, key, values, sentence in WRONG_VALUES for value in values],
)
def test_a_wrong_value(tmp_path: Path, place: str, key: str, value: Any, sentence: str) -> None:
    document = small_inventory(Ids())
    _entry(document, place)[key] = value
    shown = json.dumps(value, ensure_ascii=False).replace("\u200b", "\\u200b")
    assert refused_file(tmp_path / "i.json", document) == f"{place}.{key}: {shown} {sentence}\nNothing was changed."
    assert all_rows() == NOTHING


@pytest.mark.parametrize(
    ("place", "key", "longest"),
    [
        ("organizations[0]", "name", 200),
        (BRAND, "name", 255),
        (CAMPAIGN, "name", 255),
        (NUMBER, "label", 100),
    ],
)
def test_a_text_that_is_too_long_is_cut_in_the_refusal(tmp_path: Path, place: str, key: str, longest: int) -> None:
    document = small_inventory(Ids())
    _entry(document, place)[key] = "x" * longest
    load_file(tmp_path / "i.json", document)
    _entry(document, place)[key] = "x" * (longest + 1)
    assert refused_file(tmp_path / "i.json", document) == (
        f'{place}.{key}: "{"x" * 60}…" must have at most {longest} characters\nNothing was changed.'
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+1312\u200b555", '"+1312\\u200b555"'),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        ("\u202e555", '"\\u202e555"'),
        ("caf\xe9", '"caf\xe9"'),
        ({"a": 1}, "{…}"),
        ([1], "[…]"),
        (13125550103, "13125550103"),
        (10**200, "1" + "0" * 59 + "…"),
    ],
)
def test_how_a_refusal_shows_the_value(tmp_path: Path, value: Any, shown: str) -> None:
    document = small_inventory(Ids())
    _entry(document, NUMBER)["number"] = value
    line = refused_file(tmp_path / "i.json", json.dumps(document).encode()).splitlines()[0]
    assert line.startswith(f"{NUMBER}.number: {shown} is not ")


def test_every_problem_of_the_document_is_reported(tmp_path: Path) -> None:
    document = small_inventory(Ids())
    _entry(document, "organizations[0]")["slug"] = "Acme"
    _entry(document, BRAND).update(id="x", identity_status="good")
    del _entry(document, CAMPAIGN)["brand_id"]
    _entry(document, NUMBER).update(number="919", label="", inbound_url="x", campaign_id="y", colour="red")
    document["organizations"][0]["phone_numbers"].append(5)
    assert [line.partition(": ")[0] for line in refused_file(tmp_path / "i.json", document).splitlines()] == [
        "organizations[0].slug",
        f"{BRAND}.id",
        f"{BRAND}.identity_status",
        f"{CAMPAIGN}.brand_id",
        f"{NUMBER}.number",
        f"{NUMBER}.label",
        f"{NUMBER}.inbound_url",
        f"{NUMBER}.campaign_id",
        f"{NUMBER}.colour",
        "organizations[0].phone_numbers[2]",
        "Nothing was changed.",
    ]


@pytest.mark.parametrize(
    ("place", "keys"),
    [
        ("organizations[0]", "id name slug"),
        (BRAND, "id name"),
        (CAMPAIGN, "id brand_id name usecase status"),
        (NUMBER, "id number number_type state"),
    ],
)
def test_a_required_key_that_is_left_out(tmp_path: Path, place: str, keys: str) -> None:
    for key in keys.split():
        document = small_inventory(Ids())
        del _entry(document, place)[key]
        assert refused_file(tmp_path / "i.json", document) == f"{place}.{key}: is required\nNothing was changed."


KEYS = {
    "organizations[0]": "id, name, slug, brands, campaigns, phone_numbers",
    BRAND: "id, name, identity_status, tcr_brand_id",
    CAMPAIGN: "id, brand_id, name, usecase, status, tcr_campaign_id, carrier_status, expiration_date, number_pool",
    NUMBER: "id, number_type, number, state, carrier, label, inbound_url, status_url, campaign_id, propagated",
}


@pytest.mark.parametrize("place", KEYS)
@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("lable", ".lable"),
        ("created_at", ".created_at"),
        ("", '[""]'),
        ("a.b", '["a.b"]'),
        ("x" * 100, '["' + "x" * 60 + '…"]'),
        ("friendly name", '["friendly name"]'),
    ],
)
def test_a_key_that_is_not_known(tmp_path: Path, place: str, key: str, shown: str) -> None:
    document = small_inventory(Ids())
    _entry(document, place)[key] = "x"
    assert refused_file(tmp_path / "i.json", document) == (
        f"{place}{shown}: unknown key; the keys are {KEYS[place]}\nNothing was changed."
    )


@pytest.mark.parametrize("value", [None, 1, "x", []])
@pytest.mark.parametrize("kind", ["brands", "campaigns", "phone_numbers"])
def test_an_entry_that_is_no_object(tmp_path: Path, kind: str, value: Any) -> None:
    document = small_inventory(Ids())
    document["organizations"][0][kind].append(value)
    index = len(document["organizations"][0][kind]) - 1
    assert refused_file(tmp_path / "i.json", document) == (
        f"organizations[0].{kind}[{index}]: {json.dumps(value)} is not an object\nNothing was changed."
    )


@pytest.mark.parametrize("value", [None, 1, "x", {}])
@pytest.mark.parametrize("kind", ["brands", "campaigns", "phone_numbers"])
def test_a_value_that_is_not_a_list(tmp_path: Path, kind: str, value: Any) -> None:
    document = {"organizations": [{"id": Ids().acme, "name": "Acme", "slug": "acme", kind: value}]}
    assert refused_file(tmp_path / "i.json", document) == (
        f"organizations[0].{kind}: {json.dumps(value)} is not a list\nNothing was changed."
    )


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "organizations: is required"),
        ({"organizations": None}, "organizations: null is not a list"),
        ({"organizations": {}}, "organizations: {} is not a list"),
        ({"organizations": [1]}, "organizations[0]: 1 is not an object"),
        ({"organizations": [], "organisations": []}, "organisations: unknown key; the keys are organizations"),
        ({"organizations": [], "brands.": []}, '["brands."]: unknown key; the keys are organizations'),
    ],
)
def test_the_top_of_the_document(tmp_path: Path, document: Any, sentence: str) -> None:
    assert refused_file(tmp_path / "i.json", document) == f"{sentence}\nNothing was changed."


@pytest.mark.parametrize("number", ["1234", "1234567", "02345", "+19195550100", "2276a", ""])
def test_a_short_code_has_five_or_six_digits(tmp_path: Path, number: str) -> None:
    document = small_inventory(Ids())
    _entry(document, NUMBER).update(number=number, number_type="short_code")
    assert refused_file(tmp_path / "i.json", document).splitlines()[0] == (
        f'{NUMBER}.number: "{number}" is not a short code of 5 or 6 digits'
    )


def test_a_number_that_is_available_has_no_campaign(tmp_path: Path) -> None:
    ids = Ids()
    document = small_inventory(ids)
    _entry(document, NUMBER).update(state="AVAILABLE", campaign_id=ids.one)
    assert refused_file(tmp_path / "i.json", document).splitlines()[0] == (
        f'{NUMBER}.campaign_id: "{ids.one}" must be null: an AVAILABLE number has no campaign'
    )


def numbers_in_a_row(count: int) -> list[dict[str, Any]]:
    """Return so many entries of valid numbers."""
    return [
        {"id": Ids().any, "number": f"+1919555{index:04}", "number_type": "local", "state": "ASSIGNED"}
        for index in range(count)
    ]


def test_the_first_twenty_problems_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    document = small_inventory(Ids())
    numbers = document["organizations"][0]["phone_numbers"] = numbers_in_a_row(1_057)
    for number in numbers:
        number["number"] = "x"
    lines = refused_file(tmp_path / "i.json", document).splitlines()
    assert lines[:20] == [
        f'organizations[0].phone_numbers[{index}].number: "x" is not a valid phone number' for index in range(20)
    ]
    assert lines[20:] == ["… and 1,037 more.", "Nothing was changed."]

    del numbers[20:]
    lines = refused_file(tmp_path / "i.json", document).splitlines()
    assert (len(lines), lines[-1]) == (21, "Nothing was changed.")


def test_a_refusal_names_the_place_and_the_value(tmp_path: Path) -> None:
    document = small_inventory(Ids())
    document["organizations"][0]["phone_numbers"] = numbers_in_a_row(2_000)
    document["organizations"][0]["phone_numbers"][1776]["number"] = "+1 312 555"
    assert refused_file(tmp_path / "i.json", document) == (
        'organizations[0].phone_numbers[1776].number: "+1 312 555" is not a valid phone number\nNothing was changed.'
    )
