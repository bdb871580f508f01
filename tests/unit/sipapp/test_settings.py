"""Settings, and the command line that reads them."""

import re
from pathlib import Path

import pytest

from voice_lab.places import CHECKOUT
from voice_sipapp import __main__ as command
from voice_sipapp import settings
from voice_sipapp.settings import REQUIRED, SettingsError, from_environment

GOOD = dict.fromkeys(REQUIRED, "x") | {"VOICE_SIP_ADDRESS": "fd77:a::2"}


def test_everything_that_is_missing_is_named_at_once():
    with pytest.raises(SettingsError) as caught:
        from_environment({})
    assert all(name in str(caught.value) for name in REQUIRED)


def test_defaults_are_those_of_the_architecture():
    found = from_environment(GOOD)
    assert (found.dialer_port, found.receiver_port, found.rtp_ports) == (5060, 5062, (20000, 29998))
    assert (found.database.port, found.database.name, found.database.tls_ca) == (3306, "voice", None)
    assert found.sip_host
    assert (found.parties, found.clients, found.edge, found.credentials) == (("dialer", "receiver"), (), None, None)
    assert (found.max_calls, found.calls_per_second) == (100, 5.0)
    assert (found.recordings, found.recordings_max_mb, found.recordings_max_days) == (None, 1000, 30)


def test_what_restricts_a_host_is_read():
    changes = {"VOICE_SIP_PARTIES": "receiver", "VOICE_SIP_CLIENTS": "globex, acme,", "VOICE_SIP_EDGE": "[::1]:5064"}
    found = from_environment(GOOD | changes)
    assert (found.parties, found.clients, found.edge) == (("receiver",), ("acme", "globex"), ("[::1]", 5064))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VOICE_SIP_ADDRESS", "sip.example", "not an IPv6 or IPv4 address"),
        ("VOICE_MYSQL_PORT", "0", "not a port"),
        ("VOICE_SIP_DIALER_PORT", "abc", "not a port"),
        ("VOICE_SIP_DIALER_PORT", "5062", "must differ"),
        ("VOICE_RTP_PORTS", "30000-20000", "not FIRST-LAST"),
        ("VOICE_SIP_HOST", "h" * 64, "longer than 63"),
        ("VOICE_SIP_EDGE", "::1:5064", "not ADDRESS:PORT"),
        ("VOICE_SIP_EDGE", "edge.example:5064", "not ADDRESS:PORT"),
        ("VOICE_SIP_EDGE", "127.0.0.1", "not ADDRESS:PORT"),
        ("VOICE_SIP_PARTIES", "dialer,caller", "names caller"),
        ("VOICE_MAX_CALLS", "0", "at least 1"),
        ("VOICE_CALLS_PER_SECOND", "0.0", "above 0"),
        ("VOICE_CALLS_PER_SECOND", "fast", "above 0"),
        ("VOICE_RECORDINGS_MAX_MB", "-5", "at least 1"),
        ("VOICE_RECORDINGS_MAX_DAYS", "1.5", "at least 1"),
    ],
)
def test_what_makes_no_sense_is_said(name: str, value: str, words: str):
    with pytest.raises(SettingsError, match=words):
        from_environment(GOOD | {name: value})


def test_unusable_settings_end_with_status_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    for name in REQUIRED:
        monkeypatch.delenv(name, raising=False)
    assert command.main(["check"]) == 2
    assert "VOICE_SPOOL is not set" in capsys.readouterr().err


def test_help_explains_every_setting(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    shown = capsys.readouterr().out
    source = Path(settings.__file__).read_text(encoding="utf-8")
    used = set(re.findall(r'"(VOICE_[A-Z_]+)"', source))
    assert set(REQUIRED) < used
    assert [name for name in used if f"  {name} " not in shown] == []
    table = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [name for name in used if f"`{name}`" not in table] == []
