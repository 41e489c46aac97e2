"""Say of each gateway by which profile the certificate that counts for it was made: the last one of its authority and
vendor that was issued here."""

from django.db import migrations
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce


def fill(apps, schema_editor):
    gateways = apps.get_model("gateways", "Gateway").objects.filter(current_authority__isnull=False)
    same = {"gateway": OuterRef("pk"), "authority": OuterRef("current_authority"), "vendor": OuterRef("vendor")}
    issued = apps.get_model("certificates", "Request").objects.filter(**same, state="issued").order_by("-not_after")
    gateways.update(current_profile=Coalesce(Subquery(issued.values("profile")[:1]), Value("")))


class Migration(migrations.Migration):
    dependencies = [("certificates", "0009_fewer_indexes"), ("gateways", "0003_custody_tags_and_sightings")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
