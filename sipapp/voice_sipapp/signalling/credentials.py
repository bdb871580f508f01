"""User names and passwords for digest authentication, which live on the SIP host and nowhere else.

The plan only names a credential. What the name stands for is looked up here: in a file that its owner alone can
read, or in AWS Secrets Manager. No password is ever part of a representation, a message or a log line.
"""

import json
import logging
import os
import re
import shlex
import stat
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

AWS = "aws:"
"""What a source in AWS Secrets Manager starts with; the rest is put before each credential's name."""

CACHE_S = 300.0
"""How long a secret of AWS is used before it is asked for again: so a rotated password is found without a restart."""

RETRY_S = 15.0
"""How long a secret that could not be renewed is used on before AWS is asked once more."""

TIMEOUT_S = 3
"""Time to connect to AWS, and time to wait for an answer; with one repetition a look-up ends within 12 s."""

log = logging.getLogger(__name__)


class CredentialsError(Exception):
    """A credential can't be had; the text says which one and why, and never what is in it."""


@dataclass(frozen=True)
class Credential:
    """Who to be in digest authentication (RFC 7616); the password is not part of the representation."""

    username: str
    password: str = field(repr=False)


class Credentials(Protocol):
    """Where credentials come from."""

    def get(self, name: str) -> Credential:
        """The credential called `name`. May wait for a network up to 12 s: not for the SIP stack's thread.

        Raises CredentialsError.
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

    def get(self, name: str) -> Credential:
        """Know none."""
        raise CredentialsError(f"the credential {name!r} is not known: VOICE_CREDENTIALS is not set on this SIP host")

    def check(self) -> str:
        """Say so."""
        return "none (VOICE_CREDENTIALS is not set)"


class CredentialsFile:
    """A TOML file: a table for each credential, with `username` and `password`. Read anew for each look-up, so that
    a change counts from the next call on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> Credential:
        """The credential in the table `name`."""
        tables = self._read()
        if name not in tables:
            # Clients read this, whom the paths of this host do not concern.
            raise CredentialsError(f"the credential {name!r} is not in the file of VOICE_CREDENTIALS on this SIP host")
        return _credential(name, tables[name])

    def check(self) -> str:
        """The names, if every one of them is whole."""
        tables = self._read()
        for name, table in tables.items():
            _credential(name, table)
        return f"{', '.join(sorted(tables)) or 'none'} in {self._path}"

    def _read(self) -> dict[str, Any]:
        try:
            # Opened first and then looked at: nobody can put another file in its place in between.
            with self._path.open("rb") as file:
                self._refuse_if_open_to_others(os.fstat(file.fileno()))
                return tomllib.load(file)
        except OSError as error:
            raise CredentialsError(f"the credentials in {self._path} can't be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise CredentialsError(f"{self._path} is no text in UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            # The parser's text may quote the file; only where it stumbled is told.
            place = re.search(r"\(at [^)]*\)$", str(error))
            raise CredentialsError(f"{self._path} is no TOML {place[0] if place else ''}".rstrip()) from None

    def _refuse_if_open_to_others(self, found: os.stat_result) -> None:
        path = shlex.quote(str(self._path))
        if not stat.S_ISREG(found.st_mode):
            raise CredentialsError(f"{self._path} is no file")
        if found.st_uid != os.geteuid():
            raise CredentialsError(
                f"{self._path} belongs to user {found.st_uid} and not to the one who runs this ({os.geteuid()}): "
                f"chown {os.geteuid()} {path} && chmod 0600 {path}"
            )
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise CredentialsError(f"{self._path} can be read by others (mode {mode:04o}): chmod 0600 {path}")


class SecretsManager:
    """Secrets of AWS called `<prefix><name>`, each a JSON object with `username` and `password`.

    `client` is boto3's; `clock` tells seconds. A secret that can't be renewed is used on: calls must not stop
    because AWS can't be reached.
    """

    def __init__(self, prefix: str, client: Any, clock: Callable[[], float] = time.monotonic) -> None:  # noqa: ANN401
        self._prefix = prefix
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Credential]] = {}

    def get(self, name: str) -> Credential:
        """The secret's credential, at most five minutes old while AWS can be reached."""
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


def _credential(name: str, table: object) -> Credential:
    """The credential that `table` describes."""
    if not isinstance(table, Mapping):
        raise CredentialsError(f"the credential {name!r} has no username and no password")
    texts = []
    for key in ("username", "password"):
        text = table.get(key)
        if not isinstance(text, str) or not text:
            raise CredentialsError(f"the credential {name!r} has no {key}")
        if not text.isprintable():
            raise CredentialsError(f"the {key} of the credential {name!r} has a character that can't be printed")
        texts.append(text)
    return Credential(*texts)
