"""`manage.py migrate_once`: migrations and grants, by one process at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import InconsistentMigrationHistory

from voice_portal.cdr import grants
from voice_portal.config import schema
from voice_portal.config.refusals import NO_RIGHT, NO_SCHEMA, Refusal, number_of, refusal, text_of

LOCK_TABLE = "voice_migration_lock"
LOCK_WAIT_TIMEOUT = 1205
# MariaDB's and MySQL's numbers for "GRANT to an account that does not exist".
NO_SUCH_ACCOUNT = (1133, 1410)
NO_SUCH_TABLE = 1146
# What a migration makes is there, or what it changes is not: DDL is not undone where a migration breaks off.
HALF_DONE = NO_SCHEMA | {1007, 1022, 1050, 1051, 1060, 1061, 1068, 1091, 1826}
PUT_BACK = "Put back a back-up, or undo that by hand; then `helm upgrade` again"
RETRY_SECONDS = 2


class Command(BaseCommand):
    """Brings the schema up to date, then grants the service accounts their rights on its tables."""

    help = (
        "Migrate the database and grant the service accounts their rights, as voice_owner. Several may run at once: "
        "all but one wait. `service_accounts` must have run before."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--wait", type=int, default=300, help="seconds to wait for another migration (300)")
        parser.add_argument("--patience", type=int, default=60, help="seconds to wait for a database that is away (60)")

    def handle(self, *args: object, **options: object) -> None:
        """Run the command; raises CommandError with a sentence of what is wrong and how to mend it."""
        wait_for_database(int(str(options["patience"])), self._say)
        try:
            self._migrate(int(str(options["wait"])), int(str(options["verbosity"])))
        except DatabaseError as error:
            raise CommandError(f"The migration failed: {failure(error)}") from error
        except InconsistentMigrationHistory as error:
            text = f"the database's list of migrations (django_migrations) cannot be true. {PUT_BACK} ({error})"
            raise CommandError(f"The migration cannot start: {text}") from error
        self._say("the schema and the service accounts' rights are up to date")

    def _migrate(self, wait_seconds: int, verbosity: int) -> None:
        # ALTER TABLE on a year of calls takes longer than any page may.
        connection.settings_dict["OPTIONS"].update(read_timeout=3600, write_timeout=3600)
        connection.close()
        with migration_lock(settings.ENV.mysql_database, wait_seconds):
            refuse_newer()
            call_command("migrate", interactive=False, verbosity=verbosity, stdout=self.stdout)
            grant_rights(settings.ENV.mysql_database)

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


def wait_for_database(seconds: int, say: Callable[[str], None]) -> None:
    """Return once the owner can log in; raises CommandError at once for what waiting does not mend, else at the end."""
    deadline = time.monotonic() + seconds
    told = ""
    while True:
        try:
            connection.ensure_connection()
        except DatabaseError as error:
            found = _refusal(error)
        else:
            return
        if not found.may_pass:
            raise CommandError(f"The migration cannot start: {found.sentence}")
        if (left := deadline - time.monotonic()) <= 0:
            raise CommandError(f"The migration cannot start, waited {seconds} s: {found.sentence}")
        if found.sentence != told:
            say(f"waiting for the database, {left:.0f} s more at most: {found.sentence}")
        told = found.sentence
        time.sleep(min(RETRY_SECONDS, left))


def refuse_newer() -> None:
    """Raise CommandError if the schema has migrations that this image does not know: it could only do harm."""
    try:
        sentence = schema.newer(schema.known(), schema.applied())
    except DatabaseError as error:
        if error.args and error.args[0] == NO_SUCH_TABLE:
            return
        raise
    if sentence:
        raise CommandError(f"Nothing was migrated: {sentence}")


def failure(error: BaseException) -> str:
    """What a refusal in the middle of migrating means, and how to mend it."""
    number = number_of(error)
    if number in NO_RIGHT:
        account, server = settings.ENV.mysql_user, settings.ENV.mysql_address
        mend = "`python -m django service_accounts`, as an administrator, gives it all that it needs"
        return f"MySQL at {server} denies {account} a right: {mend} ({text_of(error)})"
    if number not in HALF_DONE:
        return _refusal(error).sentence
    return (
        f"the database does not have what it had after the last migration that it has noted, so {_lacking()} cannot be"
        " applied: a migration broke off half-way once, or somebody changed tables by hand."
        f" {PUT_BACK} ({text_of(error)})"
    )


def _lacking() -> str:
    """The migrations that the database lacks, in words."""
    try:
        return schema.named(schema.known() - schema.applied()) or "a migration"
    except DatabaseError:
        return "a migration"


def _refusal(error: BaseException) -> Refusal:
    return refusal(error, settings.ENV.mysql_address, settings.ENV.mysql_user)


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
