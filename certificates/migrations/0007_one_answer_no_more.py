from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("certificates", "0006_profile_rules")]
    operations = [migrations.RemoveField(model_name="issuingpolicy", name="automatic")]
