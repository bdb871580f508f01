"""Settings of the SIP application, from the environment (docs/architecture.md lists them)."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from voice_sipapp.edge import EdgePlan, TlsFiles

REQUIRED = (
    "VOICE_MYSQL_HOST", "VOICE_MYSQL_USER", "VOICE_MYSQL_PASSWORD", "VOICE_SIP_ADDRESS", "VOICE_SPOOL", "VOICE_AUDIO",
)  # fmt: skip

HELP = """environment:
  VOICE_MYSQL_HOST          database server: name, IPv4 or IPv6 address
  VOICE_MYSQL_PORT          its port (3306)
  VOICE_MYSQL_DATABASE      database (voice)
  VOICE_MYSQL_USER          account (voice_sip)
  VOICE_MYSQL_PASSWORD      its password
  VOICE_MYSQL_TLS_CA        file with the authority that signed the server's certificate; empty: no TLS
  VOICE_SIP_HOST            this host's name in the records (its host name)
  VOICE_SIP_ADDRESS         IPv6 or IPv4 address to send and receive on
  VOICE_SIP_DIALER_PORT     UDP port of the dialer (5060)
  VOICE_SIP_RECEIVER_PORT   UDP port of the receiver (5062)
  VOICE_SIP_EDGE            ADDRESS:PORT of this host's proxy for SIP over TCP and TLS; empty: UDP only
  VOICE_SIP_PARTIES         which parties this host may be: dialer, receiver or both (dialer,receiver)
  VOICE_SIP_CLIENTS         clients whose probes it may serve, separated by commas; empty: all
  VOICE_MAX_CALLS           calls that may be up at once (100)
  VOICE_CALLS_PER_SECOND    calls that may start in a second (5)
  VOICE_RTP_PORTS           first and last UDP port for media (20000-29998)
  VOICE_CREDENTIALS         file of mode 0600 with SIP credentials, or aws:PREFIX for Secrets Manager; empty: none
  VOICE_CALL_KEY            file of mode 0600 with the key that all SIP hosts share; empty: a random one at each start
  VOICE_SPOOL               SQLite file that keeps records until the database has them
  VOICE_AUDIO               folder with <name>.wav: mono or stereo, 16 bit
  VOICE_RECORDINGS          folder for recordings of calls that sound bad; empty: none are kept
  VOICE_RECORDINGS_MAX_MB   how large that folder may get (1000)
  VOICE_RECORDINGS_MAX_DAYS how long a recording is kept (30)
  VOICE_RECORDINGS_UPLOAD   on: some of them go to the database too, for the portal to play; off: none do (on)
  VOICE_RECORDINGS_PER_HOUR of how many calls of a probe in an hour (1); the first of a run of bad calls may come on top
  VOICE_METRICS_ADDRESS     ADDRESS:PORT at which Prometheus finds this host's metrics (TCP, /metrics); empty: none

only for edge-config:
  VOICE_SIP_TCP_PORT        TCP port on which others reach this host (5060)
  VOICE_SIP_TLS_PORT        TCP port for TLS (5061)
  VOICE_SIP_TLS_CERTIFICATE this host's certificate, with what is between it and its authority; empty: no TLS
  VOICE_SIP_TLS_KEY         its key
  VOICE_SIP_TLS_CA          file with the authorities that may vouch for others (/etc/ssl/certs/ca-certificates.crt)"""

SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"

PARTIES = ("dialer", "receiver")


class SettingsError(Exception):
    """Settings are missing or make no sense; the text names every one of them."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """Where the database is and who logs in. The password is not part of the representation."""

    host: str
    port: int
    name: str
    user: str
    password: str
    tls_ca: str | None

    def __repr__(self) -> str:
        return f"Database({self.user}@{self.host}:{self.port}/{self.name})"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the application is told from outside.

    `parties`: what this host may be of a call; `clients`: whose probes it may serve, empty for everybody's. `edge`:
    address (an IPv6 literal in brackets) and port of the proxy that speaks TCP and TLS for this host. `credentials`:
    where SIP credentials are (see `credentials.load`). `call_key`: see `callkey.load`. `recordings`: their folder; None
    keeps none. `recordings_upload`: whether some go to the database, `recordings_per_hour`: of how many calls a probe.
    `metrics`: where Prometheus is answered, an address without brackets; None: nowhere.
    """

    database: Database
    sip_host: str
    address: str
    dialer_port: int
    receiver_port: int
    edge: tuple[str, int] | None
    parties: tuple[str, ...]
    clients: tuple[str, ...]
    max_calls: int
    calls_per_second: float
    rtp_ports: tuple[int, int]
    credentials: str | None
    call_key: Path | None
    spool: Path
    audio: Path
    recordings: Path | None
    recordings_max_mb: int
    recordings_max_days: int
    recordings_upload: bool
    recordings_per_hour: int
    metrics: tuple[str, int] | None


