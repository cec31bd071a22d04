"""Pages of carriers' lists, and files that operators upload."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import agentmessage.ids
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
        migrations.CreateModel(
            name="InventoryImport",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("choosing", "Choosing"),
                            ("previewing", "Previewing"),
                            ("previewed", "Previewed"),
                            ("running", "Running"),
                            ("stopped", "stopped after errors"),
                            ("finished", "Finished"),
                        ],
                        default="choosing",
                        max_length=10,
                    ),
                ),
                ("rows_total", models.PositiveIntegerField(default=0)),
                ("rows_done", models.PositiveIntegerField(default=0)),
                ("errors", models.PositiveSmallIntegerField(default=0)),
                ("request_id", models.CharField(max_length=26, null=True)),
                ("reason", models.CharField(max_length=500, null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("file_name", models.CharField(max_length=255, verbose_name="file")),
                ("document", models.BinaryField()),
                ("digest", models.CharField(default="", max_length=64)),
                ("counts", models.JSONField(default=dict)),
                ("problem", models.TextField(default="")),
                ("is_outdated", models.BooleanField(default=False)),
                (
                    "operator",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "import", "ordering": ["-id"], "abstract": False},
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("is_refused", models.BooleanField()),
                ("place", models.TextField()),
                ("name", models.TextField(default="")),
                ("message", models.TextField()),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="inventory.inventoryimport",
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
        grant("inventory", administrator=["add_inventoryimport"]),
    ]
