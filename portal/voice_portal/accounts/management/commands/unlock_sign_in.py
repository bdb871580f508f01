"""`manage.py unlock_sign_in`: lets somebody try again at once."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from voice_portal.accounts import addresses, tallies


class Command(BaseCommand):
    """Forgets failed sign-ins of an account, of an address, or of an account at an address."""

    help = (
        "Let an account, an address (of IPv6: its network of 64 bits), or with both the account at that address, sign "
        "in again without waiting. An account without --address is unlocked wherever it was tried, but an address that "
        "is locked by itself stays so. The password is not changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("login", nargs="?", help="the user name, exactly as it is")
        parser.add_argument("--address", help="as the portal's log has it")

    def handle(self, *args: object, **options: object) -> None:
        """Run the command; raises CommandError without anything to unlock, or for what is no address."""
        login, text = options["login"], options["address"]
        if not login and not text:
            raise CommandError("Name a login, an --address, or both")
        address = addresses.parsed(str(text)) if text else None
        if text and address is None:
            raise CommandError(f"{text!r} is no IPv4 or IPv6 address")
        gone = tallies.unlock(str(login) if login else None, address)
        self.stdout.write("may try again at once" if gone else "nothing was counted: there is nothing to unlock")
