"""`send_reports` against a mail server over TLS: each address gets a month once."""

import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.integration.portal.test_reports import MARCH, START, client, place  # noqa: F401 - fixtures
from tests.ports import free_port
from voice_lab import pki
from voice_portal.reports import keeping, mailing

pytestmark = pytest.mark.services

LOGIN, PASSWORD = "reports", "a password for tests"


@dataclass
class Mailbox:
    """What a mail server does with mails; `refused`: addresses that it knows nothing of."""

    mails: list[tuple[str, bytes]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails += [(address, envelope.content) for address in envelope.rcpt_tos]
        return "250 OK"

    @property
    def addresses(self):
        return [address for address, _ in self.mails]


def is_right(server, session, envelope, mechanism, data):
    right = LoginPassword(LOGIN.encode(), PASSWORD.encode())
    return AuthResult(success=data == right, handled=False)


class TlsFirst(Controller):
    """A server with STARTTLS and a login."""

    def factory(self):
        options = {"require_starttls": True, "auth_required": True, "authenticator": is_right}
        return SMTP(self.handler, tls_context=self.certificate, **options)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    pki.create_authority(folder)
    pki.issue(folder, "mail", hosts=("127.0.0.1",))
    return folder


@pytest.fixture
def mailbox(authority, tmp_path, monkeypatch):
    """A mail server, which the settings name."""
    made = Mailbox()
    server = TlsFirst(made, hostname="127.0.0.1", port=free_port())
    server.certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.certificate.load_cert_chain(authority / "mail.pem", authority / "mail.key")
    server.start()
    (tmp_path / "password").write_text(PASSWORD)
    for name, value in {
        "URL": f"smtp://{LOGIN}@127.0.0.1:{server.port}", "PASSWORD_FILE": str(tmp_path / "password"),
        "FROM": "reports@provider.example", "TLS_CA": str(authority / "ca.pem"),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"VOICE_SMTP_{name}", value)
    yield made
    server.stop()


@pytest.fixture
def send(client, place, django_db, records, capsys):  # noqa: F811 - a fixture
    """A function that runs the command for a client with a call in March 2024; what it says."""
    place(client, START)

    def send(*to, **options):
        addresses = [f"--to={address}" for address in to]
        call_command("send_reports", f"--client={client}", "--month=2024-03", *addresses, **options)
        return capsys.readouterr().out

    yield send
    with records.connection.cursor() as cursor:
        for table in ("portal_report", "portal_report_sent"):
            cursor.execute(f"DELETE FROM {table} WHERE client = %s", [client])


def test_each_address_gets_a_mail_of_its_own_once(send, mailbox, client, records):  # noqa: F811
    said = send("it@acme.example", "boss@acme.example")
    assert mailbox.addresses == ["it@acme.example", "boss@acme.example"]
    for address, octets in mailbox.mails:
        mail = message_from_bytes(octets, policy=policy.default)
        assert mail["To"] == address
        assert mail["Subject"] == "Service report March 2024: Acme Versicherung"
        assert f"http://testserver/c/{client}/reports/2024-03/" in mail.get_body(("plain",)).get_content()
        assert next(mail.iter_attachments()).get_content().startswith(b"%PDF-")
    assert said.count(": sent") == 2
    again = send("it@acme.example", "new@acme.example")
    assert "it@acme.example: was sent before" in again
    assert mailbox.addresses == ["it@acme.example", "boss@acme.example", "new@acme.example"]
    what, who = records.one("SELECT what, who FROM portal_audit WHERE client = %s LIMIT 1", client)
    assert (what, who) == ("export", "send_reports")


def test_an_address_that_is_refused_keeps_no_other_from_its_mail_and_is_tried_again(send, mailbox):
    mailbox.refused = {"gone@acme.example"}
    with pytest.raises(CommandError, match=r"gone@acme\.example: .*550 5\.1\.1 no such mailbox"):
        send("gone@acme.example", "it@acme.example")
    assert mailbox.addresses == ["it@acme.example"]
    mailbox.refused = set()
    send("gone@acme.example", "it@acme.example")
    assert mailbox.addresses == ["it@acme.example", "gone@acme.example"]


def test_two_that_run_at_once_send_it_once(send, mailbox, database):
    from django.db import connection

    def run():
        try:
            send("it@acme.example")
        finally:
            connection.close()

    others = [threading.Thread(target=run) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
    assert mailbox.addresses == ["it@acme.example"]


def test_a_dry_run_sends_nothing_and_needs_no_server(send, monkeypatch):
    monkeypatch.delenv("VOICE_SMTP_URL", raising=False)
    assert "it@acme.example: would be sent" in send("it@acme.example", dry_run=True)


def test_a_report_that_is_kept_is_the_one_that_is_sent(send, mailbox, client, django_db):  # noqa: F811
    from dataclasses import replace
    from datetime import UTC, datetime

    from voice_portal.cdr.models import Client
    from voice_portal.reports.report import report

    now = datetime.now(UTC)
    made = report(Client.objects.get(client=client), MARCH, now, seconds=30)
    keeping.keep(replace(made, display_name="As it was then"), now)
    send("it@acme.example")
    assert message_from_bytes(mailbox.mails[0][1], policy=policy.default)["Subject"].endswith("As it was then")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("TLS_CA", None, "CERTIFICATE_VERIFY_FAILED"),
        ("PASSWORD_FILE", "wrong", "535"),
        ("URL", "smtp://reports@127.0.0.1:9", "refused"),
    ],
)
def test_a_server_that_proves_nothing_or_takes_nothing_gets_nothing(
    send, mailbox, monkeypatch, tmp_path, name, value, why
):
    if value == "wrong":
        (tmp_path / "wrong").write_text("not it")
        value = str(tmp_path / "wrong")
    if value is None:
        monkeypatch.delenv(f"VOICE_SMTP_{name}")
    else:
        monkeypatch.setenv(f"VOICE_SMTP_{name}", value)
    with pytest.raises(CommandError, match=why):
        send("it@acme.example")
    assert mailbox.mails == []


def test_a_server_without_tls_gets_neither_password_nor_mail(send, mailbox, monkeypatch):
    told = []

    class Plain(Mailbox):
        async def handle_EHLO(self, server, session, envelope, hostname, responses):
            told.append(hostname)
            return responses

    server = Controller(Plain(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        monkeypatch.setenv("VOICE_SMTP_URL", f"smtp://{LOGIN}@127.0.0.1:{server.port}")
        with pytest.raises(CommandError, match="STARTTLS"):
            send("it@acme.example")
        assert told
        assert server.handler.mails == []
    finally:
        server.stop()


def test_a_server_that_says_nothing_is_not_waited_for(send, monkeypatch, mailbox):
    import socket

    monkeypatch.setattr(mailing, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("VOICE_SMTP_URL", f"smtp://{LOGIN}@127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(CommandError, match="timed out"):
            send("it@acme.example")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--client=nobody", "--to=a@b.example"], "There is no client"),
        (["--client=acme", "--to=no address"], "no mail address"),
        (["--client=acme", "--to=a@b.example", "--month=2024-13"], "no month"),
        (["--client=acme"], "--to"),
    ],
)
def test_what_is_wrong_is_said(django_db, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("send_reports", *arguments)


def test_a_month_without_calls_is_not_sent(send, client, mailbox):  # noqa: F811
    with pytest.raises(CommandError, match="no call in May 2024"):
        call_command("send_reports", f"--client={client}", "--to=a@b.example", "--month=2024-05")
