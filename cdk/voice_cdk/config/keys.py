"""The keys of a table, and what can be read of it: what is unfit is told, and the rest is read on."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from voice_cdk.config.faults import SHOWN, Faults, key, shown

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Report = Callable[[str], None]
"""Takes the sentence of a fault in a value."""
Reader = Callable[[object, Report], T | None]
"""Makes a value of what TOML holds, or reports why not and returns None. A list is returned without its unfit items."""


class Unfit(ValueError):
    """A value that its key does not take; the text is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Key(Generic[T_co]):
    """A key of a table.

    Attributes:
        name: as written in the file.
        read: makes its value.
        example: how a line of it may look, for who left it out.
        default: its value when it is not there; None: it must be there, unless `optional`.
    """

    name: str
    read: Reader[T_co]
    example: str
    default: T_co | None = None
    optional: bool = False


class Section:
    """What could be read of one table: values by their keys. What could not is None, and was reported."""

    def __init__(self, where: str, values: Mapping[str, object], given: Iterable[str] = ()) -> None:
        self._where = where
        self._values = values
        self._given = frozenset(given)

    def get(self, which: Key[T]) -> T | None:
        """Return the value of a key; None: it is unfit, or not there."""
        return cast("T | None", self._values.get(which.name))

    def __getitem__(self, which: Key[T]) -> T:
        """Return the value of a key, once nothing was at fault."""
        return cast("T", self._values[which.name])

    def given(self, which: Key[T]) -> bool:
        """Whether the file names the key, be it misspelt."""
        return self.names(which.name)

    def names(self, name: str) -> bool:
        """Whether the file names a key or a table of this name, be it misspelt."""
        return name in self._given

    def at(self, which: Key[T]) -> str:
        """Return the path of a key."""
        return _path(self._where, which.name)


class Tables:
    """The keys of every table of the file, by which a misspelt or misplaced one is known.

    `clients` is the table that has one table for each client.
    """

    def __init__(self, tables: Mapping[str, Sequence[Key[object]]], *, clients: str) -> None:
        self._names = {table: [each.name for each in keys] for table, keys in tables.items()}
        self._clients = clients

    def unknown(self, name: str, value: object, known: Sequence[str], lacking: Sequence[str]) -> tuple[str, str | None]:
        """Return the sentence for an unknown key of a table, and which of its keys it stands for, if one.

        Args:
            name: the key.
            value: its value.
            known: the keys of the table.
            lacking: those of them that are not there.
        """
        # The comparison takes the square of the length: nobody misspells a key with a hundred letters.
        likely = functools.partial(difflib.get_close_matches, name.lower()[:SHOWN], n=1, cutoff=0.65)
        homes = [home for home, names in self._names.items() if name in names]
        if homes and (near := likely(lacking)):
            return f'this key belongs {self._home(homes[0])}; write "{near[0]}", if that is meant', near[0]
        if homes:
            return f"this key belongs {self._home(homes[0])}", None
        if near := likely(known):
            return f'there is no such key; write "{near[0]}", if that is meant', near[0]
        if isinstance(value, dict) and set(value) & set(self._names[self._clients]):
            return "these are the keys of a client, whose table is [clients.NAME], the name without a point", None
        return f"there is no such key; the keys here are {_listed(known)}", None

    def is_of_a_client(self, name: str) -> bool:
        """Whether a client has a key of this name."""
        return name in self._names[self._clients]

    def _home(self, table: str) -> str:
        if not table:
            return "at the top of the file, above the first [table]"
        return "to each client" if table == self._clients else f"under [{table}]"


def table(value: object, where: str, faults: Faults) -> dict[str, object] | None:
    """Return a table of the file; None after a fault."""
    if isinstance(value, dict):
        return value
    faults.add(where, f"this is {_kind(value)}, and a table is wanted: write [{where}] above its keys")
    return None


def section(
    found: Mapping[str, object],
    keys: Sequence[Key[object]],
    *,
    where: str,
    tables: Tables,
    faults: Faults,
    also: Sequence[str] = (),
) -> Section:
    """Read a table: every key of `keys`; those of `also` are read by others. Faults are added to `faults`."""
    names = [each.name for each in keys] + list(also)
    meant = _unknown(found, names, where, tables, faults)
    values: dict[str, object] = {}
    for each in keys:
        if each.name in found:
            values[each.name] = each.read(found[each.name], _reporter(faults, _path(where, each.name)))
        elif each.name in meant:
            values[each.name] = None  # what was meant is not known: neither its default, nor that it is missing
        elif each.default is not None:
            values[each.name] = each.default
        elif each.optional:
            values[each.name] = None
        else:
            faults.add(_path(where, each.name), f"this is missing; write it like this: {each.example}")
    return Section(where, values, {*found, *meant})


def scalar(make: Callable[[object], T]) -> Reader[T]:
    """Return the reader of a single value by a function that returns it or raises Unfit."""

    def read(value: object, report: Report) -> T | None:
        try:
            return make(value)
        except Unfit as unfit:
            report(str(unfit))
            return None

    return read


def listed(make: Callable[[object], T], what: str) -> Reader[tuple[T, ...]]:
    """Return the reader of a list of such values; `what` names them, in the plural."""

    def read(value: object, report: Report) -> tuple[T, ...] | None:
        if not isinstance(value, list):
            report(f"this is {_kind(value)}, and a list of {what} is wanted: put it between [ and ]")
            return None
        made = []
        for number, item in enumerate(value, 1):
            try:
                made.append(make(item))
            except Unfit as unfit:
                report(f"item {number}: {unfit}")
        return tuple(made)

    return read


def text(value: object, wanted: str) -> str:
    """Return a text of the file; `wanted` says which, with an example.

    Raises:
        Unfit: it is no text, or empty, or has blanks around it.
    """
    if not isinstance(value, str):
        raise Unfit(f"this is {_kind(value)}, and a text between quotes is wanted: {wanted}")
    if not value.strip():
        raise Unfit(f"this is empty; write {wanted}")
    if value != value.strip():
        raise Unfit(f"there are blanks around {shown(value.strip())}; take them out")
    return value


def _unknown(found: Mapping[str, object], names: Sequence[str], where: str, tables: Tables, faults: Faults) -> set[str]:
    meant = set()
    lacking = [each for each in names if each not in found]
    for name, value in found.items():
        if name not in names:
            sentence, near = tables.unknown(name, value, names, lacking)
            faults.add(_path(where, name), sentence)
            meant.add(near)
    return {each for each in meant if each is not None}


def _reporter(faults: Faults, where: str) -> Report:
    return lambda sentence: faults.add(where, sentence)


def _path(where: str, name: str) -> str:
    return f"{where}.{key(name)}" if where else key(name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}"


def _kind(value: object) -> str:
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {shown(value)}"
    return shown(value)
