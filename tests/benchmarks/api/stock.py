"""The rows that the contestants work on, made inside PostgreSQL."""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

import psycopg

# The organization that attaches, and how many numbers it has.
NUMBERS = 200_000
# The one that lists. A list says how many there are in all; with 200,000 to count it would measure the count alone.
LISTED = 1_000
CAMPAIGNS = 200

_ORGANIZATIONS = "INSERT INTO accounts_organization (id, name, slug, created_at) VALUES (%s, %s, %s, now())"
_KEY = """
INSERT INTO accounts_apikey (id, organization_id, label, prefix, digest, scopes, created_at)
VALUES (gen_random_uuid(), %s, 'bench', %s, %s, '{numbers:read,numbers:write}', now())
"""
_BRAND = """
INSERT INTO brands_brand (id, organization_id, name, identity_status, created_at, updated_at)
VALUES (%s, %s, 'Bench', 'VERIFIED', now(), now())
"""
_CAMPAIGNS = """
INSERT INTO campaigns_campaign (id, organization_id, brand_id, name, usecase, description, status, carrier_status,
    number_pool, created_at, updated_at)
SELECT ('01980000-0000-7000-8001-' || lpad(to_hex(i), 12, '0'))::uuid, %s, %s, 'Campaign ' || i, 'CUSTOMER_CARE', '',
    'ACTIVE', 'APPROVED', true, now(), now()
FROM generate_series(0, %s - 1) i
"""
# Every number of the first organization is on campaign 0, and has the entry of history that says so.
_NUMBERS = """
INSERT INTO numbers_phonenumber (id, organization_id, number, number_type, state, label, inbound_url, campaign_id,
    carrier_line_option_status, sms_enabled, mms_enabled, created_at, updated_at)
SELECT ('01980000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, %(organization)s,
    '+1' || (2000000000 + i), 'local', 'ASSIGNED', 'Line ' || i, 'https://hooks.example.com/inbound',
    %(campaign)s::uuid, CASE WHEN %(campaign)s::uuid IS NULL THEN NULL ELSE 'propagated' END, true, true,
    now() - i * interval '1 second', now()
FROM generate_series(%(offset)s + 1, %(offset)s + %(count)s) i
"""
_HISTORY = """
INSERT INTO numbers_campaignattachment (id, organization_id, phone_number_id, campaign_id, actor_kind, actor_id,
    created_at, status, attempts)
SELECT id, organization_id, id, campaign_id, 'command', 'bench', created_at, 'propagated', 1
FROM numbers_phonenumber WHERE campaign_id IS NOT NULL
"""
_CURRENT = "UPDATE numbers_phonenumber SET current_attachment_id = id WHERE campaign_id IS NOT NULL"


@dataclass(frozen=True)
class Keys:
    """The keys of the two organizations."""

    attaching: str
    listing: str


def fill(connection: "psycopg.Connection[tuple[object, ...]]") -> Keys:
    """Makes the rows in an empty, migrated database. The connection is in autocommit."""
    keys = []
    for index, name in enumerate(("attaching", "listing")):
        organization = f"01980000-0000-7000-8002-{index:012x}"
        connection.execute(_ORGANIZATIONS, [organization, name, name])
        key = _new_key()
        connection.execute(_KEY, [organization, key[:16], _digest(key)])
        keys.append(key)
    attaching, listing = (f"01980000-0000-7000-8002-{index:012x}" for index in range(2))
    brand = "01980000-0000-7000-8003-000000000000"
    connection.execute(_BRAND, [brand, attaching])
    connection.execute(_CAMPAIGNS, [attaching, brand, CAMPAIGNS])
    campaign = "01980000-0000-7000-8001-000000000000"
    for organization, on, offset, count in ((attaching, campaign, 0, NUMBERS), (listing, None, NUMBERS, LISTED)):
        connection.execute(_NUMBERS, {"organization": organization, "campaign": on, "offset": offset, "count": count})
    connection.execute(_HISTORY)
    connection.execute(_CURRENT)
    connection.execute("VACUUM (FREEZE, ANALYZE)")
    return Keys(*keys)


def fill_lean(connection: "psycopg.Connection[tuple[object, ...]]") -> Keys:
    """Make the same rows in an empty database, in the tables of the floor and the peer."""
    keys = [_new_key(), _new_key()]
    values = {
        "numbers": NUMBERS,
        "listed": LISTED,
        "campaigns": CAMPAIGNS,
        "digests": [_digest(key) for key in keys],
    }
    psycopg.ClientCursor(connection).execute(Path(__file__).with_name("lean.sql").read_bytes(), values)
    connection.execute("VACUUM (FREEZE, ANALYZE)")
    return Keys(*keys)


def _new_key() -> str:
    # In the service's form. Its own function needs Django.
    return f"am_live_{secrets.token_hex(22)[:43]}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
