"""The portal's settings, read from the environment once, with every fault named at once."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from voice_portal.config import keys
from voice_portal.config.providers import reading
from voice_portal.config.providers.model import NONE, Providers
from voice_portal.config.secretfile import SecretValue

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class InvalidEnvironment(Exception):
    """One or more settings are missing or wrong; the message names all of them.

    `may_pass`: nothing is wrong but what files hold, which whoever mounted them may exchange. `metrics_port` is right
    then.
    """

    def __init__(self, faults: list[str], *, may_pass: bool = False, metrics_port: int = 0) -> None:
        super().__init__("The portal cannot start:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults, self.may_pass, self.metrics_port = faults, may_pass, metrics_port


@dataclass(frozen=True, kw_only=True)
class Env:
    """What docs/architecture.md lists for the portal, typed."""

    mysql_host: str
    mysql_port: int
    mysql_database: str
    mysql_user: str
    mysql_password: SecretValue
    mysql_tls_ca: Path | None
    grafana_url: str
    grafana_tls_ca: Path | None
    portal_url: str
    secret_key: SecretValue
    grafana_jwt_key_file: Path
    trusted_proxies: tuple[Network, ...]
    metrics_port: int
    providers: Providers = NONE
    session_idle: timedelta = timedelta(minutes=60)
    session_absolute: timedelta = timedelta(hours=12)
    session_reauthenticate: timedelta = timedelta(minutes=60)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the portal over TLS."""
        return self.portal_url.startswith("https://")

    @property
    def mysql_address(self) -> str:
        """Host and port of MySQL, as one word."""
        host = f"[{self.mysql_host}]" if ":" in self.mysql_host else self.mysql_host
        return f"{host}:{self.mysql_port}"

    @property
    def hostname(self) -> str:
        """The name in the portal's public URL."""
        return urlsplit(self.portal_url).hostname or ""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Env":
        """The settings in `environ`; raises InvalidEnvironment naming everything that is missing or wrong."""
        reader = _Reader(environ)
        env = cls(
            mysql_host=reader.required("VOICE_MYSQL_HOST"),
            mysql_port=reader.port("VOICE_MYSQL_PORT", 3306),
            mysql_database=reader.optional("VOICE_MYSQL_DATABASE", "voice"),
            mysql_user=reader.required("VOICE_MYSQL_USER"),
            mysql_password=reader.secret("VOICE_MYSQL_PASSWORD"),
            mysql_tls_ca=reader.file("VOICE_MYSQL_TLS_CA"),
            grafana_url=reader.url("VOICE_GRAFANA_URL"),
            grafana_tls_ca=reader.file("VOICE_GRAFANA_TLS_CA"),
            portal_url=reader.url("VOICE_PORTAL_URL"),
            secret_key=reader.secret("VOICE_PORTAL_SECRET_KEY", keys.MINIMUM_LENGTH),
            grafana_jwt_key_file=Path(reader.required("VOICE_GRAFANA_JWT_KEY_FILE")),
            trusted_proxies=reader.networks("VOICE_PORTAL_TRUSTED_PROXIES"),
            metrics_port=reader.port("VOICE_PORTAL_METRICS_PORT", 8081),
            providers=reader.providers("VOICE_PORTAL_PROVIDERS_FILE"),
            session_idle=timedelta(minutes=reader.number("VOICE_PORTAL_SESSION_IDLE_MINUTES", 60)),
            session_absolute=timedelta(hours=reader.number("VOICE_PORTAL_SESSION_ABSOLUTE_HOURS", 12)),
            session_reauthenticate=timedelta(minutes=reader.number("VOICE_PORTAL_SESSION_REAUTHENTICATE_MINUTES", 60)),
        )
        if reader.faults:
            may_pass = reader.faults == reader.contents
            raise InvalidEnvironment(reader.faults, may_pass=may_pass, metrics_port=env.metrics_port)
        return env


class _Reader:
    """Reads one variable after another and remembers what was wrong instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []
        # Those of them that are of what is in a file that is there.
        self.contents: list[str] = []

    def required(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value:
            self.faults.append(f"{name} is not set")
        return value

    def optional(self, name: str, default: str) -> str:
        return self._environ.get(name, "") or default

    def port(self, name: str, default: int) -> int:
        text = self.optional(name, str(default))
        if text.isdecimal() and 0 < int(text) < 65536:
            return int(text)
        self.faults.append(f"{name} must be a port number, not {text!r}")
        return default

    def number(self, name: str, default: int) -> int:
        text = self.optional(name, str(default))
        if text.isdecimal() and 0 < int(text) < 100_000:
            return int(text)
        self.faults.append(f"{name} must be a whole number above 0, not {text!r}")
        return default

    def providers(self, name: str) -> Providers:
        if not (text := self.optional(name, "")):
            return NONE
        try:
            return reading.read(Path(text))
        except reading.Faults as error:
            self.faults += error.faults
            self.contents += error.contents
            return NONE

    def url(self, name: str) -> str:
        value = self.required(name)
        if value and not (value.startswith(("http://", "https://")) and urlsplit(value).hostname):
            self.faults.append(f"{name} must be an http:// or https:// URL, not {value!r}")
        return value.rstrip("/")

    def networks(self, name: str) -> tuple[Network, ...]:
        found = []
        for text in filter(None, (part.strip() for part in self.optional(name, "").split(","))):
            try:
                network = ipaddress.ip_network(text)
            except ValueError:
                self.faults.append(f"{name} must be networks such as 192.0.2.0/24, separated by commas, not {text!r}")
                continue
            if network.prefixlen == 0:
                self.faults.append(f"{name} must not be everybody, who could then choose an address: {text!r}")
            found.append(network)
        return tuple(found)

    def file(self, name: str) -> Path | None:
        if not (text := self.optional(name, "")):
            return None
        path = Path(text)
        if fault := _unreadable(path):
            self._wrong(f"{name} names {path}, which {fault}", path)
        return path

    def secret(self, name: str, least: int = 1) -> SecretValue:
        value = SecretValue.of(name, self._environ)
        if fault := value.fault():
            self._wrong(fault, None if self._environ.get(name) else value.path)
        elif len(value.read()) < least:
            self._wrong(f"{name} must have at least {least} characters", value.path)
        return value

    def _wrong(self, fault: str, path: Path | None) -> None:
        """Note a fault of what the file `path` holds; None: of something else."""
        self.faults.append(fault)
        if path is not None and path.exists():
            self.contents.append(fault)


def _unreadable(path: Path) -> str:
    """Why a file of certificates cannot be used; empty: it can."""
    try:
        ssl.create_default_context(cafile=str(path))
    except FileNotFoundError:
        return "is not there: is the ConfigMap or Secret mounted, with that key?"
    except ssl.SSLError:
        return "holds no certificate: it must be the authority's, in PEM"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""
