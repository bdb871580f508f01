"""Reads the keys of one TOML table, and remembers what was wrong instead of stopping at the first."""

import difflib
import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from voice_portal.config.secretfile import SecretValue, UnreadableSecret

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
LONGEST = 255


class Table:
    """One table and where it stands, for sentences. `faults` and `contents` are shared by all of a file's tables.

    `contents`: those of the faults that are of what is in a file that is there, and may pass when that is exchanged.
    """

    def __init__(self, values: Mapping[str, Any], where: str, faults: list[str], contents: list[str]) -> None:
        self._values, self.where, self._faults, self._contents = values, where, faults, contents
        self._known: set[str] = set()
        self._before = len(faults)

    def wrong(self, sentence: str) -> None:
        """Note what is wrong with this table."""
        self._faults.append(f"{self.where}: {sentence}")

    @property
    def is_fine(self) -> bool:
        """Whether nothing is wrong with this table so far."""
        return len(self._faults) == self._before

    def has(self, key: str) -> bool:
        """Whether the key is there; it counts as known from now on."""
        self._known.add(key)
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """A line of text; required where there is no `default`."""
        if not self.has(key):
            if default is None:
                self.wrong(f"{key} is missing")
            return default or ""
        value = self._values[key]
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.wrong(f"{key} must be a line of text, not {value!r}")
            return ""
        return value

    def label(self, key: str) -> str:
        """A DNS label."""
        value = self.text(key)
        if value and not LABEL.fullmatch(value):
            self.wrong(f"{key} must be small letters, digits and '-', at most 63, not {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of lines of text; empty where the key is not there."""
        value = self._values.get(key, []) if self.has(key) else []
        fine = isinstance(value, list) and all(
            isinstance(one, str) and one.strip() and one.isprintable() and len(one) <= LONGEST for one in value
        )
        if not fine:
            self.wrong(f"{key} must be a list of lines of text, each of at most {LONGEST} characters, not {value!r}")
            return ()
        return tuple(value)

    def domains(self, key: str) -> frozenset[str]:
        """Domains of e-mail addresses, in lower case."""
        found = {one.lower() for one in self.texts(key)}
        for one in sorted(found):
            if not DOMAIN.fullmatch(one):
                self.wrong(f"{key} must be domains such as example.net, not {one!r}")
        return frozenset(found)

    def pems(self, key: str) -> tuple[str, ...]:
        """A list of at least one certificate in PEM."""
        value = self._values.get(key) if self.has(key) else []
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            self.wrong(f"{key} must be a list of certificates in PEM")
            return ()
        for number, text in enumerate(value, 1):
            try:
                x509.load_pem_x509_certificate(text.encode())
            except ValueError:
                self.wrong(f"{key} must be certificates in PEM, and number {number} is none")
        return tuple(value)

    def url(self, key: str, default: str | None = None) -> str:
        """An https:// URL without a query, as it is written: whoever is named by it compares every letter."""
        value = self.text(key, default)
        try:
            parts = urlsplit(value)
            fine = parts.scheme == "https" and bool(parts.hostname) and not (parts.query or parts.fragment)
            fine = fine and parts.username is None and not re.search(r"[\s\"'<>;,\\]", value)
            _ = parts.port
        except ValueError:
            fine = False
        if value and not fine:
            self.wrong(f"{key} must be an https:// URL, without a query, not {value!r}")
        return value

    def secret(self, key: str) -> SecretValue:
        """What stands in the file that the key names, and is read when it is needed."""
        path = Path(self.text(key))
        value = SecretValue(key, path=path, origin=f"{self.where}: {key}")
        if path != Path():
            self._look(path, value.read)
        return value

    def authorities(self, key: str) -> Path | None:
        """A file of certificates in PEM; None where the key is not there."""
        if not self.has(key):
            return None
        path = Path(self.text(key))
        if path != Path():
            self._look(path, lambda: ssl.create_default_context(cafile=str(path)))
        return path

    def end(self) -> None:
        """Note each key that nobody asked for."""
        for key in sorted(self._values.keys() - self._known):
            near = difflib.get_close_matches(key, self._known, 1)
            self.wrong(f"there is no setting {key!r}" + (f": is {near[0]!r} meant?" if near else ""))

    def _look(self, path: Path, read: Callable[[], object]) -> None:
        """Read once, to tell at the start what is wrong with a file."""
        try:
            read()
        except UnreadableSecret as error:
            fault = str(error)
        except FileNotFoundError:
            fault = f"{self.where}: {path} is not there: is the ConfigMap or Secret mounted, with that key?"
        except ssl.SSLError:
            fault = f"{self.where}: {path} holds no certificate: it must be the authority's, in PEM"
        except OSError as error:
            fault = f"{self.where}: {path} cannot be read: {error.strerror}"
        else:
            return
        self._faults.append(fault)
        if path.exists():
            self._contents.append(fault)
