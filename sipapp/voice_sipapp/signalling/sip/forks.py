"""Answers to an INVITE of ours that come after its first 2xx (RFC 3261, section 13.2.2.4): each 2xx is acknowledged,
whatever differs in it; one of another party makes a dialog of its own, which is ended.
"""

import logging
from typing import Any

from voice_sipapp.signalling.sip import dialog
from voice_sipapp.signalling.sip.digest import PROOFS

MOST_ENDED = 16
"""Dialogs of one INVITE that are ended with a BYE of ours."""

log = logging.getLogger(__name__)


class Forks:
    """Those of one INVITE of ours."""

    def __init__(self) -> None:
        self._ended: set[str] = set()

    def take(self, agent: Any, answer: Any, server: Any) -> bool:  # noqa: ANN401 - the stack is untyped
        """Acknowledge `answer`, a 2xx that no transaction of `agent` waits for, and end the dialog that it makes if
        that is another one; False where it is not to an INVITE of that agent.
        """
        tag, own = answer.getHFBody("to").getTag(), agent.rUri.getTag() if agent.rUri is not None else None
        number = answer.getHFBody("cseq").getCSeqNum()
        if not tag or agent.lTag != answer.getHFBody("from").getTag() or agent.lCSeq is None or number >= agent.lCSeq:
            return False
        if own is None and not agent.over:  # it was sent again, with a proof or for a longer session
            return False
        made = agent.dialog if tag == own and _within(agent, number) else agent.made_by(answer)
        ack = made.request(agent, "ACK", number, answer.getHFBCopy("to"), agent.edge)
        if agent.owns_call_id and agent.invite is not None:
            dialog.copied(ack, PROOFS, agent.invite)
        manager = agent.global_config["_sip_tm"]
        manager.transmitMsg(server, agent.guarded(ack), ack.getTarget()[0], None)
        if tag != own and tag not in self._ended and len(self._ended) < MOST_ENDED:
            self._ended.add(tag)
            log.info("call %s: answered by a second party, which is hung up on", agent.cId)
            manager.newTransaction(made.request(agent, "BYE", number + 1, answer.getHFBCopy("to"), agent.edge))
        return True


def _within(agent: Any, number: int) -> bool:  # noqa: ANN401
    """Whether the INVITE `number` of `agent` was one within its dialog, whose answers make none (section 12.2)."""
    return agent.dialog is not None and (agent.final is None or agent.final.getHFBody("cseq").getCSeqNum() < number)
