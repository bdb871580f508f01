"""User names and passwords for digest authentication, which live on the SIP host and nowhere else.

The plan only names a credential. What the name stands for is looked up here: in a file that its owner alone can
read, or in AWS Secrets Manager. No password is ever part of a representation, a message or a log line.

Whoever may write a plan may name any credential and any far end, and a far end that is given a proof of a password
can guess at it and pass it on. So each credential lists the clients that may name it, the realms and the hosts that
it is for; elsewhere no proof of it is ever sent.
"""

import json
import logging
import re
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from voice_sipapp import privatefile

AWS = "aws:"
"""What a source in AWS Secrets Manager starts with; the rest is put before each credential's name."""

CACHE_S = 300.0
"""How long a secret of AWS is used before it is asked for again: so a rotated password is found without a restart."""

RETRY_S = 15.0
"""How long a secret that could not be renewed is used on before AWS is asked once more."""

LONGEST_TOLD = 120
"""A realm or a host that a far end named is told up to this length."""

TIMEOUT_S = 3
"""Time to connect to AWS, and time to wait for an answer; with one repetition a look-up ends within 12 s."""

log = logging.getLogger(__name__)


class CredentialsError(Exception):
    """A credential can't be had; the text says which one and why, and never what is in it."""


@dataclass(frozen=True)
class Credential:
    """Who to be in digest authentication (RFC 7616), for whom and where; the password is not part of the
    representation. `clients`: who may name it. `realms`: what a challenge may ask for. `hosts`: next hops that requests
    which bear a proof may be sent to, in the form of `host_form`.
    """

    name: str
    username: str
    password: str = field(repr=False)
    clients: frozenset[str] = field(repr=False)
    realms: frozenset[str] = field(repr=False)
    hosts: frozenset[str] = field(repr=False)

    def refuse_client(self, client: str) -> None:
        """Raises CredentialsError where `client` may not name it. What else it is for concerns no other client."""
        if client not in self.clients:
            raise CredentialsError(
                f"the credential {self.name!r} may not be used by the client {client!r}: `clients` of the credential, "
                "on this SIP host, do not list it"
            )

    def refuse_host(self, host: str) -> None:
        """Raises CredentialsError where no request that bears a proof may be sent to `host`."""
        if host_form(host) not in self.hosts:
            raise CredentialsError(
                f"the credential {self.name!r} may not be used at {host[:LONGEST_TOLD]!r}: `hosts` of the credential, "
                "on this SIP host, do not list it"
            )

    def refuse_realm(self, realm: str) -> None:
        """Raises CredentialsError where a challenge for `realm` may not be met."""
        if realm not in self.realms:
            raise CredentialsError(
                f"the credential {self.name!r} may not be used for the realm {realm[:LONGEST_TOLD]!r}: `realms` of the "
                "credential, on this SIP host, do not list it"
            )

    def found_at(self, address: str) -> "Credential":
        """The same for a call whose next hop, a listed host, was found at `address`: later requests of the call may
        name the address alone.
        """
        return replace(self, hosts=self.hosts | {host_form(address)})


def host_form(host: str) -> str:
    """`host` (an IPv6 literal in brackets or without) in the one form in which hosts are compared: names without
    regard to case, addresses however they are written. A name is never compared with an address.
    """
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return host.lower().removesuffix(".")


class Credentials(Protocol):
    """Where credentials come from."""

    def get(self, name: str, client: str) -> Credential:
        """The credential called `name`, which a probe of `client` named. May wait for a network up to 12 s: not for the
        SIP stack's thread.

        Raises CredentialsError, also where the client may not use it.
        """

    def check(self) -> str:
        """What there is, in a few words, for a person. Raises CredentialsError where nothing can be had."""


def load(source: str) -> Credentials:
    """The credentials at `source`: a file's path, `aws:<prefix>`, or nothing (then every name is unknown).

    Nothing is read yet. Raises CredentialsError where the source can't work at all.
    """
    if not source:
        return NoCredentials()
    if source.startswith(AWS):
        return SecretsManager(source.removeprefix(AWS), _aws_client())
    return CredentialsFile(Path(source))


class NoCredentials:
    """The credentials of a host that was given none."""

    def get(self, name: str, client: str) -> Credential:
        """Know none."""
        raise CredentialsError(f"the credential {name!r} is not known: VOICE_CREDENTIALS is not set on this SIP host")

    def check(self) -> str:
        """Say so."""
        return "none (VOICE_CREDENTIALS is not set)"


