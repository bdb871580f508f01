"""To whom a client is open in the portal: see `_ddl_0002.py` for its SQL and docs/cdr.md for its meaning."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from voice_portal.cdr.migrations._ddl_0002 import ACCESS, ADD_ACCESS, DROP_ACCESS, VIEWS


def add_access(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Add the column, unless a migration that was cut short has: MySQL knows no ADD COLUMN IF NOT EXISTS."""
    if not _has_access(editor):
        editor.execute(ADD_ACCESS)


def drop_access(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Remove the column, if it is there."""
    if _has_access(editor):
        editor.execute(DROP_ACCESS)


def _has_access(editor: BaseDatabaseSchemaEditor) -> bool:
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s",
            ACCESS,
        )
        return cursor.fetchone() is not None


class Migration(migrations.Migration):
    dependencies = [("cdr", "0001_initial")]
    operations = [
        migrations.RunPython(add_access, drop_access, atomic=False),
        *(migrations.RunSQL(sql, f"DROP VIEW IF EXISTS {name}") for name, sql in VIEWS.items()),
    ]
