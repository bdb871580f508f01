"""The further dialogs of a forked INVITE (RFC 3261, section 13.2.2.4): each makes a 200 of its own, and is ended."""

import logging
from typing import Any

from sippy.SipRequest import SipRequest

log = logging.getLogger(__name__)


class Forks:
    """Those of one INVITE of ours."""

    def __init__(self) -> None:
        self._ended: set[str] = set()

    def refuse(self, agent: Any, answer: Any, server: Any, edge: tuple[str, int] | None) -> bool:  # noqa: ANN401
        """Acknowledge and end the dialog that `answer`, a 200, makes besides that of `agent`; False if it is that one.
        `edge`: where requests of `agent` go, None: to the far end itself.
        """
        tag, own = answer.getHFBody("to").getTag(), agent.rUri.getTag() if agent.rUri is not None else None
        if not tag or own is None or tag == own or answer.getHFBody("from").getTag() != agent.lTag:
            return False
        number = answer.getHFBody("cseq").getCSeqNum()
        manager = agent.global_config["_sip_tm"]
        acknowledgement = _request("ACK", agent, answer, number, edge)
        manager.transmitMsg(server, acknowledgement, acknowledgement.getTarget()[0], None)
        if tag not in self._ended:
            self._ended.add(tag)
            log.info("call %s: answered by a second party, which is hung up on", agent.cId)
            manager.newTransaction(_request("BYE", agent, answer, number + 1, edge))
        return True


def _request(method: str, agent: Any, answer: Any, number: int, edge: tuple[str, int] | None) -> Any:  # noqa: ANN401
    """A request within the dialog that `answer` made."""
    contacts = answer.getHFBodys("contact")
    target = (contacts[0].getUrl() if contacts else agent.rTarget).getCopy()
    routes = [each.getCopy() for each in answer.getHFBodys("record-route")][::-1]
    address = edge or (routes[0].getUrl() if routes else target).getAddr()
    return SipRequest(
        method=method, ruri=target, to=answer.getHFBCopy("to"), fr0m=agent.lUri, cseq=number, callid=agent.cId,
        routes=routes, target=(address, "udp"),
    )  # fmt: skip
