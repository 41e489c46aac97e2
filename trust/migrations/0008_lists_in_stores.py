"""Stores remember which lists of revoked certificates were written to them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trust", "0007_probes")]

    operations = [
        migrations.AddField("store", "lists_state", models.CharField(blank=True, default="", max_length=64)),
    ]
