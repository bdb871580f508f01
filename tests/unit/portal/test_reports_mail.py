"""Settings of the mail server, and the mail itself."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.portal.test_reports_files import document
from voice_portal.reports.mailing import InvalidMail, Server, is_address, mail

ENVIRONMENT = {"VOICE_SMTP_URL": "smtp://mail.example.net", "VOICE_SMTP_FROM": "reports@provider.example"}
PAGE = "https://voice.example.net/c/acme/reports/2026-10/"


def made(**changes):
    report = mail(
        document(**changes), b"%PDF-", sender="reports@provider.example", address="it@acme.example", page=PAGE
    )
    return message_from_bytes(report.as_bytes(), policy=policy.default)


def test_a_server_without_a_login_needs_its_name_and_a_sender():
    server = Server.read(ENVIRONMENT)
    assert (server.host, server.port, server.is_tls_first, server.user) == ("mail.example.net", 587, False, "")


def test_a_server_with_a_login_has_its_password_in_a_file(tmp_path):
    (tmp_path / "password").write_text("secret\n")
    url = {"VOICE_SMTP_URL": "smtps://reports%40x@[2001:db8::25]:4650"}
    server = Server.read({**ENVIRONMENT, **url, "VOICE_SMTP_PASSWORD_FILE": str(tmp_path / "password")})
    assert (server.host, server.port, server.is_tls_first, server.user) == ("2001:db8::25", 4650, True, "reports@x")
    assert server.password.read() == "secret"
    assert "secret" not in repr(server)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"VOICE_SMTP_URL": ""}, "VOICE_SMTP_URL must be"),
        ({"VOICE_SMTP_URL": "http://mail.example.net"}, "VOICE_SMTP_URL must be"),
        ({"VOICE_SMTP_URL": "smtp://mail.example.net:99999"}, "VOICE_SMTP_URL must be"),
        ({"VOICE_SMTP_URL": "smtp://mail.example.net/path"}, "VOICE_SMTP_URL must be"),
        ({"VOICE_SMTP_URL": "smtp://me:secret@mail.example.net"}, "must hold no password"),
        ({"VOICE_SMTP_URL": "smtp://me@mail.example.net"}, "VOICE_SMTP_PASSWORD is not set"),
        ({"VOICE_SMTP_FROM": ""}, "VOICE_SMTP_FROM must be"),
        ({"VOICE_SMTP_FROM": "Reports <reports@provider.example>"}, "VOICE_SMTP_FROM must be"),
        ({"VOICE_SMTP_TLS_CA": "/none.pem"}, "which is not there"),
    ],
)
def test_what_is_wrong_is_said_and_no_secret(changes, said):
    with pytest.raises(InvalidMail, match=said) as caught:
        Server.read({**ENVIRONMENT, **changes})
    assert "secret" not in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(InvalidMail) as caught:
        Server.read({})
    assert "VOICE_SMTP_URL" in str(caught.value)
    assert "VOICE_SMTP_FROM" in str(caught.value)


@pytest.mark.parametrize("text", ["it@acme.example", "a.b+c@xn--mnchen-3ya.example", "ü@acme.example"])
def test_an_address(text):
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "it", "@acme.example", "it@", "it@acme.example\nBcc: x@y", "a@b, c@d", "It <it@acme.example>", "a b@c",
        "a@b;c@d", "x" * 250 + "@y.example",
    ],
)  # fmt: skip
def test_no_address(text):
    assert not is_address(text)


def test_the_mail_has_figures_the_pages_address_and_three_files():
    found = made()
    assert found["Subject"] == "Service report October 2026: Acme Versicherung"
    assert (found["To"], found["From"]) == ("it@acme.example", "reports@provider.example")
    text = found.get_body(("plain",)).get_content()
    assert "Availability: 99.98 %" in text
    assert PAGE in text
    names = [part.get_filename() for part in found.iter_attachments()]
    assert names == ["acme-2026-10.pdf", "acme-2026-10.csv", "acme-2026-10-incidents.csv"]
    pdf, probes, _ = found.iter_attachments()
    assert pdf.get_content() == b"%PDF-"
    assert probes.get_content().startswith("row,client")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=120))
def test_no_name_adds_a_header(name):
    found = made(display_name=name + "\r\nBcc: thief@example.net\n\nbody")
    assert found["Bcc"] is None
    assert found["To"] == "it@acme.example"
    assert sorted(found.keys()) == sorted(made().keys())
