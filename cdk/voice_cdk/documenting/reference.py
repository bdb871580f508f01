"""What each key of a configuration means: defaults are the schema's, sentences the example's comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from voice_cdk.config import schema
from voice_cdk.config.keys import Key
from voice_cdk.documenting.tables import table

_KEY = re.compile(r"(?P<name>\w+)\s*=\s*[^#]*(#\s*(?P<note>.*))?")
_TABLE = re.compile(r"\[(?P<name>\w+)\]\s*(#\s*(?P<note>.*))?")
_CLIENT_KEY = re.compile(r"#   (?P<name>\w+)  +(?P<note>\S.*)")
_MORE = re.compile(r"#    +(?P<note>\S.*)")
_DEFAULT = re.compile(r"[;.,]?\s*\b[Dd]efault:? (\"[^\"]*\"|[\d.]*\d)(?=[.,;]|$)")


class UndescribedError(ValueError):
    """Keys of the schema that the example says nothing about; the text names them."""


def reference(example: str) -> str:
    """All keys, a table for each table of the file; `example` is the text of cdk/config/example.toml.

    Raises:
        UndescribedError: the example does not say what a key means.
    """
    meanings = Meanings(example)
    tables = {"": schema.TOP, **schema.SECTIONS, schema.CLIENTS: schema.CLIENT}
    every = [(name, key) for name, keys in tables.items() for key in keys]
    missing = [_path(name, key) for name, key in every if not _sentence(meanings.of(name, key.name))]
    if missing:
        raise UndescribedError(f"cdk/config/example.toml does not say what these mean: {', '.join(missing)}")
    return "\n\n".join(_table(name, keys, meanings) for name, keys in tables.items())


def _table(name: str, keys: Sequence[Key[object]], meanings: Meanings) -> str:
    head = f"**`[{name}]`**" if name else "**At the top**"
    note = meanings.of(name, "")
    if name == schema.CLIENTS:
        head = "**A client**, `NAME = { … }` under `[clients]`"
    rows = [[f"`{key.name}`", _default(key), _sentence(meanings.of(name, key.name))] for key in keys]
    return f"{head}{': ' + note if note else ''}\n\n{table(['key', 'default', 'meaning'], rows)}"


def _default(key: Key[object]) -> str:
    if key.default is None:
        return "none" if key.optional else "must be there"
    if isinstance(key.default, tuple):
        return f"`[{', '.join(map(str, key.default))}]`"
    return f'`"{key.default}"`' if isinstance(key.default, str) else f"`{key.default:g}`"


def _sentence(note: str) -> str:
    """A comment without its word on the default, which has a column of its own."""
    left = _DEFAULT.sub("", note).strip(" .")
    return f"{left[:1].upper()}{left[1:]}"


def _path(name: str, key: Key[object]) -> str:
    return f"{name}.{key.name}" if name else key.name


class Meanings:
    """Comments of the example by table and key: those beside a key, and the block above it."""

    def __init__(self, example: str) -> None:
        self._found: dict[tuple[str, str], list[str]] = {}
        self._read(example.splitlines())

    def of(self, name: str, key: str) -> str:
        """What a key means; with an empty key, what a table is. Empty where nothing is said."""
        return " ".join(self._found.get((name, key), ()))

    def _read(self, lines: Iterable[str]) -> None:
        where, above, described = "", list[str](), ""
        for line in lines:
            if match := _CLIENT_KEY.fullmatch(line):
                described = match["name"]
                self._note(schema.CLIENTS, described, match["note"])
            elif described and (match := _MORE.fullmatch(line)):
                self._note(schema.CLIENTS, described, match["note"])
            elif line.startswith("#"):
                above, described = [*above, line.removeprefix("#").strip()], ""
            elif match := _TABLE.fullmatch(line):
                where, above = match["name"], []
                self._note(where, "", match["note"] or "")
            elif match := _KEY.fullmatch(line):
                self._note(where, match["name"], _joined(match["note"] or "", above))
                above = []
            else:
                above, described = [], ""

    def _note(self, name: str, key: str, words: str) -> None:
        if words:
            self._found.setdefault((name, key), []).append(words)


def _joined(beside: str, above: Sequence[str]) -> str:
    """What stands beside a key, and then the block above it."""
    return " — ".join(filter(None, [beside, " ".join(above)]))
