"""Records and seals are written once: the database itself refuses to change or remove them."""

from django.db import migrations

TABLES = ("audit_record", "audit_seal")
MESSAGE = "the audit record is append-only"

SQLITE = """
CREATE TRIGGER {table}_no_{act} BEFORE {act} ON {table}
BEGIN SELECT RAISE(ABORT, '{message}'); END
"""
FUNCTION = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_no_{act} BEFORE {act} ON {table}
FOR EACH {each} EXECUTE FUNCTION audit_refuse()
"""


def protect(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    if vendor == "postgresql":
        schema_editor.execute(FUNCTION.format(message=MESSAGE))
    for table in TABLES:
        if vendor == "postgresql":
            schema_editor.execute(POSTGRESQL.format(table=table, act="update", each="ROW"))
            schema_editor.execute(POSTGRESQL.format(table=table, act="delete", each="ROW"))
            schema_editor.execute(POSTGRESQL.format(table=table, act="truncate", each="STATEMENT"))
        else:
            schema_editor.execute(SQLITE.format(table=table, act="update", message=MESSAGE))
            schema_editor.execute(SQLITE.format(table=table, act="delete", message=MESSAGE))


def release(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table in TABLES:
        for act in ("update", "delete", "truncate"):
            where = f" ON {table}" if vendor == "postgresql" else ""
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{act}{where}")
    if vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS audit_refuse()")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(protect, release)]
