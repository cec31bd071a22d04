"""Organizations, API keys, operators and their groups."""

import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import agentmessage.ids
import agentmessage.validators
from accounts.groups import grant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Operator",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "operator",
                "verbose_name_plural": "operators",
                "abstract": False,
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="Organization",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=200, validators=[agentmessage.validators.validate_name])),
                ("slug", models.SlugField(max_length=63, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "ordering": ["name", "id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True),
                        name="accounts_organization_name_not_empty",
                        violation_error_message="An organization has a name.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("slug__regex", "^[a-z0-9][a-z0-9-]*$")),
                        name="accounts_organization_slug_form",
                        violation_error_message="Small letters, digits and hyphens only, and a letter or digit first.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=agentmessage.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("label", models.CharField(max_length=100, validators=[agentmessage.validators.validate_label])),
                ("prefix", models.CharField(db_index=True, editable=False, max_length=16)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("numbers:read", "Numbers Read"),
                                ("numbers:write", "Numbers Write"),
                                ("campaigns:read", "Campaigns Read"),
                                ("brands:read", "Brands Read"),
                                ("apikeys:read", "Apikeys Read"),
                                ("apikeys:write", "Apikeys Write"),
                            ],
                            max_length=32,
                        ),
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_keys",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ["-created_at", "-id"],
                "indexes": [models.Index(fields=["organization", "-created_at", "-id"], name="accounts_apikey_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "id"), name="accounts_apikey_organization_id"),
                    models.CheckConstraint(
                        condition=models.Q(("label", ""), _negated=True), name="accounts_apikey_label_not_empty"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "scopes__contained_by",
                                [
                                    "numbers:read",
                                    "numbers:write",
                                    "campaigns:read",
                                    "brands:read",
                                    "apikeys:read",
                                    "apikeys:write",
                                ],
                            ),
                            ("scopes__len__gt", 0),
                        ),
                        name="accounts_apikey_scopes_known",
                    ),
                ],
            },
        ),
        grant("auth"),
        grant("admin"),
        grant(
            "accounts",
            administrator=[
                "add_organization",
                "change_organization",
                "add_apikey",
                "change_apikey",
                "add_operator",
                "change_operator",
            ],
        ),
    ]
