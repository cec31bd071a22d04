"""Orders to the carrier, and the budget of requests that all workers share."""

import django.db.models.deletion
from django.db import migrations, models

import agentmessage.ids

SAME_ORGANIZATION = """
ALTER TABLE numbers_carrierorder
    ADD CONSTRAINT numbers_carrierorder_campaign_same_organization
    FOREIGN KEY (organization_id, campaign_id) REFERENCES campaigns_campaign (organization_id, id);
"""
NOT_SAME_ORGANIZATION = """
ALTER TABLE numbers_carrierorder DROP CONSTRAINT numbers_carrierorder_campaign_same_organization;
"""
# After a crash of the database the budget starts anew, which costs a second's worth of requests at most.
UNLOGGED = "ALTER TABLE numbers_carrierbudget SET UNLOGGED"
LOGGED = "ALTER TABLE numbers_carrierbudget SET LOGGED"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_throttle_window"),
        ("campaigns", "0002_brand_of_the_same_organization"),
        ("numbers", "0003_lists_and_search"),
    ]

    operations = [
        migrations.CreateModel(
            name="CarrierBudget",
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
                ("next_look_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("succeeded", models.PositiveIntegerField(db_default=0, default=0)),
                ("failed", models.PositiveIntegerField(db_default=0, default=0)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="campaignattachment",
            name="numbers_campaignattachment_actor_kind_known",
        ),
        migrations.RemoveConstraint(
            model_name="campaignattachment",
            name="numbers_campaignattachment_says_something",
        ),
        migrations.RemoveField(
            model_name="campaignattachment",
            name="order_id",
        ),
        migrations.AlterField(
            model_name="campaignattachment",
            name="actor_kind",
            field=models.CharField(
                choices=[
                    ("api_key", "Api Key"),
                    ("operator", "Operator"),
                    ("command", "Command"),
                    ("worker", "Worker"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="carrierorder",
            name="campaign",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="campaigns.campaign",
            ),
        ),
        migrations.AddField(
            model_name="carrierorder",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.organization",
            ),
        ),
        migrations.AddField(
            model_name="campaignattachment",
            name="order",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="attachments",
                to="numbers.carrierorder",
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(
                models.F("order"), condition=models.Q(("status", "submitted")), name="numbers_attachment_of_order"
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(
                models.F("campaign"),
                models.F("id"),
                condition=models.Q(
                    ("next_attempt_at__isnull", True),
                    models.Q(
                        ("status", "pending"),
                        models.Q(
                            ("failure_code__in", ("CAMPAIGN_REJECTED", "CAMPAIGN_SUSPENDED")), ("status", "failed")
                        ),
                        _connector="OR",
                    ),
                ),
                name="numbers_attachment_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(
                models.F("failure_code"),
                models.F("id"),
                condition=models.Q(("status", "failed")),
                name="numbers_attachment_failed",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignattachment",
            constraint=models.CheckConstraint(
                condition=models.Q(("actor_kind__in", ["api_key", "operator", "command", "worker"])),
                name="numbers_campaignattachment_actor_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignattachment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "submitted")),
                fields=("phone_number",),
                name="numbers_campaignattachment_one_in_flight",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignattachment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "submitted"), _negated=True),
                    models.Q(("next_attempt_at__isnull", True), ("order__isnull", False)),
                    _connector="OR",
                ),
                name="numbers_campaignattachment_submitted_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignattachment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("campaign__isnull", False),
                    ("previous_campaign__isnull", False),
                    ("actor_kind", "worker"),
                    _connector="OR",
                ),
                name="numbers_campaignattachment_says_something",
            ),
        ),
        migrations.AddIndex(
            model_name="carrierorder",
            index=models.Index(
                models.F("carrier"),
                models.F("next_look_at"),
                models.F("id"),
                condition=models.Q(("ended_at__isnull", True)),
                name="numbers_order_open",
            ),
        ),
        migrations.AddIndex(
            model_name="carrierorder",
            index=models.Index(
                models.F("ended_at"), condition=models.Q(("ended_at__isnull", False)), name="numbers_order_ended"
            ),
        ),
        migrations.AddConstraint(
            model_name="carrierorder",
            constraint=models.UniqueConstraint(
                fields=("organization", "id"), name="numbers_carrierorder_organization_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="carrierorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("action", "attach"), ("campaign__isnull", False)),
                    models.Q(("action", "detach"), ("campaign__isnull", True)),
                    _connector="OR",
                ),
                name="numbers_carrierorder_action_campaign",
            ),
        ),
        migrations.AddConstraint(
            model_name="carrierorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("next_look_at__isnull", False)),
                    models.Q(("ended_at__isnull", False), ("next_look_at__isnull", True)),
                    _connector="OR",
                ),
                name="numbers_carrierorder_open_or_ended",
            ),
        ),
        migrations.RunSQL(SAME_ORGANIZATION, NOT_SAME_ORGANIZATION),
        migrations.RunSQL(UNLOGGED, LOGGED),
    ]
