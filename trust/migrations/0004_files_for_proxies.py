"""The files for proxies that stand beside a release."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trust", "0003_groups_drafts_clusters"),
    ]

    operations = [
        migrations.AddField(
            model_name="release",
            name="readers",
            field=models.JSONField(default=dict),
        ),
    ]
