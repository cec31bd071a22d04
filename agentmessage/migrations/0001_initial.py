"""The table of the counter."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Counter",
            fields=[
                ("subject", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("hits", models.BigIntegerField()),
                ("ends_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["ends_at"], name="agentmessage_counter_ends_at")],
            },
        ),
        # UNLOGGED: nobody misses the counts after a crash. The fillfactor leaves room for the next version of each row.
        migrations.RunSQL(
            "ALTER TABLE agentmessage_counter SET UNLOGGED; ALTER TABLE agentmessage_counter SET (fillfactor = 50)",
            migrations.RunSQL.noop,
        ),
    ]
