"""Organizations, brands and campaigns, from the temporary tables into their own.

An UPDATE of rows that are there and differ, then an INSERT of those that are not. Not one ON CONFLICT: a row that
appears in between belongs to someone else, and has to stop the load instead of being taken over.
"""

from datetime import datetime

from django.db.backends.utils import CursorWrapper

from campaigns.models import CarrierStatus
from inventory.counts import Counts

_UPDATE_ORGANIZATIONS = """
UPDATE accounts_organization o
SET name = s.name, slug = s.slug
FROM inventory_organizations s
WHERE o.id = s.id AND (o.name, o.slug) IS DISTINCT FROM (s.name, s.slug)
"""
_INSERT_ORGANIZATIONS = """
INSERT INTO accounts_organization (id, name, slug, created_at)
SELECT s.id, s.name, s.slug, %(now)s::timestamptz + s.position * interval '1 microsecond'
FROM inventory_organizations s
WHERE NOT EXISTS (SELECT FROM accounts_organization o WHERE o.id = s.id)
"""

_UPDATE_BRANDS = """
UPDATE brands_brand b
SET name = s.name,
    identity_status = CASE WHEN s.identity_status_given THEN s.identity_status ELSE b.identity_status END,
    tcr_brand_id = CASE WHEN s.tcr_brand_id_given THEN s.tcr_brand_id ELSE b.tcr_brand_id END,
    updated_at = %(now)s
FROM inventory_brands s
WHERE b.id = s.id AND b.organization_id = s.organization_id
    AND (
        b.name <> s.name
        OR s.identity_status_given AND b.identity_status IS DISTINCT FROM s.identity_status
        OR s.tcr_brand_id_given AND b.tcr_brand_id IS DISTINCT FROM s.tcr_brand_id
    )
"""
_INSERT_BRANDS = """
INSERT INTO brands_brand (id, organization_id, name, identity_status, tcr_brand_id, created_at, updated_at)
SELECT s.id, s.organization_id, s.name, s.identity_status, s.tcr_brand_id,
    %(now)s::timestamptz + s.position * interval '1 microsecond', %(now)s
FROM inventory_brands s
WHERE NOT EXISTS (SELECT FROM brands_brand b WHERE b.id = s.id)
"""

_UPDATE_CAMPAIGNS = """
UPDATE campaigns_campaign c
SET brand_id = s.brand_id, name = s.name, usecase = s.usecase, status = s.status,
    tcr_campaign_id = CASE WHEN s.tcr_campaign_id_given THEN s.tcr_campaign_id ELSE c.tcr_campaign_id END,
    carrier_status = CASE WHEN s.carrier_status_given THEN s.carrier_status ELSE c.carrier_status END,
    updated_at = %(now)s
FROM inventory_campaigns s
WHERE c.id = s.id AND c.organization_id = s.organization_id
    AND (
        (c.brand_id, c.name, c.usecase, c.status) IS DISTINCT FROM (s.brand_id, s.name, s.usecase, s.status)
        OR s.tcr_campaign_id_given AND c.tcr_campaign_id IS DISTINCT FROM s.tcr_campaign_id
        OR s.carrier_status_given AND c.carrier_status <> s.carrier_status
    )
"""
_INSERT_CAMPAIGNS = """
INSERT INTO campaigns_campaign (
    id, organization_id, brand_id, name, usecase, description, tcr_campaign_id, status, carrier_status,
    created_at, updated_at
)
SELECT s.id, s.organization_id, s.brand_id, s.name, s.usecase, '', s.tcr_campaign_id, s.status,
    CASE WHEN s.carrier_status_given THEN s.carrier_status ELSE %(approved)s END,
    %(now)s::timestamptz + s.position * interval '1 microsecond', %(now)s
FROM inventory_campaigns s
WHERE NOT EXISTS (SELECT FROM campaigns_campaign c WHERE c.id = s.id)
"""


def merge_organizations(cursor: CursorWrapper, *, now: datetime, total: int) -> Counts:
    """Writes the staged organizations, of which there are `total`."""
    return _merge(cursor, _UPDATE_ORGANIZATIONS, _INSERT_ORGANIZATIONS, now=now, total=total)


def merge_brands(cursor: CursorWrapper, *, now: datetime, total: int) -> Counts:
    """Writes the staged brands."""
    return _merge(cursor, _UPDATE_BRANDS, _INSERT_BRANDS, now=now, total=total)


def merge_campaigns(cursor: CursorWrapper, *, now: datetime, total: int) -> Counts:
    """Writes the staged campaigns."""
    return _merge(cursor, _UPDATE_CAMPAIGNS, _INSERT_CAMPAIGNS, now=now, total=total)


def _merge(cursor: CursorWrapper, update: str, insert: str, *, now: datetime, total: int) -> Counts:
    parameters: dict[str, datetime | str] = {"now": now, "approved": CarrierStatus.APPROVED.value}
    cursor.execute(update, parameters)
    updated = cursor.rowcount
    cursor.execute(insert, parameters)
    created = cursor.rowcount
    return Counts(created=created, updated=updated, unchanged=total - created - updated)
