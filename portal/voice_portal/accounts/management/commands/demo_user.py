"""`manage.py demo_user`: a local login, where there is no directory to log in with."""

import getpass
import os
import sys

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from voice_portal.accounts.clients import group_name

PASSWORD_VARIABLE = "VOICE_DEMO_PASSWORD"  # noqa: S105 - the variable's name


class Command(BaseCommand):
    """Makes a local user, or brings an existing one to what is asked."""

    help = (
        f"Create or update a local login. Its password comes from {PASSWORD_VARIABLE}; where that is not set, it is"
        " asked for, or read from the first line of the standard input."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("login")
        parser.add_argument("--client", action="append", default=[], help="may see this client; may be repeated")
        parser.add_argument("--staff", action="store_true", help="may see every client")

    def handle(self, *args: object, **options: object) -> None:
        """Run the command; raises CommandError without a password."""
        password = os.environ.get(PASSWORD_VARIABLE) or _asked()
        if not password:
            raise CommandError(f"No password: write it to the standard input, or set {PASSWORD_VARIABLE}")
        clients = options["client"]
        if not isinstance(clients, list):
            raise CommandError("--client takes a client's name")
        make_user(str(options["login"]), password, clients, is_staff=bool(options["staff"]))
        self.stdout.write(f"{options['login']} may log in")


def _asked() -> str:
    """The password as it is typed, unseen, or as it comes from a file or another program; empty: there is none."""
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\r\n")


@transaction.atomic
def make_user(login: str, password: str, clients: list[str], *, is_staff: bool) -> User:
    """The user `login` with exactly these clients and this password; one who has it already stays logged in."""
    user, _ = User.objects.get_or_create(username=login)
    user.is_staff = is_staff
    user.is_active = True
    if not user.check_password(password):
        user.set_password(password)
    user.save()
    user.groups.set([Group.objects.get_or_create(name=group_name(client))[0] for client in clients])
    return user
