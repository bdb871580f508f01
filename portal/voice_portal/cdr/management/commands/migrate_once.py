"""`manage.py migrate_once`: migrations and grants, by one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from voice_portal.cdr import grants

# MariaDB's and MySQL's numbers for "GRANT to an account that does not exist".
NO_SUCH_ACCOUNT = (1133, 1410)


class Command(BaseCommand):
    """Brings the schema up to date, then grants the service accounts their rights on its tables."""

    help = (
        "Migrate the database and grant the service accounts their rights, as voice_owner. Several may run at once, "
        "for example the init containers of two pods: all but one wait. `service_accounts` must have run before."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--wait", type=int, default=300, help="seconds to wait for another migration (300)")

    def handle(self, *args: object, **options: object) -> None:
        """Run the command; raises CommandError if another migration does not end or an account is missing."""
        # ALTER TABLE on a year of calls takes longer than any page may.
        connection.settings_dict["OPTIONS"].update(read_timeout=3600, write_timeout=3600)
        with migration_lock(settings.ENV.mysql_database, int(str(options["wait"]))):
            call_command("migrate", interactive=False, verbosity=int(str(options["verbosity"])), stdout=self.stdout)
            grant_rights(settings.ENV.mysql_database)
        self.stdout.write("the schema and the service accounts' rights are up to date")


@contextmanager
def migration_lock(database: str, wait_seconds: int) -> Iterator[None]:
    """Hold the server-wide lock for migrating `database`. The server frees it if this process dies."""
    name = f"{database}.migrate"
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", [name, wait_seconds])
        row = cursor.fetchone()
        if row is None or row[0] != 1:
            raise CommandError(f"Another migration of {database} did not end within {wait_seconds} seconds")
        try:
            yield
        finally:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [name])


def grant_rights(database: str) -> None:
    """Grant every account its rights on tables and views; harmless when they are granted already."""
    with connection.cursor() as cursor:
        for statement in grants.table_statements(database):
            try:
                cursor.execute(statement)
            except DatabaseError as error:
                if error.args and error.args[0] in NO_SUCH_ACCOUNT:
                    raise CommandError(f"An account is missing; run service_accounts first ({statement})") from error
                raise
