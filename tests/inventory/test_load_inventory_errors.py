"""Every place in an inventory where something can be wrong, and that it changes nothing."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from phone_numbers.e164 import is_e164, is_possible_e164
from tests.inventories import NOTHING, Ids, all_rows, load_file, small_inventory

pytestmark = pytest.mark.django_db

BRAND = "organizations[0].brands[0]"
CAMPAIGN = "organizations[0].campaigns[0]"
NUMBER = "organizations[0].phone_numbers[0]"

NOT_A_STRING: list[Any] = [1, 1.5, True, [], {}]
USECASES = (
    "must be one of 2FA, ACCOUNT_NOTIFICATION, CUSTOMER_CARE, DELIVERY_NOTIFICATION, FRAUD_ALERT, HIGHER_EDUCATION, "
    "LOW_VOLUME, MARKETING, MIXED, POLLING_VOTING, PUBLIC_SERVICE_ANNOUNCEMENT, SECURITY_ALERT, AGENTS_FRANCHISES, "
    "CARRIER_EXEMPT, CHARITY, EMERGENCY, K12_EDUCATION, M2M, POLITICAL, PROXY, SOCIAL, SOLE_PROPRIETOR, SWEEPSTAKE, "
    "TRIAL, UCAAS_HIGH, UCAAS_LOW"
)
IDENTITY_STATUSES = "must be one of SELF_DECLARED, UNVERIFIED, VERIFIED, VETTED_VERIFIED"
STATUSES = "must be one of PENDING, ACTIVE, REJECTED, EXPIRED"
CARRIER_STATUSES = "must be one of PENDING, APPROVED, REJECTED, SUSPENDED"
TYPES = "must be one of local, toll_free, short_code"
STATES = "must be one of AVAILABLE, PENDING, ASSIGNED, QUARANTINED"
SLUG = "must be 1 to 63 of a-z, 0-9 and -, not starting with -"
BAD_IDS = ["", "x", "497f6eca62764993bfeb53cbbbba6f08", "{497f6eca-6276-4993-bfeb-53cbbbba6f08}", " "]


def refusal(path: Path, document: Any) -> str:
    """The sentences of a refused load, which has changed nothing."""
    before = all_rows()
    with pytest.raises(CommandError) as refused:
        load_file(path, document)
    assert refused.value.returncode == 1
    assert all_rows() == before
    return str(refused.value)


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
        (place, key, [None], "must not be null")
        for place, keys in (
            ("organizations[0]", "id name slug"),
            (BRAND, "id name"),
            (CAMPAIGN, "id brand_id name usecase status carrier_status"),
            (NUMBER, "id number number_type state"),
        )
        for key in keys.split()
    ),
    *(
        (place, key, NOT_A_STRING, "must be a string")
        for place, keys in (
            ("organizations[0]", "name slug"),
            (BRAND, "name identity_status tcr_brand_id"),
            (CAMPAIGN, "name usecase status tcr_campaign_id carrier_status"),
            (NUMBER, "number number_type state label inbound_url status_url"),
        )
        for key in keys.split()
    ),
    *(
        (place, key, [*BAD_IDS, *NOT_A_STRING], "must be a UUID")
        for place, key in (
            ("organizations[0]", "id"),
            (BRAND, "id"),
            (CAMPAIGN, "id"),
            (CAMPAIGN, "brand_id"),
            (NUMBER, "id"),
            (NUMBER, "campaign_id"),
        )
    ),
    *(
        (place, key, ["a\x00b"], "must not contain NUL")
        for place, key in (
            ("organizations[0]", "name"),
            ("organizations[0]", "slug"),
            (BRAND, "name"),
            (CAMPAIGN, "usecase"),
            (NUMBER, "number"),
            (NUMBER, "label"),
            (NUMBER, "inbound_url"),
        )
    ),
    ("organizations[0]", "name", ["", " \t"], "must not be empty"),
    ("organizations[0]", "name", ["x" * 201], "must have at most 200 characters"),
    ("organizations[0]", "slug", ["", "Acme", "a b", "-a", "é", "a_b", "x" * 64, "a\n"], SLUG),
    (BRAND, "name", [""], "must not be empty"),
    (BRAND, "name", ["x" * 256], "must have at most 255 characters"),
    (BRAND, "identity_status", ["", "verified", "UNKNOWN"], IDENTITY_STATUSES),
    (BRAND, "tcr_brand_id", ["", "BABC12", "BABC1234", "babc123", "CABC123"], "must be B and six capitals or digits"),
    (CAMPAIGN, "name", [""], "must not be empty"),
    (CAMPAIGN, "name", ["x" * 256], "must have at most 255 characters"),
    (CAMPAIGN, "usecase", ["", "mixed"], USECASES),
    (CAMPAIGN, "status", ["", "APPROVED"], STATUSES),
    (CAMPAIGN, "carrier_status", ["", "ACTIVE"], CARRIER_STATUSES),
    (CAMPAIGN, "tcr_campaign_id", ["BABC123", "CABC12É"], "must be C and six capitals or digits"),
    (
        NUMBER,
        "number",
        [
            "",
            "9195550101",
            "19195550101",
            "+1919555010",
            "+191955501011",
            "+1 919 555 0101",
            "+1-919-555-0101",
            "tel:+19195550101",
            "+19195550101;ext=5",
            "+1919555010a",
            "+١٩١٩٥٥٥٠١٠١",
            "+999123456789",
            "+09195550101",
            "22763",
            "+19195550101\n",
        ],
        "must be E.164",
    ),
    (NUMBER, "number_type", ["", "mobile", "LOCAL"], TYPES),
    (NUMBER, "state", ["", "assigned"], STATES),
    (NUMBER, "label", ["", "  "], "must not be empty"),
    (NUMBER, "label", ["x" * 101], "must have at most 100 characters"),
    *(
        (
            NUMBER,
            key,
            ["", "http://example.com/", "https://", "https:///a", "https://a b.example/", "https://-/", "example.com"],
            "must be an https URL",
        )
        for key in ("inbound_url", "status_url")
    ),
    (NUMBER, "inbound_url", ["https://example.com/\n", "https://example.com:99999999/"], "must be an https URL"),
    (NUMBER, "inbound_url", ["https://example.com/" + "x" * 2029], "must have at most 2048 characters"),
]


@pytest.mark.parametrize(
    ("place", "key", "value", "sentence"),
    [(place, key, value, sentence) for place, key, values, sentence in WRONG_VALUES for value in values],
)
def test_a_wrong_value(tmp_path: Path, place: str, key: str, value: Any, sentence: str) -> None:
    document = small_inventory(Ids())
    _entry(document, place)[key] = value
    assert refusal(tmp_path / "i.json", document) == f"{place}.{key}: {sentence}\nNothing was changed."
    assert all_rows() == NOTHING


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
        assert refusal(tmp_path / "i.json", document) == f"{place}.{key}: is required\nNothing was changed."


@pytest.mark.parametrize("place", ["organizations[0]", BRAND, CAMPAIGN, NUMBER])
@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("lable", ".lable"),
        ("created_at", ".created_at"),
        ("", '[""]'),
        ("a.b", '["a.b"]'),
        ("x" * 100, '["' + "x" * 60 + "\\u2026" + '"]'),
    ],
)
def test_a_key_that_is_not_known(tmp_path: Path, place: str, key: str, shown: str) -> None:
    document = small_inventory(Ids())
    _entry(document, place)[key] = "x"
    assert refusal(tmp_path / "i.json", document) == f"{place}{shown}: unknown key\nNothing was changed."


@pytest.mark.parametrize("value", [None, 1, "x", []])
@pytest.mark.parametrize("kind", ["brands", "campaigns", "phone_numbers"])
def test_an_entry_that_is_no_object(tmp_path: Path, kind: str, value: Any) -> None:
    document = small_inventory(Ids())
    document["organizations"][0][kind].append(value)
    index = len(document["organizations"][0][kind]) - 1
    assert refusal(tmp_path / "i.json", document) == (
        f"organizations[0].{kind}[{index}]: must be an object\nNothing was changed."
    )


@pytest.mark.parametrize("value", [None, 1, "x", {}])
@pytest.mark.parametrize("kind", ["brands", "campaigns", "phone_numbers"])
def test_a_list_that_is_none(tmp_path: Path, kind: str, value: Any) -> None:
    document = {"organizations": [{"id": Ids().acme, "name": "Acme", "slug": "acme", kind: value}]}
    assert refusal(tmp_path / "i.json", document) == f"organizations[0].{kind}: must be a list\nNothing was changed."


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "organizations: is required"),
        ({"organizations": None}, "organizations: must be a list"),
        ({"organizations": {}}, "organizations: must be a list"),
        ({"organizations": [1]}, "organizations[0]: must be an object"),
        ({"organizations": [], "organisations": []}, "organisations: unknown key"),
        ({"organizations": [], "brands.": []}, '["brands."]: unknown key'),
    ],
)
def test_the_top_of_the_document(tmp_path: Path, document: Any, sentence: str) -> None:
    assert refusal(tmp_path / "i.json", document) == f"{sentence}\nNothing was changed."


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"[]", "it must be a JSON object with the key organizations"),
        (b"null", "it must be a JSON object with the key organizations"),
        (b'"organizations"', "it must be a JSON object with the key organizations"),
        (b'{"organizations": [\xff]}', "it is not UTF-8 (byte 19)"),
        ('{"organizations": []}'.encode("utf-16"), "it is not UTF-8 (byte 0)"),
    ],
)
def test_a_document_that_is_none(tmp_path: Path, document: bytes, sentence: str) -> None:
    path = tmp_path / "i.json"
    assert refusal(path, document) == f"{path}: {sentence}. Nothing was changed."


@pytest.mark.parametrize(
    "document",
    [b"{", b'{"organizations": []', b"{}x", b"organizations: []", b"{'a': 1}", b'{"a": NaN}', b"[" * 100_000, b"\x00"],
)
def test_what_is_not_json(tmp_path: Path, document: bytes) -> None:
    path = tmp_path / "i.json"
    assert refusal(path, document).startswith(f"{path}: it is not JSON: ")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    for path, sentence in (
        (str(missing), f"{missing}: No such file or directory"),
        (str(tmp_path), f"{tmp_path}: Is a directory"),
        ("a\x00b", "FILE is no path: embedded null byte"),
    ):
        with pytest.raises(CommandError) as refused:
            call_command("load_inventory", path)
        assert str(refused.value) == sentence


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
    assert refusal(tmp_path / "i.json", document) == (
        f"organizations[0].{kind}[{len(entries) - 1}].{key}: repeats organizations[0].{kind}[0].{key}\n"
        "Nothing was changed."
    )


def test_an_id_repeats_in_either_case(tmp_path: Path) -> None:
    document = small_inventory(Ids())
    numbers = document["organizations"][0]["phone_numbers"]
    numbers[1]["id"] = numbers[0]["id"].upper()
    assert refusal(tmp_path / "i.json", document).splitlines()[0] == (
        "organizations[0].phone_numbers[1].id: repeats organizations[0].phone_numbers[0].id"
    )


def test_values_that_repeat_between_organizations(tmp_path: Path) -> None:
    ids = Ids()
    document = small_inventory(ids)
    first = document["organizations"][0]
    document["organizations"].append(
        {
            "id": first["id"],
            "name": "Globex",
            "slug": first["slug"],
            "brands": [first["brands"][0]],
            "phone_numbers": [dict(first["phone_numbers"][0], id=ids.third)],
        }
    )
    assert refusal(tmp_path / "i.json", document).splitlines() == [
        "organizations[1].id: repeats organizations[0].id",
        "organizations[1].slug: repeats organizations[0].slug",
        "organizations[1].brands[0].id: repeats organizations[0].brands[0].id",
        "organizations[1].phone_numbers[0].number: repeats organizations[0].phone_numbers[0].number",
        "Nothing was changed.",
    ]


@pytest.mark.parametrize("number", ["1234", "1234567", "02345", "+19195550100", "2276a", "", "٢٢٧٦٣"])
def test_a_short_code_has_five_or_six_digits(tmp_path: Path, number: str) -> None:
    document = small_inventory(Ids())
    _entry(document, NUMBER).update(number=number, number_type="short_code")
    assert refusal(tmp_path / "i.json", document).splitlines()[0] == (
        f"{NUMBER}.number: must be a short code of 5 or 6 digits"
    )


def test_a_number_that_is_available_has_no_campaign(tmp_path: Path) -> None:
    ids = Ids()
    document = small_inventory(ids)
    _entry(document, NUMBER).update(state="AVAILABLE", campaign_id=ids.one)
    assert refusal(tmp_path / "i.json", document).splitlines()[0] == (
        f"{NUMBER}.campaign_id: must be null: a number that is AVAILABLE has none"
    )


def test_the_first_twenty_problems_are_listed_in_order(tmp_path: Path) -> None:
    document = small_inventory(Ids())
    document["organizations"][0]["phone_numbers"] = [
        {"id": Ids().any, "number": "x", "number_type": "local", "state": "ASSIGNED"} for _ in range(21)
    ]
    lines = refusal(tmp_path / "i.json", document).splitlines()
    assert lines[:20] == [f"organizations[0].phone_numbers[{index}].number: must be E.164" for index in range(20)]
    assert lines[20:] == ["… and more; these are the first 20.", "Nothing was changed."]

    del document["organizations"][0]["phone_numbers"][20]
    lines = refusal(tmp_path / "i.json", document).splitlines()
    assert (len(lines), lines[-1]) == (21, "Nothing was changed.")


def test_the_place_is_counted_from_zero(tmp_path: Path) -> None:
    document = small_inventory(Ids())
    document["organizations"][0]["phone_numbers"] = [
        {"id": Ids().any, "number": f"+191955501{index:02}", "number_type": "local", "state": "ASSIGNED"}
        for index in range(20)
    ]
    document["organizations"][0]["phone_numbers"][17]["number"] = "919"
    assert refusal(tmp_path / "i.json", document) == (
        "organizations[0].phone_numbers[17].number: must be E.164\nNothing was changed."
    )


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    load_file(tmp_path / "i.json", b"\xef\xbb\xbf" + orjson.dumps(small_inventory(Ids())))
    assert len(all_rows()["numbers_phonenumber"]) == 2


@pytest.mark.parametrize("second", range(10))
def test_the_short_cut_for_north_america_agrees_with_the_library(second: int) -> None:
    for rest in ("195550100", "115550100", "005550100", "995550199", "000000000", "999999999"):
        number = f"+1{second}{rest}"
        assert is_e164(number) == is_possible_e164(number), number


@pytest.mark.parametrize(
    "number", ["+15555550100", "+19195550100", "+18005550100", "+447700900123", "+4915155501234", "+390612345678"]
)
def test_fictional_numbers_and_those_of_other_countries_are_taken(number: str) -> None:
    assert is_e164(number)
