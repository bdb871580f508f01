"""sippy's transaction manager where it falls short of RFC 3261 and of what a port on the Internet is sent."""

import logging
import re
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import sippy.SipTransactionManager as sippy_manager
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import SipTransactionManager
from sippy.Udp_server import Udp_server, Udp_server_opts

from voice_sipapp import octets
from voice_sipapp.signalling.headers import header

GARBAGE_EVERY_S = 60.0
"""At most one line in the log about messages that are no SIP in this time."""

_ANSWER = re.compile(r"SIP/2\.0 [1-6][0-9]{2}(?: |\r|\n)")
_ANSWERED_INVITE = re.compile(r"SIP/2\.0 2[0-9]{2} .*^CSeq\s*:\s*[0-9]+\s+INVITE\s*$", re.MULTILINE | re.DOTALL | re.I)

_CREDENTIALS = ("authorization", "proxy-authorization")

log = logging.getLogger(__name__)


class Garbage:
    """Counts messages that can't be read, and says so once in a while: anybody may send any number of them."""

    def __init__(self) -> None:
        self.count = 0
        self._next_line = 0.0

    def seen(self, what: str) -> None:
        """One more, for the reason `what`."""
        self.count += 1
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + GARBAGE_EVERY_S
            log.warning("%s; such messages are dropped (%d so far)", what[:200], self.count)


garbage = Garbage()


def is_literal(host: str) -> bool:
    """Whether `host`, as it stands in a URI, is an address and no name."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _unreadable(what: str, *_: object, **__: object) -> None:
    """In place of what the stack does: it prints the whole message, with whatever secrets are in it."""
    garbage.seen(what)


sippy_manager.dump_exception = _unreadable


class _InOrder(Udp_server_opts):  # type: ignore[misc]  # the stack is untyped
    """One thread that sends and one that receives: with several, a BYE may overtake the ACK before it."""

    nworkers = 1


def _count_octets(message: Any) -> None:  # noqa: ANN401
    """Let the stack, which counts characters, write the right Content-Length: a character an octet."""
    if message.body is not None and not str(message.body).isascii():
        message.body.content = octets.opaque(str(message.body))


class _Port(Udp_server):  # type: ignore[misc]  # the stack is untyped
    """Where messages leave: as the octets that they stand for."""

    def send_to(self, data: str | bytes, address: Any, delayed: bool = False) -> None:  # noqa: ANN401
        """Send `data` to `address`."""
        super().send_to(octets.octets(data) if isinstance(data, str) else data, address, delayed)


class Transactions(SipTransactionManager):  # type: ignore[misc]  # the stack is untyped
    """Survives whatever it is sent, acknowledges as it must, and tells a user agent of a second 200 to its INVITE."""

    model_udp_server = (_Port, _InOrder)

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401
        self._acknowledging = False
        self._afterwards: list[Callable[[], None]] = []
        super().__init__(*arguments)

    def after_acknowledging(self, action: Callable[[], None]) -> None:
        """Run `action` now, or right after the ACK of the answer that is being handled: a BYE must not overtake it."""
        if self._acknowledging:
            self._afterwards.append(action)
        else:
            action()

    def newTransaction(self, msg: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        """Send `msg`. What acknowledges an INVITE bears the credentials of the INVITE (RFC 3261, section 22.1), unless
        `msg.guard` takes them off: a 200 says where its ACK goes.
        """
        _count_octets(msg)
        made = super().newTransaction(msg, *arguments, **named)
        if made.ack is not None:
            made.ack.appendHeaders([each.getCopy() for name in _CREDENTIALS for each in msg.getHFs(name)])
            made.guard = getattr(msg, "guard", None)
        return made

    def incomingResponse(self, msg: Any, t: Any, checksum: bytes) -> None:  # noqa: ANN401
        """Take in an answer to a request of ours, and acknowledge it where that is due."""
        msg.reason = octets.readable(msg.reason)
        if msg.getSCode()[0] >= 300:
            # The stack would send the ACK to where a 3xx points; it belongs to the very same place as the INVITE
            # (RFC 3261, section 17.1.1.3).
            msg.contacts = [header("contact", octets.readable(str(each.body))) for each in msg.getHFs("contact")]
            for name in ("contact", "record-route"):
                msg.delHFs(name)
        self._acknowledging = True
        try:
            super().incomingResponse(msg, t, checksum)
        finally:
            self._acknowledging = False
            waiting, self._afterwards = self._afterwards, []
            for action in waiting:
                action()

    def incomingRequest(self, msg: Any, checksum: bytes, tids: Any, server: Any) -> None:  # noqa: ANN401
        """Take in a request. The transaction of one that can't be read is given up at once: the stack would keep it
        for as long as its Expires header says, and anybody may send any number of them.
        """
        tid = msg.getTId(wBRN=True) if msg.getMethod() != "ACK" else None
        known = tid in self.tserver
        try:
            super().incomingRequest(msg, checksum, tids, server)
        except Exception:
            if not known and (left := self.tserver.pop(tid, None)) is not None:
                for timer in (left.teA, left.teD, left.teE, left.teF, left.teG):
                    if timer is not None:
                        timer.cancel()
                left.cleanup()
            raise

    def handleIncoming(self, data_in: bytes, ra: Any, server: Any, rtime: Any) -> None:  # noqa: ANN401
        """Take in one datagram. The stack gets it as text in which an octet is a character."""
        if self.req_consumers is None:
            return  # closed while it was on its way
        try:
            text = octets.message(data_in)
            if text.startswith("SIP/2.0 ") and not _ANSWER.match(text):
                garbage.seen(f"an answer without a sensible status code came from {ra}")
            elif not (_ANSWERED_INVITE.match(text) and self._forked(text, ra, server)):
                super().handleIncoming(text, ra, server, rtime)
        except Exception as error:  # the stack's parser raises whatever comes
            garbage.seen(f"a message from {ra} can't be read: {error!r}")
            log.debug("unreadable message", exc_info=True)

    def sendResponse(self, resp: Any, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        """Send `resp`, an answer."""
        _count_octets(resp)
        super().sendResponse(resp, *rest, **named)

    def transmitMsg(self, userv: Any, msg: Any, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        """Send `msg`, which is of no transaction."""
        _count_octets(msg)
        super().transmitMsg(userv, msg, *rest, **named)

    def transmitReq(self, t: Any, msg: Any, address: tuple[str, int], *rest: Any, **named: Any) -> None:  # noqa: ANN401
        """Send the ACK `msg`. A name in a Contact is not looked up, which would hold up every other message: then it
        goes where the INVITE went.
        """
        hop = address if is_literal(address[0]) else t.address
        if (guard := getattr(t, "guard", None)) is not None:
            guard(msg, hop)
        super().transmitReq(t, msg, hop, *rest, **named)

    def _forked(self, text: str, ra: Any, server: Any) -> bool:  # noqa: ANN401
        """Whether `text` is a further 200 of a forked INVITE, from another party than the one that we speak with: a
        dialog of its own (RFC 3261, section 13.2.2.4), which must be acknowledged and ended.
        """
        answer = SipResponse(text)
        if answer.getTId(True, True) in self.tclient:
            return False
        for consumer in self.req_consumers.get(str(answer.getHFBody("call-id")), ()):
            refuse = getattr(consumer.cobj, "refuse_fork", None)
            if refuse is not None and refuse(answer, server):
                self.global_config["_sip_logger"].write(f"RECEIVED message from {ra}:\n", text)
                return True
        return False
