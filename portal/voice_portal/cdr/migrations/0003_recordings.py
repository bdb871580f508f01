"""Recordings of calls: see `_ddl_0003.py` for the SQL and docs/cdr.md for its meaning."""

from django.db import migrations, models

from voice_portal.cdr.fields import BinaryUUIDField
from voice_portal.cdr.migrations._ddl_0003 import TABLES

KEY = ("uuid", "direction", "started_at")


class Migration(migrations.Migration):
    dependencies = [("cdr", "0002_access")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(sql, f"DROP TABLE IF EXISTS {name}") for name, sql in TABLES.items()
            ],
            state_operations=[
                migrations.CreateModel(
                    "CallRecording",
                    [
                        ("pk", models.CompositePrimaryKey(*KEY, blank=True, editable=False, primary_key=True)),
                        ("uuid", BinaryUUIDField()),
                        ("direction", models.CharField(max_length=7)),
                        ("started_at", models.DateTimeField()),
                    ],
                    options={"managed": False, "db_table": "voice_call_recording"},
                ),
            ],
        ),
    ]
