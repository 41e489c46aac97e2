"""The group that there always is: the one whose name The Things Stack reads."""

from typing import Any

from django.db import migrations


def create_common(apps: Any, _: Any) -> None:
    apps.get_model("trust", "Group").objects.get_or_create(name="common")


class Migration(migrations.Migration):
    dependencies = [("trust", "0001_initial")]
    operations = [migrations.RunPython(create_common, migrations.RunPython.noop)]
