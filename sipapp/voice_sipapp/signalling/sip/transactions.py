"""sippy's transaction manager where it falls short of RFC 3261 and of what a port on the Internet is sent."""

import logging
import secrets
import socket
from collections import OrderedDict
from collections.abc import Callable
from hashlib import md5
from typing import Any

import sippy.SipTransactionManager as sippy_manager
from sippy.SipHeader import SipHeader
from sippy.SipTransactionManager import SipTMRetransmitO, SipTransactionManager
from sippy.Udp_server import Udp_server, Udp_server_opts

from voice_sipapp import octets
from voice_sipapp.signalling.sip import capabilities, grammar
from voice_sipapp.signalling.sip.addresses import is_literal
from voice_sipapp.signalling.sip.body import check_accepts, description
from voice_sipapp.signalling.sip.garbage import garbage
from voice_sipapp.signalling.sip.message import Frame, Message, MessageError, framed, understood
from voice_sipapp.signalling.sip.refusals import hop, refusal
from voice_sipapp.signalling.sip.translated import Request, Response

SHORTEST, LONGEST = 32, 65_535
"""Octets of a datagram: what is shorter is no message, but keeps a path open (RFC 5626, section 4.4.1)."""

_CREDENTIALS = ("authorization", "proxy-authorization")

MOST_NOTES = 64
"""How many Call-IDs it is remembered of what of their messages was not understood."""

MOST_TAGS = 4096
"""Of how many requests it is remembered what an answer must bring back: those of some minutes on a busy host."""

_DESCRIBING = frozenset({"INVITE", "UPDATE", "ACK", "PRACK"})
"""Requests that describe the session, or the answers to which do."""

log = logging.getLogger(__name__)


def _check_required(request: Message) -> None:
    """Raises MessageError where `request` requires what we do not know."""
    if unknown := [each for each in request.elements("require") if each and each.lower() not in capabilities.OPTIONS]:
        names = ", ".join(unknown)
        raise MessageError(f"it requires {grammar.shown(names)}", 420, "Bad Extension", f"Unsupported: {names}")


def _unreadable(what: str, *_: object, **__: object) -> None:
    """In place of what the stack does: it prints the whole message, with whatever secrets are in it."""
    garbage.seen(what)


sippy_manager.dump_exception = _unreadable


def absorb(transaction: Any) -> None:  # noqa: ANN401
    """Have the stack forget `transaction`, of a request, as soon as it is told nothing: it has no timer any more."""
    if transaction.teE is not None:
        transaction.teE.cancel()
        transaction.teE = None


class _InOrder(Udp_server_opts):  # type: ignore[misc]  # the stack is untyped
    """One thread that sends and one that receives: with several, a BYE may overtake the ACK before it."""

    nworkers = 1


