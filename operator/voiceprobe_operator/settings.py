"""What the operator is told by its environment and its command line, which goes first."""

from __future__ import annotations

import argparse
import dataclasses
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voiceprobe_operator.logs import LEVELS
from voiceprobe_operator.secretvalue import FILE, SecretValue


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What is right of settings that are wrong otherwise: enough to say so, where the kubelet asks and in the log."""

    liveness_port: int
    log_level: str


class SettingsError(Exception):
    """The environment lacks something or holds something unusable; the text names everything at once.

    `meanwhile` is there if nothing is wrong but what files hold: whoever mounted them may exchange that.
    """

    def __init__(self, problems: Sequence[str], meanwhile: Meanwhile | None = None) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        self.meanwhile = meanwhile


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting, by its environment variable: what it means, and its default (None: it must be set)."""

    name: str
    says: str
    default: str | None = None
    is_number: bool = False
    is_file: bool = False
    is_switch: bool = False
    is_secret: bool = False
    has_file: bool = False
    choices: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The environment variables that say it: for some, also one that names a file that holds it."""
        return (self.name, self.name + FILE) if self.has_file else (self.name,)

    @property
    def flag(self) -> str:
        """Its flag on the command line; empty: it has none, since everybody on the machine can read a command line."""
        return "" if self.is_secret else "--" + self.name.removeprefix("VOICE_").lower().replace("_", "-")


VARIABLES = (
    Variable("VOICE_MYSQL_HOST", "host of the MySQL server"),
    Variable("VOICE_MYSQL_PORT", "its port", "3306", is_number=True),
    Variable("VOICE_MYSQL_DATABASE", "the database", "voice"),
    Variable("VOICE_MYSQL_USER", "the operator's account"),
    Variable("VOICE_MYSQL_PASSWORD", "its password", is_secret=True, has_file=True),
    Variable(
        "VOICE_MYSQL_TLS_CA", "file of the authority that signed MySQL's certificate; empty: no TLS", "", is_file=True
    ),
    Variable("VOICE_GRAFANA_URL", "Grafana as seen from here, with /grafana"),
    Variable("VOICE_GRAFANA_USER", "a server administrator of Grafana", has_file=True),
    Variable("VOICE_GRAFANA_PASSWORD", "the administrator's password", is_secret=True, has_file=True),
    Variable(
        "VOICE_GRAFANA_TLS_CA",
        "file of the authority that signed Grafana's certificate; empty: one that the system trusts",
        "",
        is_file=True,
    ),
    Variable("VOICE_GRAFANA_MYSQL_ADDRESS", "host:port of MySQL as Grafana sees it; empty: as the operator does", ""),
    Variable("VOICE_PORTAL_URL", "public address of the portal"),
    Variable("VOICE_OPERATOR_NAMESPACE", "namespace of the operator: where it keeps the clients' passwords"),
    Variable("VOICE_RESYNC_SECONDS", "time between two comparisons of everything", "300", is_number=True),
    Variable("VOICE_STATUS_SECONDS", "time between two looks at health and last calls", "15", is_number=True),
    Variable(
        "VOICE_SWEEP_ALL",
        "yes: remove what nobody declares any more even if that is more than half of the plan",
        "no",
        is_switch=True,
    ),
    Variable(
        "VOICE_ALERT_SECONDS", "time between two evaluations of the alert rules, a multiple of 10", "60", is_number=True
    ),
    Variable("VOICE_LIVENESS_PORT", "port that answers /healthz, /readyz and /metrics", "8081", is_number=True),
    Variable("VOICE_LOG_LEVEL", "least severity that is logged", "info", choices=LEVELS),
)


MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, ready to use. Times are in seconds. Secrets stay out of its repr."""

    mysql_host: str
    mysql_port: int
    mysql_database: str
    mysql_user: str
    mysql_password: SecretValue
    mysql_tls_ca: Path | None
    grafana_url: str
    grafana_user: SecretValue
    grafana_password: SecretValue
    grafana_tls_ca: Path | None
    grafana_mysql_address: str
    portal_url: str
    operator_namespace: str
    resync_seconds: int
    status_seconds: int
    sweep_all: bool
    alert_seconds: int
    liveness_port: int
    log_level: str
    # What was the database's password at the start: a digest with another key would have everything written anew.
    fingerprint_key: str = dataclasses.field(repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Settings as `env` has them; raises SettingsError that names all that is missing or unusable."""
        values = {variable.name: env.get(variable.name) or variable.default or "" for variable in VARIABLES}
        secrets = {variable.name: SecretValue.of(variable.name, env) for variable in VARIABLES if variable.has_file}
        problems, contents = list(_problems(values, secrets)), list(_wrong_contents(values, secrets))
        if problems:
            raise SettingsError([*problems, *contents])
        if contents:
            meanwhile = Meanwhile(int(values["VOICE_LIVENESS_PORT"]), values["VOICE_LOG_LEVEL"])
            raise SettingsError(contents, meanwhile)
        host, port = values["VOICE_MYSQL_HOST"], int(values["VOICE_MYSQL_PORT"])
        return cls(
            mysql_host=host,
            mysql_port=port,
            mysql_database=values["VOICE_MYSQL_DATABASE"],
            mysql_user=values["VOICE_MYSQL_USER"],
            mysql_password=secrets["VOICE_MYSQL_PASSWORD"],
            mysql_tls_ca=_path(values["VOICE_MYSQL_TLS_CA"]),
            grafana_url=values["VOICE_GRAFANA_URL"].rstrip("/"),
            grafana_user=secrets["VOICE_GRAFANA_USER"],
            grafana_password=secrets["VOICE_GRAFANA_PASSWORD"],
            grafana_tls_ca=_path(values["VOICE_GRAFANA_TLS_CA"]),
            grafana_mysql_address=values["VOICE_GRAFANA_MYSQL_ADDRESS"] or address(host, port),
            portal_url=values["VOICE_PORTAL_URL"].rstrip("/"),
            operator_namespace=values["VOICE_OPERATOR_NAMESPACE"],
            resync_seconds=int(values["VOICE_RESYNC_SECONDS"]),
            status_seconds=int(values["VOICE_STATUS_SECONDS"]),
            sweep_all=values["VOICE_SWEEP_ALL"] == "yes",
            alert_seconds=int(values["VOICE_ALERT_SECONDS"]),
            liveness_port=int(values["VOICE_LIVENESS_PORT"]),
            log_level=values["VOICE_LOG_LEVEL"],
            fingerprint_key=secrets["VOICE_MYSQL_PASSWORD"].read(),
        )


def _problems(values: Mapping[str, str], secrets: Mapping[str, SecretValue]) -> Iterator[str]:
    for variable in VARIABLES:
        value = values[variable.name]
        if _is_file_alone(variable, values, secrets):
            continue
        if variable.has_file:
            yield from secrets[variable.name].problems(variable.says)
        elif variable.default is None and not value:
            yield f"{variable.name} is missing: {variable.says}"
        elif fault := _fault(variable, value):
            yield fault
    yield from _problems_together(values)


def _fault(variable: Variable, value: str) -> str:
    """What is wrong with the value of a setting that is no secret; empty: nothing."""
    name = variable.name
    if variable.is_number and not (value.isascii() and value.isdigit() and int(value) > 0):
        return f"{name} must be a whole number above 0, not {value!r}"
    if variable.is_number and name.endswith("_PORT") and int(value) > MAX_PORT:
        return f"{name} must be at most {MAX_PORT}, not {value}"
    if variable.is_switch and value not in {"yes", "no"}:
        return f"{name} must be yes or no, not {value!r}"
    if variable.is_file and value:
        return f"{name} names {value}, which {_unreadable(Path(value))}"
    if variable.choices and value not in variable.choices:
        return f"{name} must be one of {', '.join(variable.choices)}, not {value!r}"
    return ""


def _problems_together(values: Mapping[str, str]) -> Iterator[str]:
    if (seconds := values["VOICE_ALERT_SECONDS"]).isdigit() and int(seconds) % 10:
        # Grafana refuses rules that are evaluated at any other time.
        yield f"VOICE_ALERT_SECONDS must be a multiple of 10, not {seconds}"
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", values["VOICE_MYSQL_DATABASE"]):
        yield "VOICE_MYSQL_DATABASE must be letters, digits and _ only, at most 64"
    for name in ("VOICE_GRAFANA_URL", "VOICE_PORTAL_URL"):
        if (url := values[name]) and not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url):
            yield f"{name} must be an http:// or https:// URL without a login, not {url!r}"


def _wrong_contents(values: Mapping[str, str], secrets: Mapping[str, SecretValue]) -> Iterator[str]:
    """What is wrong with what is in files that are there."""
    for variable in VARIABLES:
        value = values[variable.name]
        if not _is_file_alone(variable, values, secrets):
            continue
        if variable.has_file:
            yield from secrets[variable.name].problems(variable.says)
        elif fault := _unreadable(Path(value)):
            yield f"{variable.name} names {value}, which {fault}"


def _is_file_alone(variable: Variable, values: Mapping[str, str], secrets: Mapping[str, SecretValue]) -> bool:
    """Whether the setting is what a file holds, and that file is there."""
    value = values[variable.name]
    if variable.is_file:
        return bool(value) and Path(value).exists()
    path = secrets[variable.name].path if variable.has_file else None
    return path is not None and path.exists() and not value


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _unreadable(path: Path) -> str:
    """Why a file of certificates cannot be used; empty if it can."""
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        return "is not PEM: it holds more than ASCII text"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return "holds no certificate: it must be the authority's, in PEM"
    return ""


def parser() -> argparse.ArgumentParser:
    """The command line: a flag for each setting that is no secret."""
    result = argparse.ArgumentParser(
        prog="python -m voiceprobe_operator",
        description="Turns VoiceProbes into a call plan, Grafana objects and statuses.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for variable in VARIABLES:
        if variable.flag:
            metavar = "NUMBER" if variable.is_number else "FILE" if variable.is_file else "VALUE"
            result.add_argument(variable.flag, dest=variable.name, metavar=metavar, help=_help(variable))
        if variable.has_file:
            text = f"file that holds {variable.says}, read again when it changed ({variable.name}{FILE})"
            flag = "--" + (variable.name + FILE).removeprefix("VOICE_").lower().replace("_", "-")
            result.add_argument(flag, dest=variable.name + FILE, metavar="FILE", help=text.replace("%", "%%"))
    return result


def from_command_line(arguments: list[str] | None, env: Mapping[str, str]) -> Settings:
    """Settings as flags and environment have them; raises SettingsError that names all that is wrong."""
    flags = {name: value for name, value in vars(parser().parse_args(arguments)).items() if value is not None}
    # A flag goes before whatever the environment says of its setting, by either of its names.
    said = {name for variable in VARIABLES if flags.keys() & set(variable.names) for name in variable.names}
    return Settings.from_env({name: value for name, value in env.items() if name not in said} | flags)


def _help(variable: Variable) -> str:
    choices = f", one of {', '.join(variable.choices)}" if variable.choices else ""
    required = f"this or {variable.name}{FILE} is required" if variable.has_file else "required"
    default = required if variable.default is None else f"default {variable.default or 'empty'}"
    return f"{variable.says}{choices} ({variable.name}; {default})".replace("%", "%%")


def _epilog() -> str:
    secrets = (f"  {variable.name:<24} {variable.says}" for variable in VARIABLES if variable.is_secret)
    return "\n".join(
        [
            "Each flag can also be set by the environment variable in brackets. These can only be set there or in a",
            "file, as a command line is no secret:",
            *secrets,
        ]
    )


def address(host: str, port: int) -> str:
    """`host` with `port`, as one word; an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
