"""What became of a call, from how it was ended. Pure.

| what happened | disposition |
|---|---|
| 200, then hung up by either side | answered |
| 486 or 600 | busy |
| 480; 487 after our CANCEL; nobody answered though it rang | no_answer |
| 408, from the far end or because nothing came back at all | timeout |
| this process stopped | interrupted |
| any other final answer; a 200 whose session description can't be used; a 3xx that can't be followed | failed |
| this host could not carry it on: a name not found, no free port, an error of ours (then not valid) | failed |
| the probe can't be called as it is described; a credential is lacking, or not for this use | configuration_error |
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voice_sipapp.signalling.sip import grammar

BUSY = frozenset({486, 600})
CHALLENGES = frozenset({401, 407})
NO_ANSWER_MS = 30_000
"""How long a call may ring beyond the receiver's own delay before the dialer gives up."""


@dataclass(frozen=True)
class Ending:
    """How a call ended. `cancelled`: the dialer gave up; `rang`: a 18x came; `stopped`: this process was told to end;
    `unusable`: it could not be started, or the answer can't be used; `misconfigured`: because of the plan or of this
    host's settings; `hangup_by`: who ended an answered call, "local" or "remote".
    """

    code: int | None
    answered: bool
    rang: bool = False
    cancelled: bool = False
    stopped: bool = False
    unusable: bool = False
    misconfigured: bool = False
    hangup_by: str = "none"


def disposition(ending: Ending) -> str:
    """One of the values of `voice_call.disposition`; the table above is the rule."""
    if ending.stopped:
        return "interrupted"
    if ending.unusable:
        return "configuration_error" if ending.misconfigured else "failed"
    if ending.answered:
        return "answered"
    if ending.cancelled:
        return "no_answer" if ending.rang else "timeout"
    if ending.code in BUSY:
        return "busy"
    # Code 0: the request could not even be sent.
    return {480: "no_answer", 408: "timeout", 0: "timeout", None: "timeout"}.get(ending.code, "failed")


def hangup_by(ending: Ending) -> str:
    """Who ended the call: local, remote, timeout (nobody answered) or none (it was refused)."""
    if ending.stopped:
        return "local"
    if ending.answered:
        return ending.hangup_by
    return "timeout" if disposition(ending) in ("timeout", "no_answer") and ending.code != 480 else "none"


def sip_code(ending: Ending) -> int | None:
    """The final answer to the INVITE: 487 or 408 stands for the CANCEL or the silence that ended an unanswered call."""
    if ending.cancelled and not ending.answered:
        return 487 if ending.rang else 408
    return 408 if ending.code == 0 else ending.code


def hint(code: int | None, credential: str | None) -> str | None:
    """What the reader of a refusal with `code` must know; `credential` is the name of the dialer's."""
    if code in CHALLENGES:
        if credential is None:
            return "it asks for a password, and the probe names no credential of the dialer"
        return f"it did not accept the credential {credential!r}"
    return None


def explained(phrase: str | None, hints: Sequence[str]) -> str | None:
    """What is told of a call's end: the far end's `phrase` (None: it sent none), and `hints` of what else is known."""
    more = "; ".join(hints)
    return f"{phrase} ({more})" if phrase and more else phrase or more or None


def q850(reasons: Iterable[str]) -> int | None:
    """The first Q.850 cause (1 … 127) in `reasons`, the values of Reason header fields (RFC 3326); None without one."""
    causes = (each.cause for each in grammar.reasons(reasons) if each.protocol.upper() in ("Q.850", "Q850"))
    return next((cause for cause in causes if cause is not None and 1 <= cause <= 127), None)