def _count_octets(message: Any) -> None:  # noqa: ANN401
    """Let the stack, which counts characters, write the right Content-Length: a character an octet."""
    if message.body is not None and not str(message.body).isascii():
        message.body.content = octets.opaque(str(message.body))


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
        self._secret = secrets.token_bytes(16)
        self._notes: OrderedDict[str, str] = OrderedDict()
        self._tags: OrderedDict[str, str] = OrderedDict()
        """The From tags of the requests that were sent, by their branches."""
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
        self._tags[msg.getHFBody("via").getBranch()] = made.tid[1]
        if len(self._tags) > MOST_TAGS:
            self._tags.popitem(last=False)
        if made.ack is not None:
            made.ack.appendHeaders([each.getCopy() for name in _CREDENTIALS for each in msg.getHFs(name)])
            made.guard, made.direct = getattr(msg, "guard", None), getattr(msg, "direct", None)
            made.routes = msg.getHFBCopys("route")
        return made

    def incomingResponse(self, msg: Any, t: Any, checksum: bytes) -> None:  # noqa: ANN401
        """Take in an answer to a request of ours, and acknowledge it where that is due."""
        t.refused = msg.getSCode()[0] >= 300
        self._acknowledging = True
        try:
            super().incomingResponse(msg, t, checksum)
            if getattr(msg, "passed_over", False):
                self.l1rcache.pop(checksum, None)  # it came before its turn, and is looked at when it comes again
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
        if msg.getMethod() == "CANCEL" and not known and self._too_late(msg, checksum, server):
            return
        try:
            super().incomingRequest(msg, checksum, tids, server)
        except Exception:
            if not known and (left := self.tserver.pop(tid, None)) is not None:
                for timer in (left.teA, left.teD, left.teE, left.teF, left.teG):
                    if timer is not None:
                        timer.cancel()
                left.cleanup()
            raise

    def _too_late(self, cancel: Any, checksum: bytes, server: Any) -> bool:  # noqa: ANN401
        """Whether `cancel` takes an INVITE back that has its 200 already: that has no effect, and is told to whoever
        answered (RFC 3261, section 9.2). The stack knows the transaction no more by its branch alone.
        """
        consumers = self.req_consumers.get(str(cancel.getHFBody("call-id")), ())
        offered = (getattr(each.cobj, "taken_back", None) for each in consumers)
        tag = next((tag for told in offered if told is not None and (tag := told(cancel))), None)
        if tag is None:
            return False
        response = cancel.genResponse(200, "OK")
        response.getHFBody("to").setTag(tag)
        self.transmitMsg(server, response, response.getHFBody("via").getTAddr(), checksum)
        return True

    def handleIncoming(self, data_in: bytes, ra: Any, server: Any, rtime: Any) -> None:  # noqa: ANN401
        """Take in one datagram. The stack gets what we read of it, and nothing that we do not understand."""
        if self.req_consumers is None or len(data_in) < SHORTEST:
            return  # closed while it was on its way; or what keeps a path open
        frame = framed(data_in)
        if not frame.is_sip:
            garbage.seen(f"what came from {ra} does not begin as a message of SIP")
            return
        self.global_config["_sip_logger"].write(f"RECEIVED message from {ra}:\n", frame.text)
        # The stack has an answer by heart for whatever it was sent before; MD5 proves nothing here.
        checksum = md5(data_in, usedforsecurity=False).digest()
        if (known := self.l1rcache.get(checksum) or self.l2rcache.get(checksum)) is not None:
            if known.data is not None:
                self.transmitData(known.userv, known.data, known.address, lossemul=known.lossemul)
            return
        try:
            message = understood(frame)
            if message.code:
                self._take_answer(message, ra, server, rtime, checksum)
            else:
                self._take_request(message, ra, server, rtime, checksum)
        except MessageError as error:
            self._not_understood(frame, error, ra, server, len(data_in))
        except Exception as error:
            log.exception("a message from %s could not be handled", ra)
            problem = MessageError(f"it could not be handled: {error!r}", 500, "Server Internal Error")
            self._not_understood(frame, problem, ra, server, len(data_in))

    def _take_answer(self, message: Message, ra: Any, server: Any, rtime: Any, checksum: bytes) -> None:  # noqa: ANN401
        notes, told = list(message.notes), ""
        own = self._tags.get(dict(message.vias[0].parameters).get("branch") or "")
        if own and (message.from_.parameter("tag") or own) != own:
            notes.append("its From has not the tag that was sent")
        if message.method in _DESCRIBING:
            try:
                told = description(message)
            except MessageError as error:
                notes.append(f"its session description could not be read: {error}")
        for each in notes:
            garbage.seen(f"an answer from {ra} is understood in part: {each}")
            self._note(message.call_id, f"an answer {message.code} was understood in part: {each}")
        answer = Response(message, told, own)
        answer.rtime = rtime
        answer.setSource(ra)
        transaction = self.tclient.get(answer.getTId(True, True))
        if transaction is not None:
            self.incomingResponse(answer, transaction, checksum)
        elif not self._forked(answer, server):
            self.l1rcache[checksum] = SipTMRetransmitO()
            if message.code >= 200:
                garbage.seen(f"an answer {message.code} from {ra} fits no request of ours (CSeq, or branch)")
                self._note(message.call_id, f"an answer {message.code} came that fits no request (CSeq, or branch)")

    def _take_request(self, message: Message, ra: Any, server: Any, rtime: Any, checksum: bytes) -> None:  # noqa: ANN401
        acknowledges = message.method == "ACK"
        if not acknowledges and message.method != "CANCEL":
            _check_required(message)
        told = ""
        if message.method in _DESCRIBING:
            try:
                told = description(message)
            except MessageError as error:
                if not acknowledges:
                    raise
                self._note(message.call_id, f"the session description of an ACK could not be read: {error}")
        if message.method == "INVITE" or (message.method == "UPDATE" and told):
            check_accepts(message)
        request = Request(message, ra.address, told)
        request.rtime = rtime
        request.setSource(ra)
        self.incomingRequest(request, checksum, request.getTIds(), server)

    def _not_understood(self, frame: Frame, error: MessageError, ra: Any, server: Any, room: int) -> None:  # noqa: ANN401
        """Answer the request `frame` with `error`, in `room` octets at most; what can't be answered is noted where it
        belongs. Both are counted.
        """
        answers = frame.answers or frame.first.startswith("ACK ")
        kind = "an answer" if frame.answers else f"a request {frame.first.split(maxsplit=1)[0][:32]!r}"
        garbage.seen(f"{octets.readable(kind)} from {ra} is not understood: {error}")
        self._note(frame.call_id, f"{octets.readable(kind)} was not understood: {error}")
        if not answers and (text := refusal(frame, error, ra.address, self._secret, room)):
            self.transmitData(server, text, hop(frame, ra.address))

    def noted(self, call_id: str) -> str | None:
        """What was said last of a message with that Call-ID that was not taken as it came."""
        return self._notes.pop(call_id, None)

    def _note(self, call_id: str, what: str) -> None:
        """Tell those whose dialog has that Call-ID of `what` was not taken as it came."""
        self._notes[call_id] = what
        if len(self._notes) > MOST_NOTES:
            self._notes.popitem(last=False)
        for consumer in self.req_consumers.get(call_id, ()):
            note = getattr(consumer.cobj, "note", None)
            if note is not None:
                note(what)

    def sendResponse(self, resp: Any, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        """Send `resp`, an answer."""
        _count_octets(resp)
        super().sendResponse(resp, *rest, **named)

    def transmitMsg(self, userv: Any, msg: Any, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        """Send `msg`, which is of no transaction."""
        _count_octets(msg)
        super().transmitMsg(userv, msg, *rest, **named)

    def transmitReq(self, t: Any, msg: Any, address: tuple[str, int], *rest: Any, **named: Any) -> None:  # noqa: ANN401
        """Send the ACK `msg`: that of a refusal the INVITE's way (RFC 3261, section 17.1.1.3), that of a 2xx within a
        dialog the dialog's; the stack looks for a Record-Route in every answer. A name in a Contact is not looked up,
        which would hold up every other message: then it goes where the INVITE went.
        """
        hop = address if is_literal(address[0]) else t.address
        if t.refused:
            msg.appendHeaders([SipHeader(name="route", body=each) for each in t.routes])
        elif t.direct is not None:
            hop = t.direct(msg)
        if (guard := getattr(t, "guard", None)) is not None:
            guard(msg, hop)
        super().transmitReq(t, msg, hop, *rest, **named)

    def _forked(self, answer: Response, server: Any) -> bool:  # noqa: ANN401
        """Whether `answer` is a further 200 of a forked INVITE, from another party than the one that we speak with: a
        dialog of its own (RFC 3261, section 13.2.2.4), which must be acknowledged and ended.
        """
        if answer.whole.method != "INVITE" or not 200 <= answer.whole.code < 300:
            return False
        consumers = self.req_consumers.get(answer.whole.call_id, ())
        offered = (getattr(each.cobj, "refuse_fork", None) for each in consumers)
        return any(refuse is not None and refuse(answer, server) for refuse in offered)
