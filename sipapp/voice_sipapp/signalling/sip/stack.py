"""The SIP stack (sippy), told what this application needs of it and nothing more.

The dialer and the receiver each have an endpoint (a port and a transaction manager) of their own: with one for both,
a proxy that keeps the Call-ID would bring the receiver an INVITE that looks like the dialer's own coming back, and
the stack answers that with 482 (RFC 3261, section 8.2.2.2).
"""

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sippy.CCEvents import CCEventDisconnect, CCEventFail, CCEventPreConnect, CCEventRing, CCEventTry
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipConf import SipConf
from sippy.SipFrom import SipFrom
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout

from voice_sipapp import __version__
from voice_sipapp.edge import CALL_HEADER
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import redirect
from voice_sipapp.signalling.correlation import Invite
from voice_sipapp.signalling.credentials import Credential
from voice_sipapp.signalling.ladder import Ladder, call_id
from voice_sipapp.signalling.sip.agent import ALLOWED, Agent, Media
from voice_sipapp.signalling.sip.events import (
    Acknowledged,
    Answered,
    Event,
    Handler,
    HungUp,
    Invited,
    Progress,
    Redirected,
    Rejected,
)  # fmt: skip
from voice_sipapp.signalling.sip.headers import header
from voice_sipapp.signalling.sip.screened import Admits, Screened

SipConf.my_uaname = f"voice-sipapp/{__version__}"

QUIET_S, QUIET_STEP_S = 0.5, 0.02
"""How long the answer to a call's last message may take to be part of its ladder, and how often it is looked for."""

_WITHIN = frozenset({"BYE", "INFO", "PRACK", "UPDATE"})
"""Methods that have no meaning outside of a dialog."""

log = logging.getLogger(__name__)


class _Tap:
    """The stack's log of every message: handed to the ladder of the leg that it belongs to, or forgotten."""

    def __init__(self) -> None:
        self.ladders: dict[str, Ladder] = {}
        self.last: tuple[float, bool, str, str] | None = None
        """The message that came or was sent last: what `Ladder.add` takes."""

    def write(self, what: str, text: str, **_: object) -> None:
        """Take `text` in, which was sent to or came from whom `what` tells, in the stack's words."""
        sent, peer = what.startswith("SENDING"), what.rstrip(":\n").rsplit(" ", 1)[-1].partition(":")[2]
        self.last = (time.time(), sent, peer, text)
        if (ladder := self.ladders.get(call_id(text))) is not None:
            ladder.add(*self.last)

    def follow(self, name: str, ladder: Ladder) -> None:
        """Keep the messages of the Call-ID `name` in `ladder`."""
        self.ladders[name] = ladder

    def shutdown(self) -> None:
        """Nothing to end."""


def now() -> float:
    """The time in seconds on the clock that stamps the stack's events, which is not Python's monotonic clock."""
    return float(MonoTime().monot)


def bracketed(address: str) -> str:
    """`address` as it stands in a URI: an IPv6 literal in brackets."""
    return f"[{address}]" if ":" in address else address


def check_uri(uri: SipUri) -> None:
    """Raises ValueError where the stack can't make a request of `uri`, though it is well formed."""
    try:
        SipURL(uri.text)
    except Exception as error:  # the stack's parser raises whatever comes
        raise ValueError(f"the SIP stack does not understand {uri.text}: {error}") from error


def later(seconds: float, action: Callable[[], None]) -> Any:  # noqa: ANN401 - the stack's timer, untyped
    """Run `action` in the stack's thread after `seconds`; what is returned has `cancel()`."""
    return Timeout(_guarded(action), seconds)


def every(seconds: float, action: Callable[[], None]) -> Any:  # noqa: ANN401
    """Run `action` in the stack's thread again and again."""
    return Timeout(_guarded(action), seconds, -1)


def run_loop(timeout_s: float | None = None) -> None:
    """Serve SIP and timers in this thread, the one that first imported this module, until `end_loop` or time-out."""
    ED2.loop(timeout=timeout_s, freq=200.0)


def end_loop() -> None:
    """Make `run_loop` return."""
    ED2.breakLoop()


