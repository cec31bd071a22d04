-- The least that an attach needs: the tables of the floor and of the peer, with only the indexes that their statements
-- use. %(numbers)s numbers of one organization and %(listed)s of another, with the IDs that load.lua asks for.
CREATE TABLE organization (id uuid PRIMARY KEY);
CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    digest text NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    revoked_at timestamptz
);
CREATE TABLE brand (id uuid PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organization, status text NOT NULL);
CREATE TABLE campaign (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    brand_id uuid NOT NULL REFERENCES brand,
    status text NOT NULL
);
CREATE TABLE phone_number (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organization,
    number text NOT NULL UNIQUE,
    number_type text NOT NULL,
    inbound_url text,
    status_url text,
    label text,
    campaign_id uuid REFERENCES campaign,
    carrier_line_option_status text,
    carrier_line_option_propagated_at timestamptz,
    sms_enabled boolean NOT NULL,
    mms_enabled boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ON phone_number (campaign_id);
CREATE INDEX ON phone_number (organization_id, created_at, id);
CREATE TABLE attachment (
    id uuid PRIMARY KEY,
    phone_number_id uuid NOT NULL REFERENCES phone_number,
    campaign_id uuid,
    previous_campaign_id uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO organization
SELECT ('01980000-0000-7000-8002-' || lpad(to_hex(i), 12, '0'))::uuid FROM generate_series(0, 1) i;
INSERT INTO api_key
SELECT gen_random_uuid(), ('01980000-0000-7000-8002-' || lpad(to_hex(i), 12, '0'))::uuid,
    encode((%(digests)s::bytea[])[i + 1], 'hex'), '{numbers:read,numbers:write}'
FROM generate_series(0, 1) i;
INSERT INTO brand SELECT '01980000-0000-7000-8003-000000000000', '01980000-0000-7000-8002-000000000000', 'VERIFIED';
INSERT INTO campaign
SELECT ('01980000-0000-7000-8001-' || lpad(to_hex(i), 12, '0'))::uuid, organization_id, id, 'ACTIVE'
FROM brand, generate_series(0, %(campaigns)s - 1) i;
INSERT INTO phone_number
SELECT ('01980000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
    ('01980000-0000-7000-8002-' || lpad(to_hex((i > %(numbers)s)::integer), 12, '0'))::uuid,
    '+1' || (2000000000 + i), 'local', 'https://hooks.example.com/inbound', NULL, 'Line ' || i,
    CASE WHEN i <= %(numbers)s THEN '01980000-0000-7000-8001-000000000000'::uuid END,
    CASE WHEN i <= %(numbers)s THEN 'propagated' END, NULL, true, true, now() - i * interval '1 second', now()
FROM generate_series(1, %(numbers)s + %(listed)s) i;
