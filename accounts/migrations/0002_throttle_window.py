from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ThrottleWindow",
            fields=[
                ("subject", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("hits", models.BigIntegerField()),
                ("ends_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["ends_at"], name="accounts_throttle_ends_at")],
            },
        ),
        # A counter that no crash has to keep, with room on each page for the next version of its rows.
        migrations.RunSQL(
            "ALTER TABLE accounts_throttlewindow SET UNLOGGED; ALTER TABLE accounts_throttlewindow SET (fillfactor = 50)",
            migrations.RunSQL.noop,
        ),
    ]
