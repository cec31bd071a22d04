"""Brands."""

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
    ]

    operations = [
        migrations.CreateModel(
            name="Brand",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=255, validators=[agentmessage.validators.validate_name])),
                (
                    "tcr_brand_id",
                    models.CharField(
                        blank=True,
                        max_length=12,
                        null=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\AB[A-Z0-9]{6,11}\\Z", "must be B and 6 to 11 capitals or digits"
                            )
                        ],
                        verbose_name="TCR brand id",
                    ),
                ),
                (
                    "identity_status",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("SELF_DECLARED", "Self Declared"),
                            ("UNVERIFIED", "Unverified"),
                            ("VERIFIED", "Verified"),
                            ("VETTED_VERIFIED", "Vetted Verified"),
                        ],
                        max_length=20,
                        null=True,
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
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="brands",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "indexes": [models.Index(fields=["organization", "-created_at", "-id"], name="brands_brand_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "id"), name="brands_brand_organization_id"),
                    models.UniqueConstraint(
                        fields=("organization", "tcr_brand_id"),
                        name="brands_brand_tcr_brand_id_once",
                        violation_error_message="The organization has a brand of this id already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True),
                        name="brands_brand_name_not_empty",
                        violation_error_message="A brand has a name.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("identity_status__in", ["SELF_DECLARED", "UNVERIFIED", "VERIFIED", "VETTED_VERIFIED"])
                        ),
                        name="brands_brand_identity_status_known",
                        violation_error_message="TCR has no such status.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tcr_brand_id__regex", "^B[A-Z0-9]{6,11}$")),
                        name="brands_brand_tcr_brand_id_form",
                        violation_error_message="B and 6 to 11 capitals or digits, as in BABC123.",
                    ),
                ],
            },
        ),
        grant("brands", administrator=["add_brand", "change_brand"]),
    ]
