"""Organizations, their API keys and scopes, and the operators who use the admin."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from agentmessage.ids import uuid7
from agentmessage.validators import LABEL_LENGTH, validate_label, validate_name


class Operator(AbstractUser):
    """A person who signs in to the admin. Operators belong to the service, not to an organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        verbose_name = "operator"
        verbose_name_plural = "operators"

    def may_edit(self, other: "Operator") -> bool:
        """Whether this operator may edit `other`: superusers edit everyone, the rest only those who may do less.

        That excludes the operator's own record, so only a superuser can gain permissions.
        """
        if self.is_superuser:
            return True
        return other.is_active and not other.is_superuser and self.may_do_more_than(other.get_all_permissions())

    def may_do_more_than(self, permissions: set[str]) -> bool:
        """Whether `permissions` are a proper subset of this operator's own, those of groups included."""
        return permissions < self.get_all_permissions()


class Organization(models.Model):
    """A tenant. Every lookup for a key is limited to the key's organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200, validators=[validate_name])
    slug = models.SlugField(max_length=63, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(name=""),
                name="accounts_organization_name_not_empty",
                violation_error_message="An organization has a name.",
            ),
            models.CheckConstraint(
                condition=Q(slug__regex=r"^[a-z0-9][a-z0-9-]*$"),
                name="accounts_organization_slug_form",
                violation_error_message="Small letters, digits and hyphens only, and a letter or digit first.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Scope(models.TextChoices):
    """One permission of an API key. A key has the scopes that were granted to it and no others."""

    NUMBERS_READ = "numbers:read"
    NUMBERS_WRITE = "numbers:write"
    CAMPAIGNS_READ = "campaigns:read"
    BRANDS_READ = "brands:read"
    APIKEYS_READ = "apikeys:read"
    APIKEYS_WRITE = "apikeys:write"


class ApiKey(models.Model):
    """A key of one organization. The key itself is shown once; its digest and a readable prefix are stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="api_keys", db_index=False)
    label = models.CharField(max_length=LABEL_LENGTH, validators=[validate_label])
    prefix = models.CharField(max_length=16, db_index=True, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope.choices))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["organization", "-created_at", "-id"], name="accounts_apikey_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organization", "id"], name="accounts_apikey_organization_id"),
            models.CheckConstraint(condition=~Q(label=""), name="accounts_apikey_label_not_empty"),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values) & Q(scopes__len__gt=0),
                name="accounts_apikey_scopes_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix}…)"

    def is_usable(self, *, at: datetime) -> bool:
        """Whether the key authenticates at the time `at`: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)

    def has_scope(self, scope: Scope) -> bool:
        """Whether `scope` was granted to the key."""
        return scope.value in self.scopes
