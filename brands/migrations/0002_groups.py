"""What operators may do with brands."""

from django.db import migrations

from accounts.groups import grant


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_groups"),
        ("brands", "0001_initial"),
    ]

    operations = [
        grant("brands", administrator=["add_brand", "change_brand"]),
    ]
