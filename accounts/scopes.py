"""The scopes that an API key can carry."""

from django.db import models


class Scope(models.TextChoices):
    """One permission of a key. A key has the scopes that were granted to it and no others."""

    NUMBERS_READ = "numbers:read"
    NUMBERS_WRITE = "numbers:write"
    CAMPAIGNS_READ = "campaigns:read"
    BRANDS_READ = "brands:read"
    APIKEYS_READ = "apikeys:read"
    APIKEYS_WRITE = "apikeys:write"
