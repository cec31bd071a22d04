"""What operators may do with phone numbers. Attach, detach, retry and release change a number."""

from django.db import migrations

from accounts.groups import grant


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_groups"),
        ("numbers", "0005_indexes_that_pay"),
    ]

    operations = [
        grant("numbers", operator=["change_phonenumber"], administrator=["add_phonenumber"]),
    ]
