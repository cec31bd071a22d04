"""What must never be and Django has no word for: another tenant's campaign on a number, and history that changes."""

from django.db import migrations

SAME_ORGANIZATION = """
ALTER TABLE numbers_phonenumber
    ADD CONSTRAINT numbers_phonenumber_campaign_same_organization
    FOREIGN KEY (organization_id, campaign_id) REFERENCES campaigns_campaign (organization_id, id);

-- The current attachment is one of this very number.
ALTER TABLE numbers_phonenumber
    ADD CONSTRAINT numbers_phonenumber_current_attachment_its_own
    FOREIGN KEY (id, current_attachment_id) REFERENCES numbers_campaignattachment (phone_number_id, id);

ALTER TABLE numbers_campaignattachment
    ADD CONSTRAINT numbers_campaignattachment_campaign_same_organization
    FOREIGN KEY (organization_id, campaign_id) REFERENCES campaigns_campaign (organization_id, id),
    ADD CONSTRAINT numbers_campaignattachment_previous_same_organization
    FOREIGN KEY (organization_id, previous_campaign_id) REFERENCES campaigns_campaign (organization_id, id);
"""

NOT_SAME_ORGANIZATION = """
ALTER TABLE numbers_campaignattachment
    DROP CONSTRAINT numbers_campaignattachment_previous_same_organization,
    DROP CONSTRAINT numbers_campaignattachment_campaign_same_organization;
ALTER TABLE numbers_phonenumber
    DROP CONSTRAINT numbers_phonenumber_current_attachment_its_own,
    DROP CONSTRAINT numbers_phonenumber_campaign_same_organization;
"""

# The carrier's side of a row (status, attempts, ...) is written as it comes about; the columns named here are history.
APPEND_ONLY = """
CREATE FUNCTION numbers_campaignattachment_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only: % on numbers_campaignattachment', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'numbers_campaignattachment_append_only',
              TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
END
$$;

CREATE TRIGGER numbers_campaignattachment_no_update
    BEFORE UPDATE ON numbers_campaignattachment
    FOR EACH ROW
    WHEN (
        (OLD.id, OLD.organization_id, OLD.phone_number_id, OLD.campaign_id, OLD.previous_campaign_id,
         OLD.actor_kind, OLD.actor_id, OLD.request_id, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.organization_id, NEW.phone_number_id, NEW.campaign_id, NEW.previous_campaign_id,
         NEW.actor_kind, NEW.actor_id, NEW.request_id, NEW.created_at)
    )
    EXECUTE FUNCTION numbers_campaignattachment_append_only();

CREATE TRIGGER numbers_campaignattachment_no_delete
    BEFORE DELETE ON numbers_campaignattachment
    FOR EACH ROW EXECUTE FUNCTION numbers_campaignattachment_append_only();

CREATE TRIGGER numbers_campaignattachment_no_truncate
    BEFORE TRUNCATE ON numbers_campaignattachment
    FOR EACH STATEMENT EXECUTE FUNCTION numbers_campaignattachment_append_only();
"""

NOT_APPEND_ONLY = """
DROP TRIGGER numbers_campaignattachment_no_truncate ON numbers_campaignattachment;
DROP TRIGGER numbers_campaignattachment_no_delete ON numbers_campaignattachment;
DROP TRIGGER numbers_campaignattachment_no_update ON numbers_campaignattachment;
DROP FUNCTION numbers_campaignattachment_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("numbers", "0001_initial"), ("campaigns", "0002_brand_of_the_same_organization")]

    operations = [
        migrations.RunSQL(SAME_ORGANIZATION, NOT_SAME_ORGANIZATION),
        migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY),
    ]
