from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_vendor_reply_to"),
        ("cas", "0008_fewer_indexes"),
        ("certificates", "0011_handed_over"),
        ("gateways", "0005_list_indexes"),
        ("keys", "0003_fewer_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(fields=["gateway", "vendor", "not_after"], name="certificate_gateway_028db2_idx"),
        ),
        migrations.RemoveIndex(
            model_name="certificate",
            name="certificate_gateway_f01a43_idx",
        ),
    ]
