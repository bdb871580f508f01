"""What the reader of a call's record must know besides the reason phrase of its end."""

from voice_sipapp.signalling import outcome
from voice_sipapp.signalling.digits import came
from voice_sipapp.signalling.outcome import Ending
from voice_sipapp.signalling.receiver import Receiver
from voice_sipapp.signalling.sip.leg import Leg


def of_ending(
    ending: Ending,
    leg: Leg | None,
    receiver: Receiver | None,
    *,
    credential: str | None,
    digits_refused: bool,
    unreachable: str | None,
) -> list[str]:
    """What is known of a call that ended as `ending` says, of the dialer's `leg` and of the `receiver`, where they came
    to be. `credential` is the name of the dialer's; `digits_refused`: the far side takes no DTMF; `unreachable` says
    why the probe's receiver can't be reached from outside, None where it can.
    """
    if ending.unusable:
        return list(leg.notes) if leg else []
    told = _of_answer(ending, leg, receiver, credential)
    if leg:
        told.extend(leg.troubles)
    if receiver is not None and receiver.problem:
        told.append(receiver.problem)
    if receiver is not None and (how := came(receiver.session.stream)):
        told.append(f"at the receiver {how}")
    if digits_refused:
        told.append("the far side takes no DTMF (RFC 4733)")
    if receiver is None and unreachable:
        told.append(unreachable)
    return told


def _of_answer(ending: Ending, leg: Leg | None, receiver: Receiver | None, credential: str | None) -> list[str]:
    """What there is to know of the final answer: voice mail answers too, and is not our receiver."""
    if ending.answered and receiver is None:
        return ["answered elsewhere: the call did not reach this host's receiver"]
    if hint := outcome.hint(ending.code, credential):
        return [hint]
    if leg is None:
        return []
    return list(leg.notes) if ending.cancelled else [*leg.hints, *leg.notes]
