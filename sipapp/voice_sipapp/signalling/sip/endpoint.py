"""The ports that SIP is spoken on, and what is answered outside of every dialog.

The dialer and the receiver each have an endpoint (a port and a transaction manager) of their own: with one for both,
a proxy that keeps the Call-ID would bring the receiver an INVITE that looks like the dialer's own coming back, and
the stack answers that with 482 (RFC 3261, section 8.2.2.2).
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

from sippy.SipConf import SipConf

from voice_sipapp import __version__
from voice_sipapp.edge import CALL_HEADER
from voice_sipapp.signalling.sip.addresses import bracketed
from voice_sipapp.signalling.sip.agent import Agent
from voice_sipapp.signalling.sip.capabilities import ALLOWED, NOT_IMPLEMENTED, refusal_of
from voice_sipapp.signalling.sip.events import Invite
from voice_sipapp.signalling.sip.headers import header
from voice_sipapp.signalling.sip.leg import Leg
from voice_sipapp.signalling.sip.screened import Admits, Screened
from voice_sipapp.signalling.sip.tap import Tap
from voice_sipapp.signalling.sip.transactions import absorb

SipConf.my_uaname = f"voice-sipapp/{__version__}"

_WITHIN = frozenset({"BYE", "INFO", "PRACK", "UPDATE"})
"""Methods that have no meaning outside of a dialog."""


OnInvite = Callable[[Invite], Leg | None]
"""Returns who handles the call's events, or None to refuse it with 486, or raises RefusedError to refuse it otherwise.
"""


class RefusedError(Exception):
    """An INVITE can't be taken: the status code and the reason phrase that the caller gets."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Endpoint:
    """One UDP port that SIP is spoken on. INVITEs are refused with 486 until somebody listens."""

    def __init__(self, address: str, port: int) -> None:
        self.address = f"{bracketed(address)}:{port}"
        self._on_invite: OnInvite = lambda _: None
        self._admits: Admits = lambda *_: True
        self._secret = secrets.token_bytes(16)
        self.tap = Tap()
        self.config: dict[str, Any] = {  # the stack's, for this package alone
            "_sip_address": bracketed(address),
            "_sip_port": port,
            "_sip_logger": self.tap,
        }
        self.config["_sip_tm"] = Screened(self.config, self._request, self._is_admitted)

    def _is_admitted(self, datagram: bytes, source: str, dialog: str | None) -> bool:
        return self._admits(datagram, source, dialog)

    def listen(self, on_invite: OnInvite, admits: Admits = lambda *_: True) -> None:
        """Tell `on_invite` of each INVITE from now on. `admits` is asked first of each datagram."""
        self._on_invite, self._admits = on_invite, admits

    def close(self) -> None:
        """Close the port; calls that are still up are forgotten."""
        self.config["_sip_tm"].shutdown()

    def _request(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Answer a request outside of every dialog."""
        if request.getHFBody("to").getTag() is not None or request.getMethod() in _WITHIN:
            if request.getMethod() == "INVITE":
                return self._refuse(request, transaction, 481, "Call/Transaction Does Not Exist")
            return request.genResponse(481, "Call/Transaction Does Not Exist"), None, None
        if request.getMethod() != "INVITE":
            return self._answered_aside(request), None, None
        return self._invited(request, transaction)

    @staticmethod
    def _answered_aside(request: Any) -> Any:  # noqa: ANN401
        """The answer to a request that begins nothing (RFC 3261, sections 8.2.1 and 11.2)."""
        method = request.getMethod()
        answer = (200, "OK") if method == "OPTIONS" else refusal_of(method)
        response = request.genResponse(*answer)
        if answer != NOT_IMPLEMENTED:
            response.appendHeader(header("Allow", ALLOWED))
        return response

    def _invited(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Answer an INVITE."""
        if (leg := self._leg_of(request)) is not None:
            if leg.first_branch == request.getHFBody("via").getBranch():
                return absorb(transaction)  # retransmitted: our 200 is repeated anyway (RFC 6026, section 7.1)
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
        absorb(transaction)
        manager = self.config["_sip_tm"]
        hop = response.getHFBody("via").getTAddr()
        manager.transmitMsg(transaction.userv, response, hop, transaction.checksum)


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