def when_quiet(legs: Sequence["Leg"], action: Callable[[], None], within_s: float = QUIET_S) -> None:
    """Run `action` as soon as the last messages of `legs` were answered, or have had their time; then forget them."""
    if within_s > 0 and not all(leg.quiet for leg in legs):
        later(QUIET_STEP_S, lambda: when_quiet(legs, action, within_s - QUIET_STEP_S))
        return
    for leg in legs:
        leg.forget()
    action()


def on_signal(number: int, action: Callable[[], None]) -> None:
    """Run `action` in the stack's thread when the process gets the signal `number`."""
    ED2.regSignal(number, _guarded(action))


def _guarded(action: Callable[..., None]) -> Callable[..., None]:
    """`action`, with its errors in our log: the stack would write them to standard output and lose them."""

    def guarded(*arguments: object) -> None:
        try:
            action(*arguments)
        except Exception:
            log.exception("an event of a call could not be handled")

    return guarded


class RefusedError(Exception):
    """An INVITE can't be taken: the status code and the reason phrase that the caller gets."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Endpoint:
    """One UDP port that SIP is spoken on. `on_invite` is told of each INVITE and returns who handles the call's
    events, or None to refuse it with 486, or raises RefusedError to refuse it otherwise. `admits` is asked first.
    """

    def __init__(
        self,
        address: str,
        port: int,
        on_invite: Callable[[Invite], "Leg | None"],
        admits: Admits = lambda *_: True,
    ) -> None:
        self.address = f"{bracketed(address)}:{port}"
        self._on_invite = on_invite
        self._secret = secrets.token_bytes(16)
        self.tap = _Tap()
        self.config: dict[str, Any] = {
            "_sip_address": bracketed(address),
            "_sip_port": port,
            "_sip_logger": self.tap,
        }
        self.config["_sip_tm"] = Screened(self.config, self._request, admits)

    def close(self) -> None:
        """Close the port; calls that are still up are forgotten."""
        self.config["_sip_tm"].shutdown()

    def _request(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Answer a request outside of every dialog."""
        if request.getHFBody("to").getTag() is not None or request.getMethod() in _WITHIN:
            if request.getMethod() == "INVITE":
                return self._refuse(request, transaction, 481, "Call/Transaction Does Not Exist")
            return request.genResponse(481, "Call/Transaction Does Not Exist"), None, None
        if request.getMethod() == "OPTIONS":
            response = request.genResponse(200, "OK")
            response.appendHeader(header("Allow", ALLOWED))
            return response, None, None
        if request.getMethod() != "INVITE":
            return request.genResponse(501, "Not Implemented"), None, None
        return self._invited(request, transaction)

    def _invited(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Answer an INVITE."""
        if (leg := self._leg_of(request)) is not None:
            if leg.first_branch == request.getHFBody("via").getBranch():
                return _absorb(transaction)  # retransmitted: our 200 is repeated anyway (RFC 6026, section 7.1)
            # A proxy sent it two ways (RFC 3261, section 8.2.2.2).
            return self._refuse(request, transaction, 482, "Loop Detected")
        came = self.tap.last  # whoever takes it on may have to say something to others first
        try:
            taken = self._on_invite(_invite(request))
        except RefusedError as refused:
            return self._refuse(request, transaction, refused.code, refused.reason)
        if taken is None:
            return self._refuse(request, transaction, 486, "Busy Here")
        if came is not None:
            taken.ladder.add(*came)
        return taken.accept(request, transaction)

    def _leg_of(self, request: Any) -> Agent | None:  # noqa: ANN401
        """The dialog that the INVITE `request` has begun already; None where it comes for the first time."""
        legs = self.config["_sip_tm"].req_consumers.get(str(request.getHFBody("call-id")), ())
        return next((each.cobj for each in legs if each.cobj.repeats(request)), None)

    def _refuse(self, request: Any, transaction: Any, code: int, reason: str) -> None:  # noqa: ANN401
        """Refuse the INVITE `request` without state (RFC 3261, section 8.2.7): the answer is sent once for each time
        that the request comes, and never again by itself: whoever forges a sender's address gets no more out than in.
        """
        response = request.genResponse(code, reason)
        if response.getHFBody("to").getTag() is None:
            same_for_same = (request.getTId(wBRN=True), self._secret)
            response.getHFBody("to").setTag(hashlib.blake2b(repr(same_for_same).encode(), digest_size=16).hexdigest())
        _absorb(transaction)
        manager = self.config["_sip_tm"]
        hop = response.getHFBody("via").getTAddr()
        manager.transmitMsg(transaction.userv, response, hop, transaction.checksum)


def _absorb(transaction: Any) -> None:  # noqa: ANN401
    """Have the stack forget `transaction`, an INVITE's, as soon as it is told nothing: it has no timer any more."""
    transaction.teE.cancel()
    transaction.teE = None


def _typed(event: Any, contacts: Sequence[str], *, ours: bool) -> Event | None:  # noqa: ANN401
    """What the stack's `event` says; `ours`: of a dialog that we began. None where it says nothing new."""
    at, data = float(event.rtime.monot), event.getData()
    told: Event | None = None
    match type(event).__name__:
        case "CCEventTry":
            told = Invited(str(data[3] or ""))
        case "CCEventRing" if data[0] > 100:
            told = Progress(data[0], data[1], str(data[2] or ""), at)
        case "CCEventConnect" if ours:
            told = Answered(data[0], data[1], str(data[2] or ""), at)
        case "CCEventConnect":
            told = Acknowledged(str(data[2] or ""), at)
        case "CCEventFail" if ours and 300 <= data[0] < 400:
            told = Redirected(data[0], data[1], tuple(contacts), at)
        case "CCEventFail":
            told = Rejected(data[0], data[1], at)
        case "CCEventDisconnect":
            told = HungUp(at)
    return told


def _invite(request: Any) -> Invite:  # noqa: ANN401
    """What we want to know of the INVITE `request`."""
    name = CALL_HEADER.lower()
    host, port = request.getSource()
    return Invite(
        header=str(request.getHFBody(name)) if request.countHFs(name) else None,
        request_user=request.getRURI().username,
        to_user=request.getHFBody("to").getUrl().username,
        from_user=request.getHFBody("from").getUrl().username,
        source=f"{host}:{port}",
        description=str(request.getBody() or ""),
    )


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a dialer's requests leave: to `next_hop`, an IPv6 literal in brackets or an IPv4 literal and a port, over
    `transport`. This stack speaks UDP; for anything else `edge` is the proxy of this host that sends them on.
    `credential` is what challenges are met with.
    """

    next_hop: tuple[str, int]
    transport: str = "udp"
    edge: tuple[str, int] | None = None
    credential: Credential | None = None

    @property
    def route(self) -> str:
        """What tells the edge where to send a request on to."""
        host, port = self.next_hop
        return f"sip:{host}:{port};transport={self.transport};lr"


class Leg:
    """One party's dialog. `handler` is told of everything that the far end does, but for new offers of media within the
    call: those are asked of `media`. `way` is a dialer's.
    """

    def __init__(
        self, endpoint: Endpoint, handler: Handler, way: Way | None = None, media: Media | None = None
    ) -> None:
        self._endpoint = endpoint
        self._way = way
        self._request: Any = None
        self.ladder = Ladder()
        self._ua = Agent(
            endpoint.config,
            event_cb=_guarded(lambda event, _: self._tell(handler, event)),
            nh_address=(way.edge or way.next_hop) if way else None,
            media=media,
            credential=way.credential if way else None,
            edge=way.edge if way else None,
        )

    def _tell(self, handler: Handler, event: Any) -> None:  # noqa: ANN401
        told = _typed(event, self.contacts, ours=self._way is not None)
        if told is not None:
            handler(told)

    @property
    def call_id(self) -> str | None:
        """The dialog's Call-ID."""
        return str(self._ua.cId) if self._ua.cId is not None else None

    @property
    def remote_agent(self) -> str | None:
        """What the far end calls itself (User-Agent or Server)."""
        return str(self._ua.remote_ua) if self._ua.remote_ua is not None else None

    @property
    def contacts(self) -> list[str]:
        """The URIs in the final answer's Contact headers, the most wanted first (q, RFC 3261 section 8.1.3.4)."""
        return redirect.contacts(self._ua.final) if self._ua.final is not None else []

    @property
    def reasons(self) -> str:
        """The Reason headers of what ended the dialog, one a line."""
        return "\n".join(str(each.body) for each in self._ua.last_words("reason"))

    @property
    def expired(self) -> bool:
        """Whether the dialog was ended because nobody refreshed its session in time (RFC 4028)."""
        return self._ua.expired

    @property
    def hints(self) -> list[str]:
        """What the final answer tells besides its reason phrase: warnings, and an extension that it insists on."""
        if self._ua.answered:
            return []
        warnings = [re.sub(r'^[0-9]{3} \S+ |"', "", str(each.body)) for each in self._ua.last_words("warning")]
        required = [f"it requires {each.body}" for each in self._ua.last_words("require")]
        return [*warnings, *required]

    @property
    def refusal(self) -> str | None:
        """Why a challenge was not met that there is a credential for, as a sentence; None where that did not happen."""
        return self._ua.challenges.refusal

    @property
    def quiet(self) -> bool:
        """Whether nothing is waited for any more: the answer to a BYE, or to an INVITE that was cancelled."""
        return self._ua.quiet

    def accept(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Take the INVITE `request` on."""
        self._request = request
        self._endpoint.tap.follow(str(request.getHFBody("call-id")), self.ladder)
        return self._ua.recvRequest(request, transaction)

    def invite(
        self, origin: SipUri, destination: SipUri, description: str, call: str, *, after: "Leg | None" = None
    ) -> None:
        """Send the INVITE: from `origin`, to `destination`, offering `description`, marked as `call`.

        `after` is the leg that was redirected to `destination`: this one goes on under its Call-ID.
        """
        name = SipCallId(after.call_id) if after else SipCallId()
        if after is not None:
            self.ladder = after.ladder
            self._ua.lTag = after._ua.lTag
        self._endpoint.tap.follow(str(name), self.ladder)
        event = CCEventTry((name, origin.user, destination.user, MsgBody(description), None, None))
        event.extra_headers = (
            header(CALL_HEADER, call),
            header("Allow", ALLOWED),
            header("Supported", "timer"),
        )

        def address(agent: Any) -> None:  # noqa: ANN401
            agent.rTarget = SipURL(destination.text)
            agent.rUri = SipTo(address=SipAddress(url=SipURL(destination.text), hadbrace=True))
            agent.lUri = SipFrom(address=SipAddress(url=SipURL(origin.text), hadbrace=True))
            agent.lUri.setTag(agent.lTag)
            if after is not None:
                agent.lCSeq = after._ua.lCSeq
            if self._way and self._way.edge:
                agent.routes = [SipRoute(address=SipAddress(url=SipURL(self._way.route), hadbrace=True))]

        # The stack would put the next hop into the Request-URI and its own address into From.
        event.onUacSetupComplete = address
        self._ua.recvEvent(event)

    def ring(self) -> None:
        """Answer 180."""
        self._ua.recvEvent(CCEventRing((180, "Ringing", None)))

    def answer(self, description: str) -> None:
        """Answer 200 with `description`; the handler is told of its ACK (`Acknowledged`). Without one the dialog is
        ended after 32 s (RFC 3261, section 13.3.1.4).
        """
        event = CCEventPreConnect((200, "OK", MsgBody(description)))
        event.extra_headers = self._ua.accept_timer(self._request)
        self._ua.answer(event)

    def refuse(self, code: int, reason: str) -> None:
        """Answer with a failure."""
        self._ua.recvEvent(CCEventFail((code, reason)))

    def hang_up(self) -> None:
        """End the dialog in whatever state it is: BYE, CANCEL or a final answer."""
        self._ua.recvEvent(CCEventDisconnect())

    def leave(self) -> None:
        """End a dialog that was answered: with a BYE, which waits for the ACK."""
        self._ua.leave()

    def forget(self) -> None:
        """Hear no more of it; the stack keeps the dialog for a while to answer what is repeated."""
        self._ua.event_cb = None
        if self.call_id is not None:
            self._endpoint.tap.ladders.pop(self.call_id, None)
