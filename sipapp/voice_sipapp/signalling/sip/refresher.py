"""Keeps the session of one dialog fresh (RFC 4028): agrees on who refreshes it, does it where that is left to us."""

import logging
import random
from typing import Any, Protocol

from voice_sipapp.signalling.sip import sessiontimer
from voice_sipapp.signalling.sip.freshness import Freshness
from voice_sipapp.signalling.sip.headers import header, values

RETRY_S, LONGEST_RETRY_S = 5.0, 300.0
"""How long to wait after a first refresh that was refused, and after many."""

LONGEST_INTERVAL_S = 86_400
"""No far end makes us ask for a longer session than this."""

OWN_GLARE_S, OTHER_GLARE_S = (2.1, 4.0), (0.0, 2.0)
"""How long, at random, to wait after a 491 before trying again: where the Call-ID is ours, and where it is not (RFC
3261, section 14.1).
"""

_GONE = (408, 481)
"""Answers that say that the dialog is no more (RFC 3261, section 12.2.1.2)."""

log = logging.getLogger(__name__)


class Party(Protocol):
    """What a refresher needs of its dialog."""

    owns_call_id: bool

    def isConnected(self) -> bool:
        """Whether the call is up."""

    def reinvite(self, extra: tuple[Any, ...], done: Any) -> bool:  # noqa: ANN401 - the stack is untyped
        """Invite again with the session as it stands; False where that can't be now. `done` gets the final answer."""

    def disconnect(self) -> None:
        """Hang up."""


class Refresher:
    """That of the dialog of `party`. `expired`: we ended it because nobody refreshed it in time; `lost`: the answer to
    a refresh which said that it is gone.
    """

    def __init__(self, party: Party) -> None:
        self.expired = False
        self.lost: str | None = None
        self._party = party
        self._freshness = Freshness(self._refresh, self._expire)
        self._shortest_s = 0
        self._failures = 0

    def accept(self, request: Any) -> list[Any]:  # noqa: ANN401
        """Headers that accept the session timer of `request`; the far end refreshes, unless it wants us to."""
        asked = sessiontimer.asked(values(request, *sessiontimer.HEADERS))
        if asked is None:
            self._freshness.stop()
            return []
        knows = any("timer" in each.lower() for each in values(request, "supported", "k"))
        # A proxy may have asked on behalf of a far end that knows nothing of timers: then it is left to us.
        refresher = asked[1] or ("uac" if knows else "uas")
        self._renew(asked[0], ours=refresher == "uas")
        accepted = header("Session-Expires", f"{asked[0]};refresher={refresher}")
        return [accepted] if refresher == "uas" else [header("Require", "timer"), accepted]

    def follow(self, answer: Any) -> None:  # noqa: ANN401
        """Keep to the session timer of `answer`, a 2xx to an INVITE of ours; it is ours to refresh unless the far end
        takes that over.
        """
        asked = sessiontimer.asked(values(answer, *sessiontimer.HEADERS))
        if asked is None:
            self._freshness.stop()
        else:
            self._renew(asked[0], ours=asked[1] != "uas")

    def stop(self) -> None:
        """The dialog is at its end."""
        self._freshness.stop()

    def _renew(self, interval_s: int, *, ours: bool) -> None:
        self._failures = 0
        self._freshness.renew(interval_s, ours=ours)

    def _expire(self) -> None:
        """Hang up: whoever should have refreshed the session is gone (section 10)."""
        if self._party.isConnected():
            self.expired = True
            self._party.disconnect()

    def _refresh(self) -> None:
        interval_s = max(self._freshness.interval_s, self._shortest_s)
        shortest = (header("Min-SE", str(self._shortest_s)),) if self._shortest_s else ()
        expires = header("Session-Expires", f"{interval_s};refresher=uac")
        if not self._party.reinvite((header("Supported", "timer"), expires, *shortest), self._refreshed):
            self._freshness.again_in(RETRY_S)  # an offer of theirs waits for its end

    def _refreshed(self, answer: Any) -> None:  # noqa: ANN401
        code, reason = answer.getSCode()
        if code < 300:
            self.follow(answer)
        elif code == 491:
            gap_s = OWN_GLARE_S if self._party.owns_call_id else OTHER_GLARE_S
            self._freshness.again_in(random.uniform(*gap_s))  # noqa: S311 - two must not try at once
        elif code == 422 and (longer := sessiontimer.shortest(values(answer, "min-se"))) > self._shortest_s:
            self._shortest_s = min(longer, LONGEST_INTERVAL_S)
            self._freshness.again_in(0.0)
        elif code in _GONE:
            self.lost = f"{code} {reason}"
            self._party.disconnect()
        else:  # the session stays as it was; until it runs out, another try may be taken
            self._failures += 1
            wait_s = min(RETRY_S * 2 ** (self._failures - 1), LONGEST_RETRY_S)
            self._freshness.again_in(max(wait_s, sessiontimer.retry_after(values(answer, "retry-after"))))
            log.warning("a refresh of a session was answered %d %s; it is tried again", code, reason)
