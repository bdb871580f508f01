"""sippy's transaction manager where it falls short of RFC 3261 and of what a port on the Internet is sent."""

import logging
import re
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import sippy.SipTransactionManager as sippy_manager
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import SipTransactionManager
from sippy.Udp_server import Udp_server, Udp_server_opts

from voice_sipapp import octets
from voice_sipapp.signalling.sip.headers import header

SHORTEST, LONGEST = 32, 65_535
"""Octets of a datagram: what is shorter is no message, but keeps a path open (RFC 5626, section 4.4.1)."""

GARBAGE_EVERY_S = 60.0
"""At most one line in the log about messages that are no SIP in this time."""

_STATUS = re.compile(r"SIP/2\.0[ \t]+([1-6][0-9]{2})(?![^ \t\r\n])[ \t]*", re.IGNORECASE)
_REQUEST_LINE = re.compile(r"(?!SIP/2\.0[ \t])[^\r\n]+[ \t]SIP/2\.0[ \t]*(?:[\r\n]|$)", re.IGNORECASE)
_ODD_LENGTH = re.compile(r"\r\n(?:Content-Length|l)[ \t]*:(?!\s*[0-9]+[ \t]*(?:\r|$))[^\r\n]*", re.IGNORECASE)
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


def _as_the_stack_reads(text: str) -> str:
    """`text`, a message, with the first line in the one form that the stack knows: RFC 3261 has the version in letters
    of any case, and more than one space (sections 7.1 and 7.3.1). A Content-Length that is no number is left out: over
    UDP the datagram tells as well. Raises ValueError for what is neither an answer nor a request of SIP 2.0.
    """
    status = _STATUS.match(text)
    if status is None and not _REQUEST_LINE.match(text):
        raise ValueError("it does not begin as a message of SIP/2.0")
    head, end, body = text.partition("\r\n\r\n")
    if status is not None:
        head = f"SIP/2.0 {status[1]} {head[status.end() :]}"
    return _ODD_LENGTH.sub("", head) + end + body


class _Whole(socket.socket):
    """Reads datagrams whole: the stack asks for 8 kB, and UDP carries 64."""

    def recvfrom(self, _: int, *flags: int) -> tuple[bytes, Any]:
        """The next one, and where it came from."""
        return super().recvfrom(LONGEST, *flags)


class _Port(Udp_server):  # type: ignore[misc]  # the stack is untyped
    """Where messages come in whole, and leave as the octets that they stand for."""

    @property
    def skt(self) -> socket.socket | None:
        """The socket."""
        return self._whole

    @skt.setter
    def skt(self, made: socket.socket | None) -> None:
        self._whole = None if made is None else _Whole(fileno=made.detach())

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

        Answers go where the request came from, whatever `received` the sender has written into its own Via: a name in
        it would be looked up, which holds up every other message.
        """
        via = msg.getHFBody("via")
        via.params.pop("received", None)
        if via.getAddr()[0] != (source := msg.getSource()[0]):
            via.params["received"] = source
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
        if self.req_consumers is None or len(data_in) < SHORTEST:
            return  # closed while it was on its way; or what keeps a path open
        try:
            text = _as_the_stack_reads(octets.message(data_in))
            if not (_ANSWERED_INVITE.match(text) and self._forked(text, ra, server)):
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
