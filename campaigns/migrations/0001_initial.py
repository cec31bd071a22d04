"""Campaigns."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import agentmessage.ids
import agentmessage.validators
from accounts.groups import grant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("brands", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=255, validators=[agentmessage.validators.validate_name])),
                (
                    "usecase",
                    models.CharField(
                        choices=[
                            ("2FA", "2FA"),
                            ("ACCOUNT_NOTIFICATION", "Account Notification"),
                            ("CUSTOMER_CARE", "Customer Care"),
                            ("DELIVERY_NOTIFICATION", "Delivery Notification"),
                            ("FRAUD_ALERT", "Fraud Alert"),
                            ("HIGHER_EDUCATION", "Higher Education"),
                            ("LOW_VOLUME", "Low Volume"),
                            ("MARKETING", "Marketing"),
                            ("MIXED", "Mixed"),
                            ("POLLING_VOTING", "Polling Voting"),
                            ("PUBLIC_SERVICE_ANNOUNCEMENT", "Public Service Announcement"),
                            ("SECURITY_ALERT", "Security Alert"),
                            ("AGENTS_FRANCHISES", "Agents Franchises"),
                            ("CARRIER_EXEMPT", "Carrier Exempt"),
                            ("CHARITY", "Charity"),
                            ("EMERGENCY", "Emergency"),
                            ("K12_EDUCATION", "K12 Education"),
                            ("M2M", "M2M"),
                            ("POLITICAL", "Political"),
                            ("PROXY", "Proxy"),
                            ("SOCIAL", "Social"),
                            ("SOLE_PROPRIETOR", "Sole Proprietor"),
                            ("SWEEPSTAKE", "Sweepstake"),
                            ("TRIAL", "Trial"),
                            ("UCAAS_HIGH", "Ucaas High"),
                            ("UCAAS_LOW", "Ucaas Low"),
                        ],
                        max_length=40,
                        verbose_name="use case",
                    ),
                ),
                ("description", models.TextField(blank=True, default="")),
                (
                    "tcr_campaign_id",
                    models.CharField(
                        blank=True,
                        max_length=12,
                        null=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\AC[A-Z0-9]{6,11}\\Z", "must be C and 6 to 11 capitals or digits"
                            )
                        ],
                        verbose_name="TCR campaign id",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("ACTIVE", "Active"),
                            ("REJECTED", "Rejected"),
                            ("EXPIRED", "Expired"),
                        ],
                        default="PENDING",
                        max_length=10,
                    ),
                ),
                (
                    "carrier_status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("APPROVED", "Approved"),
                            ("REJECTED", "Rejected"),
                            ("SUSPENDED", "Suspended"),
                        ],
                        default="PENDING",
                        max_length=10,
                    ),
                ),
                (
                    "mno_metadata",
                    models.JSONField(db_default={}, default=dict, editable=False, verbose_name="status by network"),
                ),
                (
                    "suspension_reason",
                    models.CharField(blank=True, db_default="", default="", max_length=500),
                ),
                ("suspended_until", models.DateTimeField(blank=True, null=True)),
                (
                    "suspended_by",
                    models.CharField(blank=True, db_default="", default="", editable=False, max_length=150),
                ),
                ("suspended_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("expiration_date", models.DateField(blank=True, null=True)),
                (
                    "number_pool",
                    models.BooleanField(
                        default=False,
                        help_text="The carriers have approved a number pool, so the campaign has no limit of numbers.",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "brand",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaigns",
                        to="brands.brand",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaigns",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "indexes": [
                    models.Index(fields=["organization", "-created_at", "-id"], name="campaigns_campaign_newest")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "id"), name="campaigns_campaign_organization_id"),
                    models.UniqueConstraint(
                        fields=("organization", "tcr_campaign_id"),
                        name="campaigns_campaign_tcr_campaign_id_once",
                        violation_error_message="The organization has a campaign of this id already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True),
                        name="campaigns_campaign_name_not_empty",
                        violation_error_message="A campaign has a name.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "usecase__in",
                                [
                                    "2FA",
                                    "ACCOUNT_NOTIFICATION",
                                    "CUSTOMER_CARE",
                                    "DELIVERY_NOTIFICATION",
                                    "FRAUD_ALERT",
                                    "HIGHER_EDUCATION",
                                    "LOW_VOLUME",
                                    "MARKETING",
                                    "MIXED",
                                    "POLLING_VOTING",
                                    "PUBLIC_SERVICE_ANNOUNCEMENT",
                                    "SECURITY_ALERT",
                                    "AGENTS_FRANCHISES",
                                    "CARRIER_EXEMPT",
                                    "CHARITY",
                                    "EMERGENCY",
                                    "K12_EDUCATION",
                                    "M2M",
                                    "POLITICAL",
                                    "PROXY",
                                    "SOCIAL",
                                    "SOLE_PROPRIETOR",
                                    "SWEEPSTAKE",
                                    "TRIAL",
                                    "UCAAS_HIGH",
                                    "UCAAS_LOW",
                                ],
                            )
                        ),
                        name="campaigns_campaign_usecase_known",
                        violation_error_message="TCR has no such use case.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["PENDING", "ACTIVE", "REJECTED", "EXPIRED"])),
                        name="campaigns_campaign_status_known",
                        violation_error_message="TCR has no such status.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("carrier_status__in", ["PENDING", "APPROVED", "REJECTED", "SUSPENDED"])),
                        name="campaigns_campaign_carrier_status_known",
                        violation_error_message="There is no such status.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tcr_campaign_id__regex", "^C[A-Z0-9]{6,11}$")),
                        name="campaigns_campaign_tcr_campaign_id_form",
                        violation_error_message="C and 6 to 11 capitals or digits, as in CABC123.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("suspension_reason", ""), _negated=True),
                            ("suspended_until__isnull", True),
                            _connector="OR",
                        ),
                        name="campaigns_campaign_suspension_reason",
                        violation_error_message="A suspension that ends has a reason.",
                    ),
                ],
            },
        ),
        grant("campaigns", administrator=["add_campaign", "change_campaign"]),
    ]
