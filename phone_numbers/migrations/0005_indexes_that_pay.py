"""Fewer indexes to write at an attach, and a search that does not grow with other tenants' numbers (docs/adr/0015)."""

import django.contrib.postgres.indexes
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.contrib.postgres.operations import BtreeGinExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("numbers", "0004_carrier_orders")]

    operations = [
        # Drops the unique constraint and the second index that Django makes beside it, for prefixes.
        migrations.AlterField(
            model_name="phonenumber",
            name="number",
            field=models.CharField(help_text="E.164, or the digits of a short code", max_length=16),
        ),
        # One index that does both.
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.UniqueConstraint(
                fields=("number",), name="numbers_phonenumber_number_key", opclasses=["varchar_pattern_ops"]
            ),
        ),
        # Nothing looks history up by it.
        migrations.RemoveConstraint(model_name="campaignattachment", name="numbers_campaignattachment_organization_id"),
        # A trusted extension: the database's owner may create it.
        BtreeGinExtension(),
        migrations.AddIndex(
            model_name="phonenumber",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("organization"),
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
                name="numbers_phonenumber_find",
            ),
        ),
        migrations.RemoveIndex(model_name="phonenumber", name="numbers_phonenumber_search"),
    ]
