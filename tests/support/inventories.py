"""Inventory documents for tests, and what a load leaves in the database."""

from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from django.core.management import call_command
from django.db import connection

from accounts.actors import Actor
from inventory.load import load_inventory
from inventory.merge import InventoryCounts

TABLES = (
    "accounts_organization",
    "brands_brand",
    "campaigns_campaign",
    "numbers_phonenumber",
    "numbers_campaignattachment",
)
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
