"""Carrier orders, rate limits and readings."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import agentmessage.ids
from accounts.groups import grant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("campaigns", "0001_initial"),
        ("numbers", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CarrierRateLimit",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("next_at", models.DateTimeField()),
                ("paused_until", models.DateTimeField(null=True)),
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
                        fields=["carrier", "next_poll_at", "id"],
                        condition=models.Q(("ended_at__isnull", True)),
                        name="propagation_order_open",
                    ),
                    models.Index(
                        fields=["carrier_order_id"],
                        condition=models.Q(("carrier_order_id__isnull", False)),
                        name="propagation_order_of_carrier",
                    ),
                    models.Index(
                        fields=["ended_at"],
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
        migrations.CreateModel(
            name="CarrierReading",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("carrier", models.CharField(max_length=20)),
                (
                    "subject",
                    models.CharField(
                        choices=[("numbers", "Numbers"), ("campaigns", "Campaigns"), ("news", "News")], max_length=9
                    ),
                ),
                ("is_dry_run", models.BooleanField(default=False)),
                ("started_at", models.DateTimeField(db_default=Now())),
                ("position", models.PositiveBigIntegerField(default=0, null=True)),
                ("last_id", models.UUIDField(null=True)),
                ("is_second_pass", models.BooleanField(default=False)),
                ("read_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("skipped", models.PositiveIntegerField(default=0)),
                ("unreadable", models.PositiveIntegerField(default=0)),
                ("compared", models.PositiveIntegerField(default=0)),
                ("drifted", models.PositiveIntegerField(default=0)),
                ("left", models.PositiveIntegerField(default=0)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["-started_at"],
            },
        ),
        migrations.CreateModel(
            name="CarrierAnswer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("answer", models.CharField(max_length=64, null=True)),
                ("networks", models.JSONField(db_default={}, default=dict)),
                ("is_known", models.BooleanField(default=True)),
                ("is_corrected", models.BooleanField(db_default=False, default=False)),
                ("asked_at", models.DateTimeField()),
                (
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="campaigns.campaign",
                    ),
                ),
                (
                    "phone_number",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="numbers.phonenumber",
                    ),
                ),
                (
                    "reading",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="answers",
                        to="propagation.carrierreading",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="carrierreading",
            index=models.Index(fields=["subject", "-started_at"], name="propagation_reading_newest"),
        ),
        migrations.AddConstraint(
            model_name="carrieranswer",
            constraint=models.UniqueConstraint(fields=("reading", "phone_number"), name="propagation_answer_number"),
        ),
        migrations.AddConstraint(
            model_name="carrieranswer",
            constraint=models.UniqueConstraint(fields=("reading", "campaign"), name="propagation_answer_campaign"),
        ),
        grant("propagation"),
    ]
