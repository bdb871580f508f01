"""`manage.py migrate_once`: migrations and grants, by one process at a time."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from voice_portal.cdr import grants

LOCK_TABLE = "voice_migration_lock"
LOCK_WAIT_TIMEOUT = 1205
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
    """Hold the lock for migrating `database`. The server frees it if this process dies.

    A row of a table that the owner alone may touch, held by a connection of its own, since a migration's DDL commits.
    No named lock of the server: whoever may log in can take those, a client's read account too.
    """
    with closing(connection.copy()) as holder:
        try:
            _take(holder, wait_seconds)
        except DatabaseError as error:
            if error.args and error.args[0] == LOCK_WAIT_TIMEOUT:
                sentence = f"Another migration of {database} did not end within {wait_seconds} seconds"
                raise CommandError(sentence) from error
            raise
        yield


def _take(holder: BaseDatabaseWrapper, wait_seconds: int) -> None:
    """Wait for the lock's row, in a transaction that stays open until `holder` is closed."""
    with holder.cursor() as cursor:
        # A migration may take longer than the server keeps a connection that says nothing.
        cursor.execute("SET SESSION wait_timeout = 86400, innodb_lock_wait_timeout = %s", [max(wait_seconds, 1)])
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {LOCK_TABLE} (id TINYINT NOT NULL PRIMARY KEY) ENGINE=InnoDB")
        holder.set_autocommit(False)
        cursor.execute(f"INSERT INTO {LOCK_TABLE} (id) VALUES (1) ON DUPLICATE KEY UPDATE id = VALUES(id)")  # noqa: S608


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
