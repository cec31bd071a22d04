"""The document's rows in temporary tables beside the real ones: SQL does the rest, set by set."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from agentmessage.ids import uuid7
from inventory.document import Inventory, Row
from inventory.kinds import ALL, PHONE_NUMBERS
from inventory.progress import REPORT_EVERY, Report, Stage

_TABLES = """
CREATE TEMPORARY TABLE inventory_organizations (
    position integer, organization_index integer, entry_index integer, organization_id uuid,
    id uuid, name text, slug text
);
CREATE TEMPORARY TABLE inventory_brands (
    position integer, organization_index integer, entry_index integer, organization_id uuid,
    id uuid, name text, identity_status text, tcr_brand_id text,
    identity_status_given boolean, tcr_brand_id_given boolean
);
CREATE TEMPORARY TABLE inventory_campaigns (
    position integer, organization_index integer, entry_index integer, organization_id uuid,
    id uuid, brand_id uuid, name text, usecase text, status text, tcr_campaign_id text, carrier_status text,
    tcr_campaign_id_given boolean, carrier_status_given boolean
);
-- `attachment_id` is the id of the number's entry of history, should it need one.
CREATE TEMPORARY TABLE inventory_phone_numbers (
    position integer, organization_index integer, entry_index integer, organization_id uuid,
    id uuid, number text, number_type text, state text, label text, inbound_url text, status_url text, campaign_id uuid,
    label_given boolean, inbound_url_given boolean, status_url_given boolean, campaign_id_given boolean,
    attachment_id uuid
);
"""
# Autovacuum does not see temporary tables.
_ANALYZE = "ANALYZE inventory_organizations, inventory_brands, inventory_campaigns, inventory_phone_numbers"
_DROP = "DROP TABLE inventory_organizations, inventory_brands, inventory_campaigns, inventory_phone_numbers"


def stage(cursor: CursorWrapper, inventory: Inventory, *, report: Report) -> None:
    """Makes the temporary tables and copies the rows into them. The lists of `inventory` are empty afterwards."""
    cursor.execute(_TABLES)
    for kind in ALL:
        rows = inventory[kind.name]
        columns = ("position", *kind.columns)
        lines = _lines(rows, report=report if kind is PHONE_NUMBERS else None)
        if kind is PHONE_NUMBERS:
            columns = (*columns, "attachment_id")
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(f"inventory_{kind.name}"), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with connection.wrap_database_errors, cursor.copy(statement) as copy:
            for line in lines:
                copy.write_row(line)
        rows.clear()
    cursor.execute(_ANALYZE)


def unstage(cursor: CursorWrapper) -> None:
    """Drops the temporary tables. After a refusal there is no need: they went with the transaction."""
    cursor.execute(_DROP)


def _lines(rows: list[Row], *, report: Report | None) -> Iterator[tuple[Any, ...]]:
    total = len(rows)
    for position, row in enumerate(rows):
        if report is None:
            yield (position, *row)
        else:
            if position % REPORT_EVERY == 0:
                report(Stage.COPYING, position, total)
            yield (position, *row, uuid7())
