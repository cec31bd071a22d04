"""What operators may do with campaigns."""

from django.db import migrations

from accounts.groups import grant


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_groups"),
        ("campaigns", "0002_brand_of_the_same_organization"),
    ]

    operations = [
        grant("campaigns", administrator=["add_campaign", "change_campaign"]),
    ]
