"""Indexes for every list, and for a search in numbers and labels."""

import django.contrib.postgres.indexes
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_throttle_window"),
        ("campaigns", "0002_brand_of_the_same_organization"),
        ("numbers", "0002_tenancy_and_history"),
    ]

    operations = [
        # A trusted extension: the database's owner may create it.
        TrigramExtension(),
        migrations.AddIndex(
            model_name="phonenumber",
            index=models.Index(
                models.F("organization"),
                models.F("number_type"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("state", "ASSIGNED"), models.Q(("number_type", "local"), _negated=True)),
                name="numbers_phonenumber_type",
            ),
        ),
        migrations.AddIndex(
            model_name="phonenumber",
            index=models.Index(
                models.F("organization"),
                models.F("carrier_line_option_status"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("carrier_line_option_status__isnull", False), ("state", "ASSIGNED")),
                name="numbers_phonenumber_status",
            ),
        ),
        migrations.AddIndex(
            model_name="phonenumber",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    django.db.models.functions.text.Upper(
                        django.db.models.functions.text.Concat(
                            models.F("number"),
                            models.Value("\n"),
                            django.db.models.functions.comparison.Coalesce(models.F("label"), models.Value("")),
                            output_field=models.TextField(),
                        )
                    ),
                    name="gin_trgm_ops",
                ),
                name="numbers_phonenumber_search",
            ),
        ),
    ]
