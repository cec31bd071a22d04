"""Pages of carriers' lists."""

from django.db import migrations, models

from accounts.groups import grant


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CarrierPage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("carrier", models.CharField(max_length=20)),
                (
                    "listing",
                    models.CharField(choices=[("assignments", "Assignments"), ("numbers", "Numbers")], max_length=11),
                ),
                ("position", models.PositiveBigIntegerField()),
                ("next_position", models.PositiveBigIntegerField(null=True)),
                ("records", models.JSONField()),
                ("unreadable", models.PositiveIntegerField()),
                ("total", models.PositiveIntegerField()),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("carrier", "listing", "position"), name="inventory_carrierpage_once"
                    )
                ],
            },
        ),
        grant("inventory"),
    ]
