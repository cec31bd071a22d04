"""Constraints, triggers and storage options that Django's models cannot express: `constraints.sql` beside this file."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("brands", "0001_initial"),
        ("campaigns", "0001_initial"),
        ("numbers", "0001_initial"),
        ("propagation", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(Path(__file__).with_name("constraints.sql").read_text(encoding="utf-8")),
    ]
