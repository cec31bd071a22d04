"""Pages of carriers' lists."""

from django.db import migrations, models

from accounts.groups import grant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CarrierPage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("carrier", models.CharField(max_length=20)),
                (
                    "listing",
                    models.CharField(choices=[("assignments", "Assignments"), ("numbers", "Numbers")], max_length=11),
                ),
                ("position", models.PositiveBigIntegerField()),
                ("next_position", models.PositiveBigIntegerField(null=True)),
                ("records", models.JSONField()),
                ("unreadable", models.PositiveIntegerField()),
                ("total", models.PositiveIntegerField()),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("carrier", "listing", "position"), name="inventory_carrierpage_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StagedPhoneNumber",
            fields=[
                ("position", models.IntegerField(primary_key=True, serialize=False)),
                ("organization_index", models.IntegerField()),
                ("entry_index", models.IntegerField()),
                ("number_type", models.TextField()),
                ("carrier", models.TextField(null=True)),
                ("propagated", models.BooleanField()),
            ],
            options={"db_table": "inventory_phone_numbers", "managed": False, "default_permissions": ()},
        ),
        grant("inventory"),
    ]
