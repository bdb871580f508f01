"""`manage.py service_accounts`: the database and its accounts, made by an administrator."""

import os
from collections.abc import Mapping

import pymysql
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from voice_portal.cdr import grants
from voice_portal.config.env import Env
from voice_portal.config.refusals import refusal
from voice_portal.config.secretfile import SecretValue


class Command(BaseCommand):
    """Makes the database and the four service accounts, or brings their passwords up to date."""

    help = (
        "Create the database and the service accounts, with VOICE_MYSQL_USER/PASSWORD of an administrator and the "
        "accounts' passwords in VOICE_OWNER_PASSWORD, VOICE_OPERATOR_PASSWORD, VOICE_PORTAL_PASSWORD and "
        "VOICE_SIP_PASSWORD, or in files that these names with _FILE name. Safe to repeat. `migrate_once` then grants "
        "the rights on tables."
    )
    # The database may not be there yet.
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        """Run the command; raises CommandError if a password is missing, or the server refuses."""
        passwords = _passwords(os.environ)
        env: Env = settings.ENV
        try:
            self._make(env, passwords)
        except pymysql.MySQLError as error:
            found = refusal(error, env.mysql_address, env.mysql_user)
            raise CommandError(f"The accounts cannot be made: {found.sentence}") from error

    def _make(self, env: Env, passwords: Mapping[str, str]) -> None:
        with connect_to_server(env) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            is_mariadb = "MariaDB" in str(cursor.fetchone())
            for statement in grants.database_statements(env.mysql_database):
                cursor.execute(statement)
            for account in grants.ACCOUNTS:
                for statement in grants.account_statements(account, env.mysql_database, is_mariadb=is_mariadb):
                    cursor.execute(statement, (passwords[account.name],) if "%s" in statement else None)
                self.stdout.write(f"account {account.name} is ready")


def connect_to_server(env: Env) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """A connection that names no database; Django's own would demand that it exists."""
    return pymysql.connect(
        host=env.mysql_host,
        port=env.mysql_port,
        user=env.mysql_user,
        password=env.mysql_password.read(),
        ssl={"ca": str(env.mysql_tls_ca)} if env.mysql_tls_ca else None,
        connect_timeout=10,
        read_timeout=60,
        write_timeout=60,
        autocommit=True,
    )


def _passwords(environ: Mapping[str, str]) -> dict[str, str]:
    """Each account's password; raises CommandError that names every one that is not set, or whose file is of no use."""
    values = {account.name: SecretValue.of(account.password_variable, environ) for account in grants.ACCOUNTS}
    if faults := [fault for value in values.values() if (fault := value.fault())]:
        raise CommandError("; ".join(faults))
    return {name: value.read() for name, value in values.items()}
