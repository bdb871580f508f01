"""The schema: see `_ddl_0001.py` for its SQL and docs/cdr.md for its meaning."""

from django.db import migrations, models

from voice_portal.cdr.fields import BinaryUUIDField
from voice_portal.cdr.migrations._ddl_0001 import TABLES, VIEWS

RUN_SQL = [
    *(migrations.RunSQL(sql, f"DROP TABLE IF EXISTS {name}") for name, sql in TABLES.items()),
    *(migrations.RunSQL(sql, f"DROP VIEW IF EXISTS {name}") for name, sql in VIEWS.items()),
]


def unmanaged(name: str, table: str, key: dict[str, models.Field]) -> migrations.CreateModel:
    """What migrations remember of a model whose table they make by SQL: its key. Django compares no more of it."""
    fields = list(key.items())
    if len(key) > 1:
        fields.insert(0, ("pk", models.CompositePrimaryKey(*key, blank=True, editable=False, primary_key=True)))
    return migrations.CreateModel(name, fields, options={"managed": False, "db_table": table})


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=RUN_SQL,
            state_operations=[
                unmanaged("Client", "voice_client", {"client": models.CharField(max_length=63, primary_key=True)}),
                unmanaged(
                    "ProbeState",
                    "voice_probe_state",
                    {"client": models.CharField(max_length=63), "probe": models.CharField(max_length=63)},
                ),
                unmanaged("Call", "voice_call", {"uuid": BinaryUUIDField(), "started_at": models.DateTimeField()}),
                unmanaged(
                    "CallStream",
                    "voice_call_stream",
                    {
                        "uuid": BinaryUUIDField(),
                        "direction": models.CharField(max_length=7),
                        "started_at": models.DateTimeField(),
                    },
                ),
                unmanaged(
                    "CallInterval",
                    "voice_call_interval",
                    {
                        "uuid": BinaryUUIDField(),
                        "direction": models.CharField(max_length=7),
                        "second": models.PositiveSmallIntegerField(),
                        "started_at": models.DateTimeField(),
                    },
                ),
                unmanaged(
                    "CallLadder",
                    "voice_call_ladder",
                    {
                        "uuid": BinaryUUIDField(),
                        "leg": models.CharField(max_length=8),
                        "started_at": models.DateTimeField(),
                    },
                ),
                unmanaged(
                    "CallRequest", "voice_call_request", {"id": models.PositiveBigIntegerField(primary_key=True)}
                ),
                unmanaged("SipHost", "voice_sip_host", {"sip_host": models.CharField(max_length=63, primary_key=True)}),
            ],
        ),
    ]
