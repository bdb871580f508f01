"""The SIP stack (sippy), told what this application needs of it and nothing more.

The dialer and the receiver each have an endpoint (a port and a transaction manager) of their own: with one for both,
a proxy that keeps the Call-ID would bring the receiver an INVITE that looks like the dialer's own coming back, and
the stack answers that with 482 (RFC 3261, section 8.2.2.2).
"""

import logging
from collections.abc import Callable
from typing import Any

from sippy.CCEvents import CCEventConnect, CCEventDisconnect, CCEventFail, CCEventRing, CCEventTry
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipConf import SipConf
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipTo import SipTo
from sippy.SipTransactionManager import SipTransactionManager
from sippy.SipURL import SipURL
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout
from sippy.UA import UA

from voice_sipapp import __version__
from voice_sipapp.correlation import Invite
from voice_sipapp.sipuri import SipUri

CALL_HEADER = "X-Voice-Call"
"""Carries the call's UUID from the dialer to the receiver, across whatever lies between."""

SipConf.my_uaname = f"voice-sipapp/{__version__}"

Handler = Callable[[Any, Any], None]
log = logging.getLogger(__name__)


class _NoLog:
    """The stack's log of every message, left out."""

    def write(self, *_: object, **__: object) -> None:
        """Keep nothing."""

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
    events, or None to refuse it with 486, or raises RefusedError to refuse it otherwise.
    """

    def __init__(self, address: str, port: int, on_invite: Callable[[Invite], "Leg | None"]) -> None:
        self.address = f"{bracketed(address)}:{port}"
        self._on_invite = on_invite
        self.config: dict[str, Any] = {
            "_sip_address": bracketed(address),
            "_sip_port": port,
            "_sip_logger": _NoLog(),
        }
        self.config["_sip_tm"] = SipTransactionManager(self.config, self._request)

    def close(self) -> None:
        """Close the port; calls that are still up are forgotten."""
        self.config["_sip_tm"].shutdown()

    def _request(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Answer a request outside of every dialog."""
        if request.getHFBody("to").getTag() is not None:
            return request.genResponse(481, "Call/Transaction Does Not Exist"), None, None
        if request.getMethod() == "OPTIONS":
            return request.genResponse(200, "OK"), None, None
        if request.getMethod() != "INVITE":
            return request.genResponse(501, "Not Implemented"), None, None
        try:
            leg = self._on_invite(_invite(request))
        except RefusedError as refused:
            return request.genResponse(refused.code, refused.reason), None, None
        if leg is None:
            return request.genResponse(486, "Busy Here"), None, None
        return leg.accept(request, transaction)


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


class Leg:
    """One party's dialog. `handler` is called with (event, user agent) for everything the far end does."""

    def __init__(self, endpoint: Endpoint, handler: Handler, next_hop: tuple[str, int] | None = None) -> None:
        self._ua = UA(endpoint.config, event_cb=_guarded(handler), nh_address=next_hop)

    @property
    def call_id(self) -> str | None:
        """The dialog's Call-ID."""
        return str(self._ua.cId) if self._ua.cId is not None else None

    @property
    def remote_agent(self) -> str | None:
        """What the far end calls itself (User-Agent or Server)."""
        return str(self._ua.remote_ua) if self._ua.remote_ua is not None else None

    def accept(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Take the INVITE `request` on."""
        return self._ua.recvRequest(request, transaction)

    def invite(self, origin: SipUri, destination: SipUri, description: str, call: str) -> None:
        """Send the INVITE: from `origin`, to `destination`, offering `description`, marked as `call`."""
        event = CCEventTry((SipCallId(), origin.user, destination.user, MsgBody(description), None, None))
        event.extra_headers = (SipHeader(name=CALL_HEADER, body=None, bodys=call),)

        def address(agent: Any) -> None:  # noqa: ANN401
            agent.rTarget = SipURL(destination.text)
            agent.rUri = SipTo(address=SipAddress(url=SipURL(destination.text), hadbrace=True))
            agent.lUri = SipFrom(address=SipAddress(url=SipURL(origin.text), hadbrace=True))
            agent.lUri.setTag(agent.lTag)

        # The stack would put the next hop into the Request-URI and its own address into From.
        event.onUacSetupComplete = address
        self._ua.recvEvent(event)

    def ring(self) -> None:
        """Answer 180."""
        self._ua.recvEvent(CCEventRing((180, "Ringing", None)))

    def answer(self, description: str) -> None:
        """Answer 200 with `description`, to an INVITE or to one within the dialog."""
        self._ua.recvEvent(CCEventConnect((200, "OK", MsgBody(description))))

    def refuse(self, code: int, reason: str) -> None:
        """Answer with a failure."""
        self._ua.recvEvent(CCEventFail((code, reason)))

    def hang_up(self) -> None:
        """End the dialog in whatever state it is: BYE, CANCEL or a final answer."""
        self._ua.recvEvent(CCEventDisconnect())

    def forget(self) -> None:
        """Hear no more of it; the stack keeps the dialog for a while to answer what is repeated."""
        self._ua.event_cb = None
