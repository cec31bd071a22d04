"""The table of the counter, which belongs to no tenant."""

from django.db import models


class Counter(models.Model):
    """How often a subject has come. Only `agentmessage.counter` reads and writes the rows.

    The table is UNLOGGED: no hit waits for the disk, and a crash of the database empties it.
    """

    subject = models.CharField(primary_key=True, max_length=100)
    hits = models.BigIntegerField()
    ends_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["ends_at"], name="agentmessage_counter_ends_at")]

    def __str__(self) -> str:
        return f"{self.subject}: {self.hits}"