class CredentialsFile:
    """A TOML file: a table for each credential, with `username`, `password` and the lists `clients`, `realms` and
    `hosts`. Read anew for each look-up, so that a change counts from the next call on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str, client: str) -> Credential:
        """The credential in the table `name`."""
        tables = self._read()
        if name not in tables:
            # Clients read this, whom the paths of this host do not concern.
            raise CredentialsError(f"the credential {name!r} is not in the file of VOICE_CREDENTIALS on this SIP host")
        return _permitted(_credential(name, tables[name]), client)

    def check(self) -> str:
        """The names, each with its clients, if every one of them is whole."""
        found = [_credential(name, table) for name, table in sorted(self._read().items())]
        told = [f"{each.name} (for {', '.join(sorted(each.clients))})" for each in found]
        return f"{', '.join(told) or 'none'} in {self._path}"

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(privatefile.read(self._path, "the credentials").decode())
        except privatefile.PrivateFileError as error:
            raise CredentialsError(str(error)) from error
        except UnicodeDecodeError:
            raise CredentialsError(f"{self._path} is no text in UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            # The parser's text may quote the file; only where it stumbled is told.
            place = re.search(r"\(at [^)]*\)$", str(error))
            raise CredentialsError(f"{self._path} is no TOML {place[0] if place else ''}".rstrip()) from None


class SecretsManager:
    """Secrets of AWS called `<prefix><name>`, each a JSON object with what a table of the file has.

    `client` is boto3's; `clock` tells seconds. A secret that can't be renewed is used on: calls must not stop
    because AWS can't be reached.
    """

    def __init__(self, prefix: str, client: Any, clock: Callable[[], float] = time.monotonic) -> None:  # noqa: ANN401
        self._prefix = prefix
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Credential]] = {}

    def get(self, name: str, client: str) -> Credential:
        """The secret's credential, at most five minutes old while AWS can be reached."""
        return _permitted(self._found(name), client)

    def _found(self, name: str) -> Credential:
        with self._lock:
            until, known = self._known.get(name, (0.0, None))
            if known is not None and self._clock() < until:
                return known
            try:
                known, keep_s = self._ask(name), CACHE_S
            except CredentialsError as error:
                if known is None or isinstance(error.__cause__, self._gone()):
                    raise
                log.warning("%s; the one known so far is used", error)
                keep_s = RETRY_S
            self._known[name] = (self._clock() + keep_s, known)
            return known

    def check(self) -> str:
        """Whether AWS answers to who we are is only seen with a name; so this tells the source alone."""
        return f"AWS Secrets Manager, {self._prefix}<name> in {self._client.meta.region_name}"

    def _gone(self) -> type[Exception]:
        gone: type[Exception] = self._client.exceptions.ResourceNotFoundException
        return gone

    def _ask(self, name: str) -> Credential:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an optional package

        try:
            answer = self._client.get_secret_value(SecretId=self._prefix + name)
        except ClientError as error:
            reason = error.response.get("Error", {}).get("Code", "an error")
            raise CredentialsError(f"AWS gives no secret {self._prefix + name!r}: {reason}") from error
        except BotoCoreError as error:
            raise CredentialsError(f"AWS gives no secret {self._prefix + name!r}: {type(error).__name__}") from error
        try:
            content = json.loads(answer.get("SecretString") or "")
        except ValueError:
            raise CredentialsError(f"the secret {self._prefix + name!r} is no JSON") from None
        return _credential(name, content)


def _aws_client() -> Any:  # noqa: ANN401 - boto3 makes its classes as it runs
    try:
        import boto3  # noqa: PLC0415 - an optional package
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    except ImportError:
        raise CredentialsError(
            "boto3 is not installed, which `aws:` needs: install voice-quality-reporting[sipapp,aws]"
        ) from None
    config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 2})
    try:
        return boto3.client("secretsmanager", config=config)
    except BotoCoreError as error:  # no region is set, for one
        raise CredentialsError(f"AWS can't be used: {error}") from error


def _permitted(credential: Credential, client: str) -> Credential:
    credential.refuse_client(client)
    return credential


_CLIENT = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([-A-Za-z0-9._]*[A-Za-z0-9_])?\.?")


def _is_host(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return True


_LISTS: dict[str, tuple[Callable[[str], object], str, str]] = {
    "clients": (_CLIENT.fullmatch, '["acme"]', "is no client: list the namespaces of those that may name it"),
    "realms": (lambda text: text not in ("", "*"), '["acme.example"]', "is no realm: list what the challenges name"),
    "hosts": (
        _is_host,
        '["sbc.acme.example", "2001:db8::10"]',
        "is no host: list names and addresses of outbound proxies, destinations and registrars, without ports",
    ),
}
"""What must say where a credential may be used: what an entry must be, an example, and what to tell of any other."""


def _credential(name: str, table: object) -> Credential:
    """The credential that `table` describes."""
    if not isinstance(table, Mapping):
        raise CredentialsError(f"the credential {name!r} has no username and no password")
    username, password = (_text(name, key, table.get(key)) for key in ("username", "password"))
    if missing := [key for key in _LISTS if not (isinstance(table.get(key), list) and table[key])]:
        lines = ", ".join(f"{key} = {example}" for key, (_, example, _) in _LISTS.items() if key in missing)
        raise CredentialsError(
            f"the credential {name!r} does not say where it may be used: it has no {' and no '.join(missing)}; "
            f"add to it lines such as: {lines}"
        )
    clients, realms, hosts = (_list(name, key, table[key]) for key in ("clients", "realms", "hosts"))
    return Credential(name, username, password, clients, realms, frozenset(map(host_form, hosts)))


def _text(name: str, key: str, text: object) -> str:
    if not isinstance(text, str) or not text:
        raise CredentialsError(f"the credential {name!r} has no {key}")
    if not text.isprintable():
        raise CredentialsError(f"the {key} of the credential {name!r} has a character that can't be printed")
    return text


def _list(name: str, key: str, entries: list[object]) -> frozenset[str]:
    """The entries of the list `key`, each of its form. There are no wildcards: who is meant stands there."""
    fits, _, problem = _LISTS[key]
    for entry in entries:
        if not (isinstance(entry, str) and entry.isprintable() and fits(entry)):
            raise CredentialsError(f"{key} of the credential {name!r} has {_told(entry)}, which {problem}")
    return frozenset(str(entry) for entry in entries)


def _told(entry: object) -> str:
    """`entry` as it may be told: nothing of another kind than a text, which may be a password that slipped down."""
    return repr(entry[:LONGEST_TOLD]) if isinstance(entry, str) else f"an entry of the kind {type(entry).__name__}"
