"""Settings, and the command line that reads them."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.ports import free_port, free_udp_port
from voice_lab.places import CHECKOUT
from voice_sipapp import __main__ as command
from voice_sipapp import check, settings
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
    assert (found.recordings_upload, found.recordings_per_hour) == (True, 1)
    assert found.metrics is None


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
        ("VOICE_SIP_CLIENTS", ",".join(f"client-{number}" for number in range(300)), "longer than 2,000"),
        ("VOICE_MAX_CALLS", "0", "at least 1"),
        ("VOICE_CALLS_PER_SECOND", "0.0", "above 0"),
        ("VOICE_CALLS_PER_SECOND", "fast", "above 0"),
        ("VOICE_RECORDINGS_MAX_MB", "-5", "at least 1"),
        ("VOICE_RECORDINGS_MAX_DAYS", "1.5", "at least 1"),
        ("VOICE_RECORDINGS_UPLOAD", "yes", "neither on nor off"),
        ("VOICE_RECORDINGS_PER_HOUR", "0", "at least 1"),
        ("VOICE_METRICS_ADDRESS", "9464", "not ADDRESS:PORT"),
        ("VOICE_METRICS_ADDRESS", "localhost:9464", "not ADDRESS:PORT"),
        ("VOICE_METRICS_ADDRESS", "::1:9464", "not ADDRESS:PORT"),
        ("VOICE_METRICS_ADDRESS", "[::1]:0", "not ADDRESS:PORT"),
        ("VOICE_METRICS_ADDRESS", "[::]:9464", "every address of this host"),
        ("VOICE_METRICS_ADDRESS", "0.0.0.0:9464", "every address of this host"),
        ("VOICE_METRICS_ADDRESS", "[::ffff:192.0.2.7]:9464", "written as an IPv6 one"),
    ],
)
def test_what_makes_no_sense_is_said(name: str, value: str, words: str):
    with pytest.raises(SettingsError, match=words):
        from_environment(GOOD | {name: value})


@pytest.mark.parametrize(
    ("value", "address"),
    [("", None), ("[::1]:9464", ("::1", 9464)), ("192.0.2.7:9464", ("192.0.2.7", 9464))],
)
def test_metrics_are_served_at_one_address_or_not_at_all(value: str, address: tuple[str, int] | None):
    assert from_environment(GOOD | {"VOICE_METRICS_ADDRESS": value}).metrics == address


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


EDGE = {"VOICE_SIP_ADDRESS": "fd77:a::2", "VOICE_SIP_EDGE": "[::1]:5064"}
TLS = {"VOICE_SIP_TLS_CERTIFICATE": "/etc/own.pem", "VOICE_SIP_TLS_KEY": "/etc/own.key"}


def test_the_edge_needs_no_database_and_has_the_well_known_ports():
    plan = settings.edge_from_environment(EDGE)
    assert (plan.tcp_port, plan.tls_port, plan.inside, plan.inside_port) == (5060, 5061, "::1", 5064)
    assert plan.tls is None
    tls = settings.edge_from_environment(EDGE | TLS).tls
    assert tls is not None
    assert tls.authorities == settings.SYSTEM_AUTHORITIES


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"VOICE_SIP_EDGE": ""}, "VOICE_SIP_EDGE is not set"),
        ({"VOICE_SIP_EDGE": "127.0.0.1:5064"}, "one family"),
        ({"VOICE_SIP_TCP_PORT": "5061"}, "must differ"),
        ({"VOICE_SIP_TLS_KEY": "/etc/own.key"}, "together"),
        (TLS | {"VOICE_SIP_TLS_CA": '/etc/a"\nlisten=udp:1.2.3.4'}, "not an absolute path"),
        (TLS | {"VOICE_SIP_TLS_KEY": "own.key"}, "not an absolute path"),
    ],
)
def test_an_edge_that_could_not_work_is_said(changes: dict[str, str], words: str):
    with pytest.raises(SettingsError, match=words):
        settings.edge_from_environment(EDGE | changes)


def test_edge_config_writes_its_files_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in (*EDGE, *TLS):
        monkeypatch.delenv(name, raising=False)
    assert command.main(["edge-config", str(tmp_path / "run")]) == 2
    for name, value in (EDGE | TLS).items():
        monkeypatch.setenv(name, value)
    assert command.main(["edge-config", str(tmp_path / "run")]) == 0
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["kamailio.cfg", "tls.cfg"]
    assert str(tmp_path / "run" / "tls.cfg") in (tmp_path / "run" / "kamailio.cfg").read_text()
    (tmp_path / "file").touch()
    assert command.main(["edge-config", str(tmp_path / "file")]) == 1
    assert "Traceback" not in capsys.readouterr().err


def everything(tmp_path: Path, **changes: str) -> dict[str, str]:
    """What `check` says of each thing, the database apart, which this test has none of."""
    environment = GOOD | {
        "VOICE_MYSQL_HOST": "127.0.0.1", "VOICE_MYSQL_PORT": "1", "VOICE_SIP_ADDRESS": "::1",
        "VOICE_SPOOL": str(tmp_path / "spool"), "VOICE_AUDIO": str(tmp_path),
    } | changes  # fmt: skip
    lines = [f"{good} {line}" for good, line in check.run(from_environment(environment))]
    return {line.split()[1].rstrip(":"): line for line in lines}


def test_the_check_tries_what_calls_need(tmp_path: Path):
    secrets = tmp_path / "credentials"
    secrets.touch(mode=0o600)
    known = '[trunk]\nusername = "u"\npassword = "secret-of-the-trunk"\n'
    secrets.write_text(known + 'clients = ["acme"]\nrealms = ["acme.example"]\nhosts = ["sbc.acme.example"]\n')
    recordings = tmp_path / "recordings"
    said = everything(tmp_path, VOICE_CREDENTIALS=str(secrets), VOICE_RECORDINGS=str(recordings), VOICE_MAX_CALLS="7")
    assert said["credentials"] == f"True credentials: trunk (for acme) in {secrets}"
    assert said["recordings"].startswith(f"True recordings: kept in {recordings}, at most 1000 MB for 30 days")
    assert "7 calls at once, 5 a second; dialer and receiver for all clients" in said["limits"]
    assert "MB are free" in said["spool"]
    assert said["database"].startswith("False")
    assert not any("secret-of-the-trunk" in line for line in said.values())


def test_the_check_looks_at_the_key_that_all_hosts_share(tmp_path: Path):
    assert "VOICE_CALL_KEY is not set): a random one is made at each start" in everything(tmp_path)["call"]
    key = tmp_path / "call.key"
    key.touch(mode=0o600)
    assert everything(tmp_path, VOICE_CALL_KEY=str(key))["call"].startswith("False call key: VOICE_CALL_KEY:")
    key.write_text("61d9d33203dc22a024d1215157539161bbf6e60e343ee40e5773e39f08a2af23\n")
    assert everything(tmp_path, VOICE_CALL_KEY=str(key))["call"] == f"True call key: that of {key}"


def test_the_check_looks_whether_metrics_can_be_served(tmp_path: Path):
    assert everything(tmp_path)["metrics"] == "True metrics: none (VOICE_METRICS_ADDRESS is not set)"
    port = free_port("::1")
    where = {"VOICE_METRICS_ADDRESS": f"[::1]:{port}"}
    assert everything(tmp_path, **where)["metrics"] == f"True metrics: TCP port {port} of ::1 is free"
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        said = everything(tmp_path, **where)["metrics"]
    assert said.startswith(f"False metrics: no metrics at ::1 port {port}: Address already in use; set VOICE_METRICS")


def test_the_check_says_what_does_not_work(tmp_path: Path):
    (tmp_path / "file").touch(mode=0o644)
    port = free_udp_port("::1")
    said = everything(
        tmp_path, VOICE_CREDENTIALS=str(tmp_path / "file"), VOICE_RECORDINGS=str(tmp_path / "file" / "x"),
        VOICE_SIP_EDGE=f"[::1]:{port}",
    )  # fmt: skip
    assert "chmod 0600" in said["credentials"]
    assert said["recordings"].startswith("False")
    assert said["edge"].startswith(f"False edge: [::1]:{port}")


def test_the_check_asks_the_edge(tmp_path: Path):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as edge, ThreadPoolExecutor(1) as pool:
        edge.bind(("::1", 0))
        edge.settimeout(30)

        def answer() -> bytes:
            request, source = edge.recvfrom(65535)
            edge.sendto(b"SIP/2.0 200 OK\r\n\r\n", source)
            return request

        asked = pool.submit(answer)
        said = everything(tmp_path, VOICE_SIP_EDGE=f"[::1]:{edge.getsockname()[1]}")
        assert asked.result(30).startswith(b"OPTIONS sip:[::1]:")
    assert said["edge"].endswith("answers SIP/2.0 200 OK")
