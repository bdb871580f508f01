"""Settings of the SIP application, from the environment (docs/architecture.md lists them)."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

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
  VOICE_RTP_PORTS           first and last UDP port for media (20000-29998)
  VOICE_SPOOL               SQLite file that keeps records until the database has them
  VOICE_AUDIO               folder with <name>.wav: mono, 16 bit, 8,000 Hz"""


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
    """Everything the application is told from outside."""

    database: Database
    sip_host: str
    address: str
    dialer_port: int
    receiver_port: int
    rtp_ports: tuple[int, int]
    spool: Path
    audio: Path


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
        rtp_ports=read.port_range("VOICE_RTP_PORTS", "20000-29998"),
        spool=Path(environ.get("VOICE_SPOOL", "")),
        audio=Path(environ.get("VOICE_AUDIO", "")),
    )
    if settings.dialer_port == settings.receiver_port:
        problems.append("VOICE_SIP_DIALER_PORT and VOICE_SIP_RECEIVER_PORT must differ")
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


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
