"""`manage.py break_glass`: a local account of the staff, for when no provider can be asked."""

import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from voice_portal.accounts import audit
from voice_portal.accounts.audit import What
from voice_portal.accounts.models import BreakGlass

HOURS = 4
MOST_HOURS = 72
LONGEST_NAME = 63
# A name that a provider gives has a slash in it, so no local account can be taken for one of theirs, or take it over.
FORBIDDEN = "/"


class Command(BaseCommand):
    """Makes, renews, ends or lists local accounts."""

    help = (
        "Make a local account that may see every client, or renew it: a password is drawn, and shown this once. It"
        " ends by itself; --end ends it at once, with its sessions. Each use of this command is written down."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("login", nargs="?", help="the user name")
        parser.add_argument("--hours", type=int, default=HOURS, help=f"how long it lasts, at most {MOST_HOURS}")
        parser.add_argument("--end", action="store_true", help="end it now")
        parser.add_argument("--list", action="store_true", help="list the accounts that last")

    def handle(self, *args: object, **options: object) -> None:
        """Run the command; raises CommandError for what cannot be done."""
        if options["list"]:
            self._list()
            return
        login = str(options["login"] or "")
        if not login:
            raise CommandError("Name a login, or ask for the --list")
        if not login.isprintable() or FORBIDDEN in login or len(login) > LONGEST_NAME or login != login.strip():
            raise CommandError(f"A login has at most {LONGEST_NAME} characters, and no '{FORBIDDEN}'")
        if options["end"]:
            self._end(login)
            return
        hours = options["hours"]
        if not isinstance(hours, int) or not 0 < hours <= MOST_HOURS:
            raise CommandError(f"--hours must be from 1 to {MOST_HOURS}")
        password = secrets.token_urlsafe(18)
        made = make(login, password, timedelta(hours=hours))
        self.stdout.write(
            f"{login} may log in at /login/local/ until {made.until:%Y-%m-%d %H:%M} UTC, with the password"
        )
        self.stdout.write(password)

    def _end(self, login: str) -> None:
        gone, _ = BreakGlass.objects.filter(user__username=login).delete()
        if not gone:
            raise CommandError(f"{login!r} has no local account: see --list")
        User.objects.filter(username=login).update(is_staff=False, password="!")  # noqa: S106 - matches no password
        audit.write(What.BREAK_GLASS_ENDED, who=login)
        self.stdout.write(f"{login} may log in no more")

    def _list(self) -> None:
        lasting = BreakGlass.objects.filter(until__gt=timezone.now()).select_related("user").order_by("user__username")
        for one in lasting:
            used = f"last used {one.user.last_login:%Y-%m-%d %H:%M} UTC" if one.user.last_login else "never used"
            self.stdout.write(f"{one.user.username}: until {one.until:%Y-%m-%d %H:%M} UTC, {used}")
        if not lasting:
            self.stdout.write("there is none")


@transaction.atomic
def make(login: str, password: str, lasting: timedelta) -> BreakGlass:
    """The local account `login` with this password, from now on for that long; sessions with another one are over."""
    user, _ = User.objects.get_or_create(username=login)
    user.is_staff = user.is_active = True
    user.set_password(password)
    user.save()
    made, _ = BreakGlass.objects.update_or_create(user=user, defaults={"until": timezone.now() + lasting})
    audit.write(What.BREAK_GLASS_MADE, who=login, detail={"until": f"{made.until:%Y-%m-%d %H:%M}"})
    return made
