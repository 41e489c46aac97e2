"""What the authorities on record may issue for, read from their certificates."""

from typing import Any

from django.db import migrations

from pki.facts import read_certificate


def read_usages(apps: Any, schema_editor: Any) -> None:
    authorities = apps.get_model("cas", "Authority").objects
    for row in authorities.only("der").iterator(500):
        facts = read_certificate(bytes(row.der))
        usages = {"for_gateways": facts.allows("clientAuth"), "for_servers": facts.allows("serverAuth")}
        authorities.filter(pk=row.pk).update(**usages)


class Migration(migrations.Migration):
    dependencies = [("cas", "0006_profiles")]
    operations = [migrations.RunPython(read_usages, migrations.RunPython.noop)]
