import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0004_fill_alerts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="notice",
            name="alert",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="alerts.alert"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("state", "pending")), fields=["recipient"], name="delivery_pending"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("notice", "recipient", "why"), name="notice_once_per_recipient"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "told"), models.Q(("message_key", ""), _negated=True)),
                    models.Q(models.Q(("state", "told"), _negated=True), ("message_key", "")),
                    _connector="OR",
                ),
                name="told_delivery_has_a_message",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                fields=("subject_kind", "subject_id", "threshold", "round"),
                name="notice_once_per_subject_and_threshold",
            ),
        ),
    ]
