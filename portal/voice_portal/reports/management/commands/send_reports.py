"""`python -m django send_reports`: mails the report of a client's month, to each address once."""

import os
from argparse import ArgumentTypeError
from datetime import datetime

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from voice_portal.accounts import audit
from voice_portal.accounts.audit import What
from voice_portal.accounts.middleware import zone
from voice_portal.cdr.bounded import TooSlow
from voice_portal.cdr.models import Client
from voice_portal.reports import keeping, mailing
from voice_portal.reports.document import Document
from voice_portal.reports.drawing import LONGEST_SECONDS
from voice_portal.reports.mailing import InvalidMail, NotSent, Server, is_address
from voice_portal.reports.models import SentReport
from voice_portal.reports.pdf import PdfFailed, is_there, pdf
from voice_portal.reports.period import Month
from voice_portal.reports.report import has_calls, report

WHO = "send_reports"


class Command(BaseCommand):
    """Mails reports."""

    help = (
        "Mail the report of a client's month, as CSV and, where one can be made, as PDF, to each --to once: run again,"
        " it goes to whom it did not reach."
        " The server: VOICE_SMTP_URL, VOICE_SMTP_PASSWORD_FILE, VOICE_SMTP_FROM, VOICE_SMTP_TLS_CA."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--client", required=True, help="whose: the client's namespace")
        parser.add_argument("--to", action="append", required=True, type=_address, help="an address; may be repeated")
        parser.add_argument("--month", type=_month, help="as in 2026-10; the last one that is over, if left out")
        parser.add_argument("--dry-run", action="store_true", help="say what would be sent, and send nothing")

    def handle(self, *args: object, client: str, to: list[str], month: Month | None, **options: object) -> None:
        """Run the command; raises CommandError for what cannot be done, after everything else is done."""
        found = Client.objects.filter(client=client).first()
        if found is None:
            raise CommandError(f"There is no client {client!r}: it is the name of a namespace with a VoiceClient")
        now = timezone.now()
        month = month or Month.of(now, zone(found.time_zone)).previous
        if not has_calls(found, month, now):
            raise CommandError(f"{client} has no call in {month.label} ({found.time_zone})")
        if options["dry_run"]:
            for address in to:
                has_it = SentReport.objects.filter(client=client, month=str(month), address=address).exists()
                self.stdout.write(f"{client} {month} to {address}: {'was sent before' if has_it else 'would be sent'}")
            return
        self._send(found, month, to, now)

    def _send(self, client: Client, month: Month, to: list[str], now: datetime) -> None:
        try:
            server = Server.read(os.environ)
            document = _drawn_up(client, month, now)
            made = pdf(document) if is_there() else None
        except (InvalidMail, PdfFailed) as error:
            raise CommandError(str(error)) from error
        except TooSlow as error:
            raise CommandError("The database did not tell the calls in time: try again later") from error
        page = settings.ENV.portal_url + reverse("probes:report", args=(client.client, month))
        failed = []
        for address in to:
            mail = mailing.mail(document, made, sender=server.sender, address=address, page=page)
            try:
                with transaction.atomic(), server.connected() as connection:
                    # Who sends the same at the same time waits here for this transaction, and then is told of the row.
                    SentReport.objects.create(client=client.client, month=str(month), address=address, sent_at=now)
                    connection.send_message(mail)
            except IntegrityError:
                self.stdout.write(f"{client.client} {month} to {address}: was sent before")
            except NotSent as error:
                failed.append(f"{client.client} {month} to {address}: {error}")
            else:
                detail: dict[str, object] = {"file": "report mail", "month": str(month), "to": address}
                audit.write(What.EXPORT, who=WHO, client=client.client, detail=detail)
                self.stdout.write(f"{client.client} {month} to {address}: sent")
        if failed:
            raise CommandError("Not sent; run this again:\n" + "\n".join(failed))


def _drawn_up(client: Client, month: Month, now: datetime) -> Document:
    """The report that is kept, or a new one."""
    kept = keeping.find(client.client, month, zone(client.time_zone), now)
    return kept.document or report(client, month, now, seconds=LONGEST_SECONDS)


def _month(text: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _address(text: str) -> str:
    if not is_address(text):
        raise ArgumentTypeError(f"{text!r} is no mail address such as it@acme.example")
    return text
