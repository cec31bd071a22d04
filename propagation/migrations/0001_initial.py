"""Carrier orders and rate limits."""

import django.db.models.deletion
from django.db import migrations, models

import agentmessage.ids
from accounts.groups import grant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("campaigns", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CarrierRateLimit",
            fields=[
                ("carrier", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("next_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="CarrierOrder",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("carrier", models.CharField(max_length=20)),
                ("action", models.CharField(choices=[("attach", "attach"), ("detach", "detach")], max_length=6)),
                ("carrier_order_id", models.CharField(max_length=64, null=True)),
                ("created_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("next_poll_at", models.DateTimeField(null=True)),
                ("is_leased", models.BooleanField(db_default=True, default=True)),
                ("has_news", models.BooleanField(db_default=False, default=False)),
                ("ended_at", models.DateTimeField(null=True)),
                ("succeeded", models.PositiveIntegerField(db_default=0, default=0)),
                ("failed", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="campaigns.campaign",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        models.F("carrier"),
                        models.F("next_poll_at"),
                        models.F("id"),
                        condition=models.Q(("ended_at__isnull", True)),
                        name="propagation_order_open",
                    ),
                    models.Index(
                        models.F("ended_at"),
                        condition=models.Q(("ended_at__isnull", False)),
                        name="propagation_order_ended",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "id"), name="propagation_carrierorder_organization_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("action", "attach"), ("campaign__isnull", False)),
                            models.Q(("action", "detach"), ("campaign__isnull", True)),
                            _connector="OR",
                        ),
                        name="propagation_carrierorder_action_campaign",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("next_poll_at__isnull", False)),
                            models.Q(("ended_at__isnull", False), ("next_poll_at__isnull", True)),
                            _connector="OR",
                        ),
                        name="propagation_carrierorder_open_or_ended",
                    ),
                ],
            },
        ),
        grant("propagation"),
    ]
