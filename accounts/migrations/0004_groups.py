"""The operators' groups."""

from django.db import migrations

from accounts.groups import grant


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_delete_throttle_window"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        grant("auth"),
        grant(
            "accounts",
            administrator=[
                "add_organization",
                "change_organization",
                "add_apikey",
                "change_apikey",
                "add_operator",
                "change_operator",
            ],
        ),
    ]
