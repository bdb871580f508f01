"""How much may go at once. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Iterable

Name = tuple[str, str]
SWEEP_FLOOR = 10


def refuses_sweep(gone: Iterable[object], all_known: Iterable[object]) -> bool:
    """Whether so much has vanished at once that it is likelier a mistake, such as the wrong cluster, than meant.

    A handful (SWEEP_FLOOR or fewer) may always go.
    """
    count = len(set(gone))
    return count > SWEEP_FLOOR and count * 2 > len(set(all_known))


class Guard:
    """Says which probes of the plan stay although nobody declares them.

    Before it has once compared a complete list with the plan, all of them do.
    """

    def __init__(self, *, sweep_all: bool) -> None:
        self._sweep_all = sweep_all
        self._kept: frozenset[Name] | None = None

    def judge(self, in_plan: set[Name], declared: set[Name], ended: set[Name]) -> int:
        """Compare the plan with a complete list; how many probes are kept because too many vanished unseen.

        Those whose end was told (`ended`) are no riddle, and may go.
        """
        gone = in_plan - declared - ended
        refuses = not self._sweep_all and refuses_sweep(gone, in_plan)
        self._kept = frozenset(gone) if refuses else frozenset()
        return len(self._kept)

    def keeps(self, client: str, probe: str) -> bool:
        """Whether this probe's row and dashboard stay although it is not declared."""
        return self._kept is None or (client, probe) in self._kept

    @property
    def has_judged(self) -> bool:
        """Whether a complete list was compared with the plan."""
        return self._kept is not None