def from_environment(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`. Raises SettingsError with everything that is wrong at once."""
    problems = [f"{name} is not set" for name in REQUIRED if not environ.get(name)]
    read = _Reader(environ, problems)
    settings = Settings(
        database=_database(environ, read),
        sip_host=read.host_name("VOICE_SIP_HOST"),
        address=read.address("VOICE_SIP_ADDRESS"),
        dialer_port=read.port("VOICE_SIP_DIALER_PORT", 5060),
        receiver_port=read.port("VOICE_SIP_RECEIVER_PORT", 5062),
        edge=read.endpoint("VOICE_SIP_EDGE"),
        parties=read.parties("VOICE_SIP_PARTIES"),
        clients=read.clients("VOICE_SIP_CLIENTS"),
        max_calls=read.whole("VOICE_MAX_CALLS", 100),
        calls_per_second=read.rate("VOICE_CALLS_PER_SECOND", 5.0),
        rtp_ports=read.port_range("VOICE_RTP_PORTS", "20000-29998"),
        credentials=environ.get("VOICE_CREDENTIALS") or None,
        call_key=Path(environ["VOICE_CALL_KEY"]) if environ.get("VOICE_CALL_KEY") else None,
        spool=Path(environ.get("VOICE_SPOOL", "")),
        audio=Path(environ.get("VOICE_AUDIO", "")),
        recordings=Path(environ["VOICE_RECORDINGS"]) if environ.get("VOICE_RECORDINGS") else None,
        recordings_max_mb=read.whole("VOICE_RECORDINGS_MAX_MB", 1000),
        recordings_max_days=read.whole("VOICE_RECORDINGS_MAX_DAYS", 30),
        recordings_upload=read.switch("VOICE_RECORDINGS_UPLOAD", default=True),
        recordings_per_hour=read.whole("VOICE_RECORDINGS_PER_HOUR", 1),
        metrics=read.own_endpoint("VOICE_METRICS_ADDRESS"),
    )
    if settings.dialer_port == settings.receiver_port:
        problems.append("VOICE_SIP_DIALER_PORT and VOICE_SIP_RECEIVER_PORT must differ")
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def edge_from_environment(environ: Mapping[str, str]) -> EdgePlan:
    """The plan of this host's edge. Raises SettingsError with everything that is wrong at once."""
    problems = [f"{name} is not set" for name in ("VOICE_SIP_ADDRESS", "VOICE_SIP_EDGE") if not environ.get(name)]
    read = _Reader(environ, problems)
    host, port = read.endpoint("VOICE_SIP_EDGE") or ("::1", 5064)
    plan = EdgePlan(
        address=read.address("VOICE_SIP_ADDRESS"),
        dialer_port=read.port("VOICE_SIP_DIALER_PORT", 5060),
        receiver_port=read.port("VOICE_SIP_RECEIVER_PORT", 5062),
        inside=host.strip("[]"),
        inside_port=port,
        tcp_port=read.port("VOICE_SIP_TCP_PORT", 5060),
        tls_port=read.port("VOICE_SIP_TLS_PORT", 5061),
        tls=_tls_files(environ, read, problems),
    )
    if plan.tcp_port == plan.tls_port:
        problems.append("VOICE_SIP_TCP_PORT and VOICE_SIP_TLS_PORT must differ")
    if ip_address(plan.inside).version != ip_address(plan.address).version:
        problems.append("VOICE_SIP_EDGE and VOICE_SIP_ADDRESS must be of one family, IPv6 or IPv4")
    if problems:
        raise SettingsError("; ".join(problems))
    return plan


def _tls_files(environ: Mapping[str, str], read: "_Reader", problems: list[str]) -> TlsFiles | None:
    certificate, key = read.path("VOICE_SIP_TLS_CERTIFICATE"), read.path("VOICE_SIP_TLS_KEY")
    if bool(certificate) != bool(key):
        problems.append("VOICE_SIP_TLS_CERTIFICATE and VOICE_SIP_TLS_KEY only make sense together")
    if not certificate or not key:
        return None
    return TlsFiles(certificate, key, read.path("VOICE_SIP_TLS_CA") or SYSTEM_AUTHORITIES)


def _database(environ: Mapping[str, str], read: "_Reader") -> Database:
    return Database(
        host=environ.get("VOICE_MYSQL_HOST", ""),
        port=read.port("VOICE_MYSQL_PORT", 3306),
        name=environ.get("VOICE_MYSQL_DATABASE") or "voice",
        user=environ.get("VOICE_MYSQL_USER", ""),
        password=environ.get("VOICE_MYSQL_PASSWORD", ""),
        tls_ca=environ.get("VOICE_MYSQL_TLS_CA") or None,
    )


class _Reader:
    """Reads typed values and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str], problems: list[str]) -> None:
        self._environ = environ
        self._problems = problems

    def port(self, name: str, default: int) -> int:
        text = self._environ.get(name) or str(default)
        if text.isdecimal() and 1 <= int(text) <= 65535:
            return int(text)
        self._problems.append(f"{name} is {text!r} and not a port")
        return default

    def port_range(self, name: str, default: str) -> tuple[int, int]:
        text = self._environ.get(name) or default
        first, _, last = text.partition("-")
        if first.isdecimal() and last.isdecimal() and 1024 <= int(first) < int(last) <= 65535:
            return int(first), int(last)
        self._problems.append(f"{name} is {text!r} and not FIRST-LAST, both between 1024 and 65535")
        return 20000, 29998

    def whole(self, name: str, default: int) -> int:
        text = self._environ.get(name) or str(default)
        if text.isdecimal() and 1 <= int(text) <= 1_000_000:
            return int(text)
        self._problems.append(f"{name} is {text!r} and not a whole number of at least 1")
        return default

    def switch(self, name: str, *, default: bool) -> bool:
        text = self._environ.get(name) or ("on" if default else "off")
        if text not in ("on", "off"):
            self._problems.append(f"{name} is {text!r} and neither on nor off")
        return text == "on"

    def rate(self, name: str, default: float) -> float:
        text = self._environ.get(name) or str(default)
        if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) and float(text) > 0:
            return float(text)
        self._problems.append(f"{name} is {text!r} and not a number above 0")
        return default

    def path(self, name: str) -> str:
        """An absolute path that can stand in another program's configuration as it is."""
        text = self._environ.get(name, "")
        if text and not re.fullmatch(r"/[\w./@+-]+", text):
            self._problems.append(f"{name} is {text!r} and not an absolute path of letters, digits and . / _ @ + -")
        return text

    def names(self, name: str) -> tuple[str, ...]:
        found = (part.strip() for part in self._environ.get(name, "").split(","))
        return tuple(sorted({part for part in found if part}))

    def clients(self, name: str) -> tuple[str, ...]:
        found = self.names(name)
        if len(",".join(found)) > 2000:
            self._problems.append(f"{name} is longer than 2,000 characters, which is what the heartbeat holds")
        return found

    def parties(self, name: str) -> tuple[str, ...]:
        found = self.names(name) or PARTIES
        if wrong := [party for party in found if party not in PARTIES]:
            self._problems.append(f"{name} names {', '.join(wrong)}; there are dialer and receiver")
        return found

    def endpoint(self, name: str) -> tuple[str, int] | None:
        """ADDRESS:PORT, an IPv6 address in brackets; None where it is not set."""
        text = self._environ.get(name, "")
        host, _, port = text.rpartition(":")
        try:
            address = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
        except ValueError:
            address = None
        bare_v6 = address is not None and address.version == 6 and not host.startswith("[")
        if address is not None and not bare_v6 and port.isdecimal() and 1 <= int(port) <= 65535:
            return host, int(port)
        if text:
            self._problems.append(f"{name} is {text!r} and not ADDRESS:PORT, an IPv6 address in brackets")
        return None

    def own_endpoint(self, name: str) -> tuple[str, int] | None:
        """ADDRESS:PORT of one address of this host; the address without brackets."""
        found = self.endpoint(name)
        if found is None:
            return None
        address = found[0].strip("[]")
        known = ip_address(address)
        if known.is_unspecified or (known.version == 6 and known.ipv4_mapped is not None):
            self._problems.append(
                f"{name} is {self._environ[name]!r}, which is every address of this host, or an IPv4 address"
                " written as an IPv6 one: name the one address that is meant"
            )
        return address, found[1]

    def host_name(self, name: str) -> str:
        text = self._environ.get(name) or socket.gethostname()
        if len(text) > 63:
            self._problems.append(f"{name} (by default the host's name) is {text!r}, longer than 63 characters")
        return text

    def address(self, name: str) -> str:
        text = self._environ.get(name, "")
        try:
            return str(ip_address(text))
        except ValueError:
            if text:
                self._problems.append(f"{name} is {text!r} and not an IPv6 or IPv4 address")
            return "::1"
