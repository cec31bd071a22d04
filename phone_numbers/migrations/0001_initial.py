"""Phone numbers and the history of their attachments."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.contrib.postgres.operations import BtreeGinExtension, TrigramExtension
from django.db import migrations, models

import agentmessage.ids
import agentmessage.validators
import phone_numbers.models
from accounts.groups import grant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("campaigns", "0001_initial"),
    ]

    operations = [
        # Trusted extensions: the owner of the database may create them.
        BtreeGinExtension(),
        TrigramExtension(),
        migrations.CreateModel(
            name="CampaignAttachment",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("api_key", "API key"),
                            ("operator", "operator"),
                            ("command", "command"),
                            ("worker", "system"),
                            ("import", "import"),
                            ("carrier", "carrier"),
                        ],
                        max_length=10,
                    ),
                ),
                ("actor_id", models.CharField(max_length=100)),
                ("request_id", models.CharField(max_length=26, null=True)),
                ("reason", models.CharField(max_length=500, null=True)),
                ("batch_id", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("submitted", "Submitted"),
                            ("propagated", "Propagated"),
                            ("failed", "Failed"),
                            ("superseded", "Superseded"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                (
                    "carrier",
                    models.CharField(db_default="default", default=phone_numbers.models.only_account, max_length=20),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("order_id", models.UUIDField(null=True)),
                ("resumed_at", models.DateTimeField(null=True)),
                ("submitted_at", models.DateTimeField(null=True)),
                ("propagated_at", models.DateTimeField(null=True)),
                ("failure_code", models.CharField(max_length=40, null=True)),
                ("failure_carrier_code", models.CharField(max_length=40, null=True)),
                ("failure_message", models.TextField(null=True)),
                ("carrier_steps", models.JSONField(null=True)),
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
                (
                    "previous_campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="departures",
                        to="campaigns.campaign",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="PhoneNumber",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("number", models.CharField(help_text="E.164, or the digits of a short code", max_length=16)),
                (
                    "number_type",
                    models.CharField(
                        choices=[("local", "Local"), ("toll_free", "Toll Free"), ("short_code", "Short Code")],
                        default="local",
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("AVAILABLE", "available: in stock, no organization"),
                            ("PENDING", "pending: ordered or porting in"),
                            ("ASSIGNED", "assigned"),
                            ("QUARANTINED", "quarantined: released, cooling down"),
                            ("LOST", "lost: ported out or disconnected at the carrier"),
                        ],
                        default="AVAILABLE",
                        max_length=11,
                    ),
                ),
                (
                    "label",
                    models.CharField(
                        blank=True, max_length=100, null=True, validators=[agentmessage.validators.validate_label]
                    ),
                ),
                (
                    "inbound_url",
                    models.CharField(
                        blank=True,
                        max_length=2048,
                        null=True,
                        validators=[agentmessage.validators.validate_https_url],
                        verbose_name="inbound URL",
                    ),
                ),
                (
                    "status_url",
                    models.CharField(
                        blank=True,
                        max_length=2048,
                        null=True,
                        validators=[agentmessage.validators.validate_https_url],
                        verbose_name="status URL",
                    ),
                ),
                (
                    "carrier",
                    models.CharField(
                        db_default="default",
                        default=phone_numbers.models.only_account,
                        help_text="The account that has it, by its name in CARRIERS. It changes only without a campaign: detach first.",
                        max_length=20,
                    ),
                ),
                (
                    "carrier_line_option_status",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("pending", "Pending"),
                            ("propagated", "Propagated"),
                            ("failed", "Failed"),
                            ("removing", "Removing"),
                        ],
                        max_length=10,
                        null=True,
                    ),
                ),
                ("carrier_line_option_propagated_at", models.DateTimeField(blank=True, null=True)),
                ("sms_enabled", models.BooleanField(default=True, verbose_name="SMS enabled")),
                ("mms_enabled", models.BooleanField(default=True, verbose_name="MMS enabled")),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="phone_numbers",
                        to="campaigns.campaign",
                    ),
                ),
                (
                    "current_attachment",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="numbers.campaignattachment",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="phone_numbers",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.AddField(
            model_name="campaignattachment",
            name="phone_number",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="attachments",
                to="numbers.phonenumber",
            ),
        ),
        migrations.AddIndex(
            model_name="phonenumber",
            index=models.Index(
                fields=["organization", "-created_at", "-id"],
                condition=models.Q(("state", "ASSIGNED")),
                name="numbers_phonenumber_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="phonenumber",
            index=models.Index(
                fields=["organization", "campaign", "-created_at", "-id"], name="numbers_phonenumber_campaign"
            ),
        ),
        migrations.AddIndex(
            model_name="phonenumber",
            index=models.Index(
                fields=["organization", "number_type", "-created_at", "-id"],
                condition=models.Q(("state", "ASSIGNED"), models.Q(("number_type", "local"), _negated=True)),
                name="numbers_phonenumber_type",
            ),
        ),
        migrations.AddIndex(
            model_name="phonenumber",
            index=models.Index(
                fields=["carrier_line_option_status", "organization", "-created_at", "-id"],
                name="numbers_phonenumber_status",
            ),
        ),
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
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.UniqueConstraint(
                fields=("organization", "id"), name="numbers_phonenumber_organization_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.UniqueConstraint(
                fields=("number",), name="numbers_phonenumber_number_key", opclasses=["varchar_pattern_ops"]
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("number__regex", "^\\+[1-9][0-9]{6,14}$"),
                    models.Q(("number__regex", "^[1-9][0-9]{4,5}$"), ("number_type", "short_code")),
                    _connector="OR",
                ),
                name="numbers_phonenumber_number_e164",
                violation_error_message="E.164, as in +19195550100: a plus and 7 to 15 digits. A short code has 5 or 6 digits and that type.",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("number_type__in", ["local", "toll_free", "short_code"])),
                name="numbers_phonenumber_number_type_known",
                violation_error_message="There is no such type.",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["AVAILABLE", "PENDING", "ASSIGNED", "QUARANTINED", "LOST"])),
                name="numbers_phonenumber_state_known",
                violation_error_message="There is no such state.",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("organization__isnull", True), ("state", "AVAILABLE")),
                    models.Q(("organization__isnull", False), ("state__in", ["PENDING", "ASSIGNED"])),
                    ("state__in", ["QUARANTINED", "LOST"]),
                    _connector="OR",
                ),
                name="numbers_phonenumber_state_organization",
                violation_error_message="An available number has no organization; a pending or assigned one has.",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("campaign__isnull", True), ("organization__isnull", False), _connector="OR"),
                name="numbers_phonenumber_campaign_organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("campaign__isnull", False),
                        ("carrier_line_option_status__in", ["pending", "propagated", "failed"]),
                        ("carrier_line_option_status__isnull", False),
                    ),
                    models.Q(("campaign__isnull", True), ("carrier_line_option_status__isnull", True)),
                    models.Q(
                        ("campaign__isnull", True),
                        ("carrier_line_option_status__in", ["removing", "failed"]),
                        ("carrier_line_option_status__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="numbers_phonenumber_campaign_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("carrier_line_option_propagated_at__isnull", True),
                    models.Q(
                        ("carrier_line_option_status", "propagated"), ("carrier_line_option_status__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="numbers_phonenumber_propagated_at",
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(fields=["phone_number", "-created_at", "-id"], name="numbers_attachment_newest"),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(
                fields=["carrier", "organization", "next_attempt_at", "id"],
                condition=models.Q(("next_attempt_at__isnull", False)),
                name="numbers_attachment_due",
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(
                fields=["order_id"], condition=models.Q(("order_id__isnull", False)), name="numbers_attachment_of_order"
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(
                fields=["batch_id", "id"],
                condition=models.Q(("batch_id__isnull", False)),
                name="numbers_attachment_batch",
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(
                fields=["campaign", "id"],
                condition=models.Q(
                    ("next_attempt_at__isnull", True),
                    models.Q(
                        ("status", "pending"),
                        models.Q(
                            ("failure_code__in", ("CAMPAIGN_REJECTED", "CAMPAIGN_SUSPENDED", "APPROVAL_EXPIRED")),
                            ("status", "failed"),
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
                fields=["failure_code", "id"],
                condition=models.Q(("status", "failed")),
                name="numbers_attachment_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["request_id"], name="numbers_attachment_request", pages_per_range=32
            ),
        ),
        migrations.AddIndex(
            model_name="campaignattachment",
            index=models.Index(
                fields=["previous_campaign", "created_at"],
                condition=models.Q(("previous_campaign__isnull", False)),
                name="numbers_attachment_departure",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignattachment",
            constraint=models.UniqueConstraint(
                fields=("phone_number", "id"), name="numbers_campaignattachment_number_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignattachment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("actor_kind__in", ["api_key", "operator", "command", "worker", "import", "carrier"])
                ),
                name="numbers_campaignattachment_actor_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignattachment",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "submitted", "propagated", "failed", "superseded"])),
                name="numbers_campaignattachment_status_known",
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
                    models.Q(("next_attempt_at__isnull", True), ("order_id__isnull", False)),
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
                    ("actor_kind__in", ["worker", "command", "carrier"]),
                    _connector="OR",
                ),
                name="numbers_campaignattachment_says_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignattachment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("campaign__isnull", True),
                    ("previous_campaign__isnull", True),
                    models.Q(("campaign", models.F("previous_campaign")), _negated=True),
                    _connector="OR",
                ),
                name="numbers_campaignattachment_is_a_move",
            ),
        ),
        migrations.CreateModel(
            name="BulkOperation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("attach", "Attach a campaign"),
                            ("detach", "Detach campaigns"),
                            ("release", "Release numbers"),
                            ("retry", "Send failed propagations again"),
                            ("undo", "Undo a bulk move"),
                        ],
                        max_length=7,
                    ),
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
                ("moves", models.JSONField(default=list)),
                ("warnings", models.JSONField(default=list)),
                ("undone_batch_id", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
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
                    "operator",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="BulkOperationRow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "operation_id", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                ("phone_number_id", models.UUIDField()),
                ("number", models.CharField(max_length=16)),
                ("organization_id", models.UUIDField(null=True)),
                ("campaign_id", models.UUIDField(null=True)),
                ("attachment_id", models.UUIDField(null=True)),
                ("target_id", models.UUIDField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("changed", "Changed"),
                            ("unchanged", "Unchanged"),
                            ("failed", "Failed"),
                            ("busy", "Busy"),
                        ],
                        default="",
                        max_length=9,
                    ),
                ),
                ("code", models.CharField(default="", max_length=40)),
                (
                    "operation",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="numbers.bulkoperation",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="bulkoperation",
            index=models.Index(
                fields=["updated_at"],
                condition=models.Q(("phase__in", ("previewing", "running"))),
                name="numbers_bulkoperation_working",
            ),
        ),
        # Attach, detach, retry and release change a number.
        grant("numbers", operator=["change_phonenumber"], administrator=["add_phonenumber"]),
    ]
