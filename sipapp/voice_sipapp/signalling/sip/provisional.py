"""Provisional answers: the early dialogs that they make, and those that must be acknowledged (RFC 3262)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from voice_sipapp.signalling.sip.eventloop import Timer, later
from voice_sipapp.signalling.sip.headers import values

RELIABLE = "100rel"
MOST_EARLY, MOST_ACKNOWLEDGED = 16, 64
"""Early dialogs of one INVITE, and answers that are acknowledged: who sends more makes us write to whom it likes."""

T1_S = 0.5
GIVE_UP_S = 64 * T1_S

_RSEQ = re.compile(r"\s*([0-9]{1,10})\s*")
_RACK = re.compile(r"\s*([0-9]{1,10})\s+([0-9]{1,10})\s+(\S+)\s*")


def asks_for(message: Any, option: str) -> bool:  # noqa: ANN401 - the stack is untyped
    """Whether the Require of `message` names `option`."""
    return any(option == each.strip().lower() for value in values(message, "require") for each in value.split(","))


def rseq(answer: Any) -> int | None:  # noqa: ANN401
    """The number of a provisional `answer` that must be acknowledged; None for one that need not, or can't be."""
    if not asks_for(answer, RELIABLE) or answer.getHFBody("to").getTag() is None:
        return None
    found = next((_RSEQ.fullmatch(each) for each in values(answer, "rseq")), None)
    return int(found[1]) if found and 0 < int(found[1]) < 2**32 else None


class Verdict(Enum):
    """What to do with a provisional answer."""

    TAKE = "take"
    ACKNOWLEDGE = "take, and acknowledge"
    IGNORE = "ignore"


@dataclass
class _Early:
    description: str = ""
    number: int | None = None


class EarlyDialogs:
    """Those of one INVITE of ours, by the far end's tag: each has its own session description (section 13.2.1 of RFC
    3261: the first one is the answer) and numbers its reliable answers for itself.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str | None, int], _Early] = {}
        self._acknowledged = 0
        self._last: str | None = None
        self._described = False

    def take(self, tag: str | None, cseq: int, number: int | None, description: str) -> Verdict:
        """A provisional answer to the INVITE `cseq` came from `tag`; `number` is its RSeq."""
        early = self._known.get((tag, cseq))
        if early is None:
            if len(self._known) >= MOST_EARLY:
                return Verdict.IGNORE
            early = self._known[tag, cseq] = _Early()
        if number is not None:
            if early.number is not None and number != early.number + 1:
                return Verdict.IGNORE  # come again, or before its turn (RFC 3262, section 4)
            if self._acknowledged >= MOST_ACKNOWLEDGED:
                return Verdict.IGNORE
            self._acknowledged += 1
            early.number = number
        if description:
            early.description, self._last, self._described = description, tag, True
        return Verdict.TAKE if number is None else Verdict.ACKNOWLEDGE

    def settled(self, tag: str | None) -> bool:
        """Whether the session with `tag` is agreed on, and the one that was spoken of last."""
        return self._described and self._last == tag

    def answer(self, tag: str | None, cseq: int, final: str) -> str:
        """What the 2xx of `tag` says of the session, which has the description `final`: nothing new ("") where that is
        what it said already.
        """
        early = self._known.get((tag, cseq))
        said = early.description if early is not None else ""
        if self.settled(tag) and final in ("", said):
            return ""
        return final or said


class Unacknowledged:
    """A provisional answer of ours that waits for its PRACK (section 3): `again` sends it once more, `give_up` is
    called when that never came.
    """

    def __init__(self, number: int, again: Callable[[], None], give_up: Callable[[], None]) -> None:
        self.number = number
        self._again = again
        self._give_up = give_up
        self._gap_s, self._waited_s = T1_S, 0.0
        self._timer: Timer | None = later(T1_S, self._late)

    def met_by(self, rack: str, cseq: int) -> bool:
        """Whether a PRACK with the RAck `rack` acknowledges it; `cseq` is the INVITE's."""
        found = _RACK.fullmatch(rack)
        return found is not None and (int(found[1]), int(found[2]), found[3].upper()) == (self.number, cseq, "INVITE")

    def stop(self) -> None:
        """It is acknowledged, or matters no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        self._waited_s += self._gap_s
        if self._waited_s >= GIVE_UP_S:
            self._give_up()
            return
        self._again()
        self._gap_s *= 2
        self._timer = later(min(self._gap_s, GIVE_UP_S - self._waited_s), self._late)
