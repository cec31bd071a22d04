"""The counter, and what Django's models cannot express for all apps: `constraints.sql` beside this file."""

from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("admin", "0001_initial"),
        ("brands", "0001_initial"),
        ("campaigns", "0001_initial"),
        ("numbers", "0001_initial"),
        ("propagation", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Counter",
            fields=[
                ("subject", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("hits", models.BigIntegerField()),
                ("ends_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["ends_at"], name="agentmessage_counter_ends_at")],
            },
        ),
        migrations.RunSQL(Path(__file__).with_name("constraints.sql").read_text(encoding="utf-8")),
    ]
