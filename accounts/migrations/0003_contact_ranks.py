from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_api_tokens"),
    ]

    operations = [
        migrations.AddField(
            model_name="contact",
            name="rank",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "Gets every mail"), (2, "Only where nobody has answered")], default=1
            ),
        ),
    ]
