"""The counter has moved to the app agentmessage."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_throttle_window"),
    ]

    operations = [
        migrations.DeleteModel(name="ThrottleWindow"),
    ]
