"""The difference between what should be and what is. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Diff(Generic[K, V]):
    """What to write and what to remove; false when there is nothing to do."""

    put: dict[K, V]
    drop: tuple[K, ...]

    def __bool__(self) -> bool:
        return bool(self.put or self.drop)


def diff(want: Mapping[K, V], have: Mapping[K, V]) -> Diff[K, V]:
    """What turns `have` into `want`."""
    return Diff(
        put={key: value for key, value in want.items() if key not in have or have[key] != value},
        drop=tuple(key for key in have if key not in want),
    )


def apply(have: Mapping[K, V], change: Diff[K, V]) -> dict[K, V]:
    """What `have` becomes: the meaning of a Diff, against which the real writers are held."""
    return {key: value for key, value in have.items() if key not in change.drop} | change.put


def shows(want: Mapping[str, Any], have: Mapping[str, Any]) -> bool:
    """Whether `have` holds all that `want` says. A server adds fields of its own to what it is given."""
    for key, value in want.items():
        if key not in have:
            return False
        if isinstance(value, dict) and isinstance(have[key], dict):
            if not shows(value, have[key]):
                return False
        elif have[key] != value:
            return False
    return True


def shows_with_each(want: Mapping[str, Any], have: Mapping[str, Any], key: str) -> bool:
    """`shows`, also for the objects in the list at `key`: as many, in the same order."""
    mine, theirs = want[key], have.get(key) or ()
    rest = {name: value for name, value in want.items() if name != key}
    return len(mine) == len(theirs) and all(map(shows, mine, theirs)) and shows(rest, have)
