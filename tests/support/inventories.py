"""Inventory documents for tests, and what a load leaves in the database."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import orjson
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.actors import Actor
from agentmessage.db.session import database_now
from inventory.load import load_inventory
from inventory.merge import InventoryCounts
from inventory.reading import InventoryRefused
from phone_numbers.models import CampaignAttachment

TABLES = (
    "accounts_organization",
    "brands_brand",
    "campaigns_campaign",
    "numbers_phonenumber",
    "numbers_campaignattachment",
)
# Later than the rows that fixtures make.
TOMORROW = datetime.now(UTC) + timedelta(days=1)
NOTHING: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}


class Ids:
    """New ids under short names: the same name gives the same id."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def __getattr__(self, name: str) -> str:
        return self._ids.setdefault(name, str(uuid4()))


def small_inventory(ids: Ids) -> dict[str, Any]:
    """One organization with a brand, two campaigns and two numbers, every optional key left out."""
    return {
        "organizations": [
            {
                "id": ids.acme,
                "name": "Acme",
                "slug": "acme",
                "brands": [{"id": ids.brand, "name": "Acme", "identity_status": "VERIFIED"}],
                "campaigns": [
                    {"id": ids.one, "brand_id": ids.brand, "name": "One", "usecase": "MIXED", "status": "ACTIVE"},
                    {"id": ids.two, "brand_id": ids.brand, "name": "Two", "usecase": "2FA", "status": "EXPIRED"},
                ],
                "phone_numbers": [
                    {"id": ids.first, "number": "+15555550100", "number_type": "local", "state": "ASSIGNED"},
                    {"id": ids.second, "number": "+19195550100", "number_type": "local", "state": "ASSIGNED"},
                ],
            }
        ]
    }


def load(document: Any) -> InventoryCounts:
    """Loads a document through the service."""
    return load_inventory(document=orjson.dumps(document), actor=Actor.for_command("load_inventory"))


def load_file(path: Path, document: Any) -> str:
    """Loads a document through the command; returns what went to standard error. Standard output stays empty."""
    path.write_bytes(document if isinstance(document, bytes) else orjson.dumps(document))
    out, err = StringIO(), StringIO()
    call_command("load_inventory", str(path), stdout=out, stderr=err)
    assert out.getvalue() == ""
    return err.getvalue()


def all_rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row that a load can touch, with the place where it is stored: an UPDATE that changes nothing shows too."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT t.ctid::text, t.xmin::text, t.* FROM {table} t ORDER BY id")
            rows[table] = cursor.fetchall()
    return rows


class During:
    """Equal to the times of the `with` statement by the database's clock. Meanwhile this machine's is a day ahead."""

    def __enter__(self) -> Self:
        self._first = database_now()
        self._travel = time_machine.travel(TOMORROW, tick=False)
        self._travel.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._travel.stop()
        self._last = database_now()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime) and self._first <= other <= self._last

    __hash__ = None  # type: ignore[assignment]  # It equals many times.


def first_number(document: dict[str, Any]) -> dict[str, Any]:
    """The first number of a document, to be changed."""
    number: dict[str, Any] = document["organizations"][0]["phone_numbers"][0]
    return number


def row(model: Any, row_id: str) -> dict[str, Any]:
    """One row, by column."""
    found: dict[str, Any] = model.objects.filter(id=row_id).values().get()
    return found


def history(number_id: str) -> list[tuple[UUID | None, UUID | None]]:
    """The moves of a number, oldest first: from which campaign to which."""
    return list(
        CampaignAttachment.objects.filter(phone_number_id=UUID(number_id))
        .order_by("created_at", "id")
        .values_list("previous_campaign_id", "campaign_id")
    )


def with_first_number(document: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Change the first number of the document, and return the document."""
    first_number(document).update(keys)
    return document


def refused_load(document: dict[str, Any]) -> dict[str, str]:
    """The problems of a document that is refused, which has changed nothing."""
    before = all_rows()
    with pytest.raises(InventoryRefused) as refused:
        load(document)
    assert all_rows() == before
    assert refused.value.details is not None
    return refused.value.details


def refused_file(path: Path, document: Any) -> str:
    """The message about a file that is refused, which has changed nothing."""
    before = all_rows()
    with pytest.raises(CommandError) as refused:
        load_file(path, document)
    assert refused.value.returncode == 1
    assert all_rows() == before
    return str(refused.value)
