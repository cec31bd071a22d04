"""`manage.py load_inventory`: its summary, and loads of thousands of numbers."""

import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from accounts.actors import Actor
from accounts.models import Organization
from inventory.load import load_inventory
from inventory.merge import Counts
from inventory.staging import Stage
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.inventories import (
    Ids,
    all_rows,
    load,
    load_file,
    small_inventory,
    with_first_number,
)

pytestmark = pytest.mark.django_db


def test_the_summary_goes_to_standard_error(tmp_path: Path, ids: Ids) -> None:
    document = with_first_number(small_inventory(ids), campaign_id=ids.one)
    assert load_file(tmp_path / "i.json", document) == (
        "                  created   updated unchanged\n"
        "organizations           1         0         0\n"
        "brands                  1         0         0\n"
        "campaigns               2         0         0\n"
        "phone numbers           2         0         0\n"
        "1 attached to a campaign, 0 detached\n"
    )
    assert CampaignAttachment.objects.get().actor_id == "load_inventory"
    assert load_file(tmp_path / "i.json", with_first_number(document, campaign_id=None, label="x")) == (
        "                  created   updated unchanged\n"
        "organizations           0         0         1\n"
        "brands                  0         0         1\n"
        "campaigns               0         0         2\n"
        "phone numbers           0         1         1\n"
        "0 attached to a campaign, 1 detached\n"
    )


def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch, ids: Ids) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(orjson.dumps(small_inventory(ids)))))
    call_command("load_inventory", "-", verbosity=0)
    assert PhoneNumber.objects.count() == 2


def many_numbers(ids: Ids, count: int) -> dict[str, Any]:
    """Return a document with so many numbers, half of them on each campaign."""
    document = small_inventory(ids)
    document["organizations"][0]["phone_numbers"] = [
        {
            "id": Ids().any,
            "number": f"+1919{2_000_000 + index}",
            "number_type": "local",
            "state": "ASSIGNED",
            "label": f"Line {index}",
            "inbound_url": f"https://hooks.example.com/{index}",
            "campaign_id": ids.one if index % 2 else ids.two,
        }
        for index in range(count)
    ]
    return document


def test_five_thousand_numbers(ids: Ids) -> None:
    document = many_numbers(ids, 5_000)
    reports: list[tuple[Stage, int, int]] = []

    with CaptureQueriesContext(connection) as captured:
        counts = load_inventory(
            document=orjson.dumps(document),
            actor=Actor.for_command("load_inventory"),
            report=lambda stage, done, total: reports.append((stage, done, total)),
        )

    assert len(captured) < 100, "Not a statement for each number."
    assert (counts.phone_numbers, counts.attached) == (Counts(5_000, 0, 0), 5_000)
    assert PhoneNumber.objects.filter(campaign_id=ids.one).count() == 2_500
    assert reports[0] == (Stage.READING, 0, 0)
    assert (Stage.COPYING, 3_000, 5_000) in reports
    assert reports[-1] == (Stage.WRITING, 0, 0)
    before = all_rows()
    assert load(document).phone_numbers == Counts(0, 0, 5_000)
    assert all_rows() == before


def test_the_statements_do_not_grow_with_the_document(
    ids: Ids, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    two = many_numbers(ids, 2)
    for index, entry in enumerate(two["organizations"][0]["phone_numbers"]):
        entry["number"] = f"+1919555010{index}"
    with CaptureQueriesContext(connection) as few:
        load(two)
    Organization.objects.filter(slug="acme").update(slug="other")
    # Beyond a thousand changes the tables are analyzed.
    with django_assert_num_queries(len(few) + 1):
        load(many_numbers(Ids(), 3_000))


def test_an_empty_document_says_so(tmp_path: Path, ids: Ids) -> None:
    assert load_file(tmp_path / "i.json", {"organizations": []}).splitlines()[-1] == (
        "The document has no organizations, so there was nothing to load."
    )
