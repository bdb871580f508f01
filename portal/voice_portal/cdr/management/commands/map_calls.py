"""`manage.py map_calls`: copies the call records of a site's own SIP application."""

import time
from datetime import UTC, datetime, timedelta

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection, transaction

from voice_portal.cdr import mapping
from voice_portal.cdr.mapping import MappingError

# The first look at a year of calls takes longer than any page may.
LONGEST_S = 3600


class Command(BaseCommand):
    """Copies what is new in the mapping views of a schema into the call tables."""

    help = (
        "Copy call records from the views voice_call and voice_call_stream of SCHEMA, which map those of another SIP "
        "application: see docs/commercial-sip-application.md. May be repeated; nothing is copied twice."
    )
    # The account may read and write the call tables, and none of Django's own.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("schema", help="where the two views are")
        parser.add_argument("--since", type=utc, help="calls that began then (UTC) or later, e.g. 2026-01-01T00:00")
        parser.add_argument("--window", type=int, default=3600, help="without --since: calls of so many seconds (3600)")
        parser.add_argument("--settle", type=int, default=30, help="seconds after a call's end until it is copied (30)")
        parser.add_argument("--every", type=int, help="go on, with so many seconds between two runs")

    def handle(self, *args: object, **options: object) -> None:
        """Run the command; raises CommandError for a view that does not fit, or a record that the tables refuse."""
        every = options["every"]
        while True:
            try:
                self._copy(str(options["schema"]), _since(options), int(str(options["settle"])))
            except CommandError as error:
                if every is None:
                    raise
                self.stderr.write(str(error))
            if every is None:
                return
            connection.close()  # one that is not kept cannot go stale behind a failover
            time.sleep(int(str(every)))

    def _copy(self, schema: str, since: datetime, settle_seconds: int) -> None:
        try:
            counts = copy_calls(schema, since, settle_seconds)
        except MappingError as error:
            raise CommandError(f"{schema}: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"nothing was copied: {error.args[-1] if error.args else error}") from error
        for table, number in counts.items():
            if number:
                self.stdout.write(f"{table}: {number} new rows")


def copy_calls(schema: str, since: datetime, settle_seconds: int) -> dict[str, int]:
    """Copy the calls that began at `since` (UTC) or later, with their streams; how many rows each table got.

    Raises MappingError for views that do not fit, DatabaseError for a row that the tables refuse: no row is copied.
    """
    schema = mapping.schema_name(schema)
    connection.settings_dict["OPTIONS"].update(read_timeout=LONGEST_S, write_timeout=LONGEST_S)
    views = {table: _fitting(schema, table) for table in (mapping.CALLS, mapping.STREAMS)}
    counts = {}
    with transaction.atomic(), connection.cursor() as cursor:
        for copy in mapping.copies(schema, views[mapping.CALLS], views[mapping.STREAMS]):
            cursor.execute(copy.sql, copy.parameters(since, settle_seconds))
            counts[copy.table] = int(cursor.rowcount)
    return counts


def _fitting(schema: str, table: str) -> set[str]:
    """The columns of that view, which fit the table of the same name."""
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW COLUMNS FROM {table}")
        columns = {row[0]: row[2] == "NO" and row[4] is None for row in cursor.fetchall()}
        cursor.execute(f"SELECT * FROM {schema}.{table} LIMIT 0")  # noqa: S608 - names of our own, and a checked one
        view = {column[0] for column in cursor.description}
    mapping.check(table, columns, view)
    return view


def _since(options: dict[str, object]) -> datetime:
    since = options["since"]
    return since if isinstance(since, datetime) else datetime.now(UTC) - timedelta(seconds=int(str(options["window"])))


def utc(text: str) -> datetime:
    """A time on the command line; without an offset it is UTC. Raises ValueError."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
