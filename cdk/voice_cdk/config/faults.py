"""What is wrong with a configuration: all of it at once, a sentence for each fault."""

from __future__ import annotations

import json
from dataclasses import dataclass

SHOWN = 60
"""So many characters of a value of the file are repeated in a sentence."""


@dataclass(frozen=True, order=True)
class Fault:
    """One fault: the path of the key (empty: the whole file), and a sentence with what is wrong and how to mend it."""

    where: str
    what: str

    def __str__(self) -> str:
        """The line that a person reads."""
        return f"{self.where}: {self.what}" if self.where else self.what


class ConfigError(Exception):
    """The file is no configuration of a platform; `faults` says why, in the order of the checks, at least one."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class Faults:
    """Collects faults, each once."""

    def __init__(self) -> None:
        self._found: dict[Fault, None] = {}

    def add(self, where: str, what: str) -> None:
        """Note a fault."""
        self._found[Fault(where, what)] = None

    def names(self, where: str) -> bool:
        """Whether there is a fault of this key."""
        return any(each.where == where for each in self._found)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._found)

    def error(self) -> ConfigError:
        """All of them, to be raised."""
        return ConfigError(tuple(self._found))


def shown(value: object) -> str:
    """Return a value of the file as a sentence can hold it: short, in one line, with nothing that moves a cursor."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _short_text(value) if isinstance(value, str) else _cut(_number_or_date(value))


def key(name: str) -> str:
    """Return the name of a key as it stands in a path: bare where TOML lets it be, else as a quoted text."""
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare and len(name) <= SHOWN else _short_text(name)


def _short_text(value: str) -> str:
    quoted = json.dumps(_cut(value), ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in quoted)


def _number_or_date(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a number of thousands of digits"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
