"""A report as a mail: the figures of all probes in words, the page's address, and the files. Sent over TLS alone."""

import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

from voice_portal.config.secretfile import SecretValue, UnreadableSecret
from voice_portal.reports import csvfile, figuretext
from voice_portal.reports.definitions import remarks
from voice_portal.reports.document import Document

SECONDS = 30
"""How long the server may take for each answer."""
PORTS = {"smtp": 587, "smtps": 465}
LONGEST_ADDRESS = 254


class InvalidMail(Exception):
    """One or more settings are missing or wrong; the message names all of them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("No mail can be sent:\n" + "\n".join(f"  - {fault}" for fault in faults))


class NotSent(Exception):
    """The server did not take the mail; the message says why."""


@dataclass(frozen=True)
class Server:
    """Which server takes mails, and from whom. `is_tls_first`: TLS from the first octet on, else after STARTTLS."""

    host: str
    port: int
    is_tls_first: bool
    sender: str
    user: str = ""
    password: SecretValue | None = None
    authority: Path | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Server":
        """The settings VOICE_SMTP_… in `environ`; raises InvalidMail."""
        faults = []
        try:
            url = urlsplit(environ.get("VOICE_SMTP_URL", ""))
            port = url.port or PORTS.get(url.scheme, 0)
        except ValueError:
            url, port = urlsplit(""), 0
        if url.scheme not in PORTS or not url.hostname or not port or url.path.strip("/"):
            faults.append(
                "VOICE_SMTP_URL must be smtp://user@host:port (STARTTLS) or smtps://user@host:port (TLS from the begin)"
            )
        if url.password:
            faults.append(
                "VOICE_SMTP_URL must hold no password: put it into the file that VOICE_SMTP_PASSWORD_FILE names"
            )
        sender = environ.get("VOICE_SMTP_FROM", "")
        if not is_address(sender):
            faults.append(f"VOICE_SMTP_FROM must be the address that mails come from, not {sender!r}")
        password = SecretValue.of("VOICE_SMTP_PASSWORD", environ) if url.username else None
        if password and (fault := password.fault()):
            faults.append(fault)
        authority = Path(file) if (file := environ.get("VOICE_SMTP_TLS_CA", "")) else None
        if authority and not authority.is_file():
            faults.append(f"VOICE_SMTP_TLS_CA names {authority}, which is not there")
        if faults:
            raise InvalidMail(faults)
        user = unquote(url.username or "")
        return cls(str(url.hostname), port, url.scheme == "smtps", sender, user, password, authority)

    @contextmanager
    def connected(self) -> Iterator[smtplib.SMTP]:
        """A connection over TLS to the server that its certificate proves, logged in; raises NotSent."""
        try:
            context = ssl.create_default_context(cafile=self.authority)
            with self._opened(context) as connection:
                if self.user and self.password:
                    connection.login(self.user, self.password.read())
                yield connection
        except (OSError, smtplib.SMTPException, UnreadableSecret) as error:
            raise NotSent(f"{self.host}:{self.port}: {_why(error)}") from error

    def _opened(self, context: ssl.SSLContext) -> smtplib.SMTP:
        if self.is_tls_first:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        connection = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            connection.starttls(context=context)  # refuses to go on without
        except BaseException:
            connection.close()
            raise
        return connection


def is_address(text: str) -> bool:
    """Whether `text` is a plain mail address: one line, no name beside it."""
    name, at, domain = text.rpartition("@")
    is_plain = parseaddr(text) == ("", text) and text.isprintable() and not set(text) & set(" ,;<>()\"'")
    return bool(name and at and domain) and is_plain and len(text) <= LONGEST_ADDRESS


def mail(document: Document, pdf: bytes | None, *, sender: str, address: str, page: str) -> EmailMessage:
    """The mail with the report; without a PDF where `pdf` is None. `page`: the report's address in the portal."""
    made = EmailMessage()
    made["Subject"] = f"Service report {document.month.label}: {_line(document.display_name)}"
    made["From"], made["To"] = sender, address
    made["Date"] = formatdate()
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is answered to it
    made.set_content(text(document, page))
    name = f"{document.client}-{document.month}"
    if pdf is not None:
        made.add_attachment(pdf, maintype="application", subtype="pdf", filename=f"{name}.pdf")
    for ending, content in (("", csvfile.probes(document)), ("-incidents", csvfile.incidents(document))):
        made.add_attachment(content, maintype="text", subtype="csv", filename=f"{name}{ending}.csv")
    return made


def text(document: Document, page: str) -> str:
    """The mail's text."""
    total = document.total
    figures = (
        ("Availability", figuretext.share(total.availability_pct)),
        ("Coverage", figuretext.share(total.coverage_pct)),
        ("Answer rate", figuretext.share(total.answer_rate_pct)),
        ("Good calls", figuretext.share(total.good_calls_pct)),
        ("Time below threshold", figuretext.span(total.below)),
        ("Incidents", figuretext.count(total.incidents)),
        ("Calls", figuretext.count(total.calls)),
    )
    lines = [f"{document.month.label}, {_line(document.display_name)} ({document.client}), in {document.time_zone}", ""]
    lines += [f"{name}: {value}" for name, value in figures]
    lines += [
        "",
        *remarks(is_so_far=document.is_so_far, has_deleted=document.has_deleted),
        "",
        f"All of it: {page}",
        "",
    ]
    return "\n".join(lines)


def _line(words: str) -> str:
    """On one line: a line end in a name would begin another header."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{code} {_said(said)}" for code, said in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_said(error.smtp_error)}"
    return str(error) or type(error).__name__


def _said(words: bytes | str) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else words
