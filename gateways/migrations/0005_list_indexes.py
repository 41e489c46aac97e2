from typing import Any

import django.db.models.deletion
from django.db import DatabaseError, migrations, models, transaction

PARTS = "CREATE INDEX gateway_parts ON gateways_gateway USING gin (upper(name) gin_trgm_ops, eui gin_trgm_ops)"
BEGINNINGS = "CREATE INDEX gateway_beginnings ON gateways_gateway (upper(name) text_pattern_ops)"


def index_words(_apps: Any, editor: Any) -> None:
    """The index for parts of names and EUIs, or one for the beginnings of names where pg_trgm is not there, or not for
    this account to install."""
    if editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=editor.connection.alias), editor.connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(PARTS)
    except DatabaseError:
        editor.execute(BEGINNINGS)


def drop_words(_apps: Any, editor: Any) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX IF EXISTS gateway_parts, gateway_beginnings")


class Migration(migrations.Migration):
    dependencies = [
        ("cas", "0008_fewer_indexes"),
        ("gateways", "0004_imports"),
    ]

    operations = [
        migrations.AlterField(
            model_name="gateway",
            name="current_authority",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="current_gateways",
                to="cas.authority",
            ),
        ),
        migrations.AlterField(model_name="gateway", name="eui", field=models.CharField(max_length=16)),
        migrations.AddIndex(
            model_name="gateway",
            index=models.Index(fields=["vendor", "current_not_after", "id"], name="gateway_by_vendor_and_end"),
        ),
        migrations.AddIndex(
            model_name="gateway",
            index=models.Index(fields=["current_authority", "eui"], name="gateway_by_authority"),
        ),
        migrations.AddIndex(
            model_name="gateway", index=models.Index(fields=["last_seen_at", "id"], name="gateway_by_sighting")
        ),
        migrations.AddIndex(model_name="gateway", index=models.Index(fields=["model", "eui"], name="gateway_by_model")),
        migrations.AddConstraint(
            model_name="gateway", constraint=models.UniqueConstraint(fields=("eui",), name="gateway_eui_once")
        ),
        migrations.RunPython(index_words, drop_words),
    ]
