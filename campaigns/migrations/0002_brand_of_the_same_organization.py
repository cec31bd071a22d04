"""A campaign's brand belongs to the campaign's organization: a composite foreign key, which Django has no word for."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE campaigns_campaign
                ADD CONSTRAINT campaigns_campaign_brand_same_organization
                FOREIGN KEY (organization_id, brand_id) REFERENCES brands_brand (organization_id, id);
            """,
            "ALTER TABLE campaigns_campaign DROP CONSTRAINT campaigns_campaign_brand_same_organization;",
        ),
    ]
