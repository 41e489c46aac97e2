"""Say of each public key on record which gateway it is for: the one that was certified first, else the one that asked
first."""

import hashlib
from itertools import islice

from django.db import migrations

AT_ONCE = 2000


def fill(apps, schema_editor):
    holder = apps.get_model("certificates", "KeyHolder")
    certified = apps.get_model("certificates", "Certificate").objects.order_by("pk")
    asked = apps.get_model("certificates", "Request").objects.exclude(state__in=["refused", "failed"]).order_by("pk")
    keep(holder, certified.values_list("spki_sha256", "gateway_id").iterator(AT_ONCE))
    keys = asked.values_list("public_key", "gateway_id").iterator(AT_ONCE)
    keep(holder, ((hashlib.sha256(bytes(key)).hexdigest(), gateway_id) for key, gateway_id in keys))


def keep(holder, pairs):
    while some := list(islice(pairs, AT_ONCE)):
        rows = [holder(spki_sha256=spki, gateway_id=gateway_id) for spki, gateway_id in some]
        holder.objects.bulk_create(rows, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("certificates", "0002_key_holder")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
