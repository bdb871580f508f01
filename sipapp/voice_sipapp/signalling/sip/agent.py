"""sippy's user agent, completed: requests within a call are answered as the RFCs ask, challenges are met, sessions
kept fresh, further dialogs of a forked INVITE ended.
"""

import logging
from typing import Any, Protocol

from sippy.MsgBody import MsgBody
from sippy.SipHeader import SipHeader
from sippy.UA import UA

from voice_sipapp.octets import readable
from voice_sipapp.signalling.credentials import Credential
from voice_sipapp.signalling.sip import sessiontimer
from voice_sipapp.signalling.sip.challenges import Challenges
from voice_sipapp.signalling.sip.digest import PROOFS
from voice_sipapp.signalling.sip.forks import Forks
from voice_sipapp.signalling.sip.freshness import Freshness
from voice_sipapp.signalling.sip.headers import header
from voice_sipapp.signalling.sip.transactions import is_literal

ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"
RETRY_AFTER_S = 2
"""When an offer may be repeated that came too early."""

GLARE_S = 2.5
"""How long to wait after a 491 before trying again (RFC 3261, section 14.1)."""

_GONE = (481, "Call/Transaction Does Not Exist")
_SIDE_ANSWERS = {
    "INFO": (200, "OK"), "OPTIONS": (200, "OK"), "REFER": (603, "Decline"), "INVITE": _GONE, "UPDATE": _GONE,
}  # fmt: skip
"""Answers to what changes nothing, or comes when the call is not up."""

log = logging.getLogger(__name__)


class Media(Protocol):
    """What is asked about the media of a leg when the far end negotiates anew."""

    def answer_again(self, offer: str) -> str:
        """Our answer to `offer`. Raises ValueError where it can't be followed; then nothing changes."""

    def offer_again(self) -> str:
        """Our offer of the session as it stands."""

    def agree_again(self, answer: str) -> None:
        """The far end's answer to it. Raises ValueError."""

    def signalled(self, host: str) -> None:
        """The far end's messages come from `host`, an address as it stands in a URI."""


class Agent(UA):  # type: ignore[misc]  # the stack is untyped
    """One dialog. `edge` is where everything of it is sent to, where not to the far end itself."""

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401
        media: Media | None = None,
        credential: Credential | None = None,
        edge: tuple[str, int] | None = None,
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **named)
        self.rCSeq: int | None
        self.rAddr: Any
        self.final: Any = None
        """The last final answer to the INVITE."""
        self.first_branch: str | None = None
        """That of the INVITE that began the dialog, where the far end did."""
        self._farewell: Any = None
        self._closing = 0
        self._media = media
        self._edge = edge
        # The stack is told of no password: it would answer whoever asks.
        self.challenges = Challenges(credential, edge, self.global_config["_sip_address"])
        self._forks = Forks()
        self.expired = False
        """Whether we ended the dialog because nobody refreshed the session in time."""
        self._unacknowledged = self._leaving = False
        self._freshness = Freshness(self._refresh, self._expire)
        self._refreshing = False

    # --- requests of the far end -----------------------------------------------------------------------------------

    def recvRequest(self, req: Any, sip_t: Any) -> Any:  # noqa: ANN401
        """Answer `req`, which belongs to this dialog."""
        method = req.getMethod()
        if method == "BYE":
            self._farewell = req
        if self.state is None:
            self.first_branch = req.getHFBody("via").getBranch()
            if self._media is not None:
                self._media.signalled(req.getSource()[0])
        if self.state is None or method == "BYE":
            return super().recvRequest(req, sip_t)
        if self.rCSeq is not None and self.rCSeq >= req.getHFBody("cseq").getCSeqNum():
            return req.genResponse(500, "Server Internal Error"), None, None
        early = self._early(req)
        if not (early and self._invited):  # each early dialog of a forked INVITE counts its requests for itself
            self.rCSeq = req.getHFBody("cseq").getCSeqNum()
        if early and method == "UPDATE":
            return self._early_update(req)
        if self.isConnected() and method in ("INVITE", "UPDATE"):
            return self._renegotiate(req, sip_t)
        return self._answered(req, *_SIDE_ANSWERS.get(method, (405, "Method Not Allowed")))

    def _answered(self, request: Any, code: int, reason: str, *more: Any) -> Any:  # noqa: ANN401
        response = request.genResponse(code, reason)
        response.appendHeaders([header("Allow", ALLOWED), *more])
        return response, None, None

    def answer(self, event: Any) -> None:  # noqa: ANN401
        """Answer the INVITE with the 200 of `event`, a CCEventPreConnect: the stack tells of its ACK."""
        self._unacknowledged = True
        self.recvEvent(event)

    def recvACK(self, req: Any) -> None:  # noqa: ANN401
        """Take in the ACK of our 200. Its tag is ours: whoever sent it got the 200."""
        self._unacknowledged = False
        super().recvACK(req)
        if self._leaving:
            self.disconnect()

    def leave(self) -> None:
        """End the dialog, in whatever state it is; one whose 200 was not acknowledged as soon as it is, or will not be
        any more (RFC 3261, section 15).
        """
        if self._unacknowledged:
            self._leaving = True
        else:
            self.disconnect()

    def repeats(self, request: Any) -> bool:  # noqa: ANN401
        """Whether `request`, outside of every dialog, is the INVITE of this one, come once more (by the same way, or by
        another one: section 8.2.2.2).
        """
        number, method = request.getHFBody("cseq").getCSeq()
        tag = self.rUri.getTag() if self.rUri is not None else None
        same = method == "INVITE" and tag == request.getHFBody("from").getTag()
        return same and self.origin == "caller" and number == self.rCSeq and not self.isDead()

    def isYours(self, req: Any = None, *rest: Any, **named: Any) -> "Agent | None":  # noqa: ANN401
        """This agent, if `req` belongs to its dialog. Before the call is up the stack takes nothing but the INVITE
        itself for its own.
        """
        found: Agent | None = super().isYours(req, *rest, **named)
        return self if found is None and req is not None and self._early(req) else found

    @property
    def _invited(self) -> bool:
        """Whether the INVITE was ours, and has no final answer yet."""
        return str(self.state) in ("Trying(UAC)", "Ringing(UAC)")

    def _early(self, request: Any) -> bool:  # noqa: ANN401
        """Whether `request` is of this dialog, and comes before the INVITE's final answer (RFC 3261, section 12.1)."""
        if request.getMethod() not in ("UPDATE", "OPTIONS", "INFO"):
            return False
        if not (self._invited or str(self.state) in ("Trying(UAS)", "Ringing(UAS)")):
            return False
        own, peer = self.lUri.getTag(), self.rUri.getTag()
        return (
            str(request.getHFBody("call-id")) == str(self.cId)
            and own is not None
            and request.getHFBody("to").getTag() == own
            and peer in (None, request.getHFBody("from").getTag())
        )

    def _early_update(self, request: Any) -> Any:  # noqa: ANN401
        """Answer an UPDATE before the call is up: a new offer must wait until the INVITE's own has its answer
        (RFC 3311, section 5.2).
        """
        if request.getBody() is not None:
            if self._invited:
                return self._answered(request, 491, "Request Pending")
            return self._answered(request, 500, "Server Internal Error", header("Retry-After", str(RETRY_AFTER_S)))
        if request.countHFs("contact") and not self._invited:
            self.rTarget = request.getHFBody("contact").getUrl().getCopy()
        return self._answered(request, 200, "OK", SipHeader(name="contact", body=self.lContact))

    def _renegotiate(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Answer a re-INVITE or an UPDATE (RFC 3261 section 14, RFC 3311): a new offer, hold, or a refresh."""
        if self._refreshing:
            return self._answered(request, 491, "Request Pending")
        offer, invites = request.getBody(), request.getMethod() == "INVITE"
        try:
            description = self._description(str(offer) if offer is not None else None, invites)
        except ValueError as error:
            log.warning("call %s: a new offer is not followed: %s", self.cId, error)
            return self._answered(request, 488, "Not Acceptable Here")
        except Exception:
            log.exception("call %s: a new offer could not be handled", self.cId)
            return self._answered(request, 500, "Server Internal Error")
        if request.countHFs("contact"):
            self.rTarget = request.getHFBody("contact").getUrl().getCopy()  # the target may be refreshed too
        body = MsgBody(description) if description is not None else None
        response = request.genResponse(200, "OK", body)
        response.appendHeader(SipHeader(name="contact", body=self.lContact))
        response.appendHeaders([header("Allow", ALLOWED), *self._session_timer(request)])
        acknowledged = self._answer_came if invites and offer is None else None
        self.global_config["_sip_tm"].sendResponse(response, transaction, ack_cb=acknowledged)
        return None

    def _description(self, offer: str | None, invites: bool) -> str | None:
        """What our answer says about media: an answer, an offer where none was made, nothing to a mere refresh."""
        if self._media is None:
            raise ValueError("there is no media to negotiate")
        if offer is not None:
            return self._media.answer_again(offer)
        return self._media.offer_again() if invites else None

    def _answer_came(self, message: Any) -> None:  # noqa: ANN401
        """The far end's answer to an offer of ours within the call, in its ACK or in its 200."""
        if message.getBody() is None or self._media is None:
            return
        try:
            self._media.agree_again(str(message.getBody()))
        except ValueError as error:
            log.warning("call %s: the answer to our offer can't be used: %s", self.cId, error)

    # --- how it ended ----------------------------------------------------------------------------------------------

    def last_words(self, name: str) -> list[Any]:
        """The headers called `name` of what ended the dialog: the far end's BYE, or its final answer."""
        message = self._farewell or self.final
        found = message.getHFs(name) if message is not None else []
        return [header(name, readable(str(each.body))) for each in found]

    def update_ua(self, msg: Any) -> None:  # noqa: ANN401
        """Note what the far end calls itself in `msg`."""
        super().update_ua(msg)
        if self.remote_ua is not None:
            self.remote_ua: str | None = readable(self.remote_ua)

    @property
    def answered(self) -> bool:
        """Whether the far end took the call."""
        return self.final is not None and 200 <= self.final.getSCode()[0] < 300

    @property
    def quiet(self) -> bool:
        """Whether the far end owes us no answer."""
        return self._closing == 0 and str(self.state) != "Cancelling(UAC)"

    # --- session timers (RFC 4028) ---------------------------------------------------------------------------------

    def _session_timer(self, request: Any) -> list[Any]:  # noqa: ANN401
        """Headers that accept the session timer of `request`; the far end refreshes, unless it wants us to."""
        asked = sessiontimer.asked(request)
        if asked is None:
            self._freshness.stop()
            return []
        knows = any("timer" in str(each.body).lower() for each in request.getHFs("supported") + request.getHFs("k"))
        # A proxy may have asked on behalf of a far end that knows nothing of timers: then it is left to us.
        refresher = asked[1] or ("uac" if knows else "uas")
        self._freshness.renew(asked[0], ours=refresher == "uas")
        accepted = header("Session-Expires", f"{asked[0]};refresher={refresher}")
        return [accepted] if refresher == "uas" else [header("Require", "timer"), accepted]

    def accept_timer(self, request: Any) -> tuple[Any, ...]:  # noqa: ANN401
        """Headers for our 200 to the INVITE `request`."""
        return (header("Allow", ALLOWED), header("Supported", "timer"), *self._session_timer(request))

    def cleanup(self) -> None:
        """End the timers. The stack calls this for a dead dialog."""
        self._freshness.stop()

    def _expire(self) -> None:
        """Hang up: whoever should have refreshed the session is gone (section 10)."""
        if self.isConnected():
            self.expired = True
            log.warning("call %s: the session was not refreshed in time", self.cId)
            self.disconnect()

    def _refresh(self) -> None:
        """Invite again, with the session as it stands."""
        if not self.isConnected() or self._media is None:
            return
        self._refreshing = True
        extra = (
            header("Supported", "timer"),
            header("Session-Expires", f"{self._freshness.interval_s};refresher=uac"),
            header("Allow", ALLOWED),
        )
        self._send("INVITE", MsgBody(self._media.offer_again()), extra, self._refreshed)

    def _refreshed(self, response: Any) -> None:  # noqa: ANN401
        code, _ = response.getSCode()
        if code < 200:
            return
        self._refreshing = False
        if code < 300:
            self._answer_came(response)
            self._follow_timer(response)
        elif code == 491:
            self._freshness.refresh_in(GLARE_S)
        elif code in (408, 481):
            self.disconnect()

    def _follow_timer(self, response: Any) -> None:  # noqa: ANN401
        """Keep to the session timer of `response`, a 200 to an INVITE of ours; it is ours to refresh unless the far
        end takes that over.
        """
        asked = sessiontimer.asked(response)
        if asked is None:
            self._freshness.stop()
            return
        self._freshness.renew(asked[0], ours=asked[1] != "uas")

    # --- our requests ------------------------------------------------------------------------------------------------

    def genRequest(self, method: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        """A request of this dialog. All of them leave by UDP: the edge speaks whatever else there is.

        A name in a Contact is not looked up, which would hold up every other message: it goes where the INVITE went.
        """
        hop = self.rAddr[0] if is_literal(self.rAddr[0][0]) else self.rAddr0[0]
        self.rAddr = (self._edge or hop, "udp")
        request = super().genRequest(method, *arguments, **named)
        self.challenges.guard(request, request.getTarget()[0])
        request.guard = self.challenges.guard  # for its ACK
        return request

    def newTransaction(self, req: Any, req_extra_headers: Any = None, **named: Any) -> Any:  # noqa: ANN401
        """Send `req`; a BYE that is challenged is sent again with our credential."""
        if req.getMethod() == "BYE" and "resp_cb" not in named:
            self._closing += 1
            named["resp_cb"] = lambda response: self._met("BYE", req, response, self._closed)
            send = super().newTransaction
            self.global_config["_sip_tm"].after_acknowledging(lambda: send(req, req_extra_headers, **named))
            return None
        return super().newTransaction(req, req_extra_headers, **named)

    def _closed(self, _: Any) -> None:  # noqa: ANN401
        self._closing -= 1

    def _send(self, method: str, body: Any, extra: tuple[Any, ...], done: Any) -> None:  # noqa: ANN401
        request = self.genRequest(method, body, extra_headers=extra)
        self.reqs.pop(request.getHFBody("cseq").getCSeqNum(), None)  # its answers are not the first INVITE's
        self.newTransaction(request, resp_cb=lambda response: self._met(method, request, response, done, extra))

    def _met(self, method: str, sent: Any, response: Any, done: Any, extra: tuple[Any, ...] = ()) -> None:  # noqa: ANN401
        """Meet a challenge to `sent`; anything else is given to `done`."""
        if self.isDead():
            return
        challenged = response.getSCode()[0] in (401, 407)
        answer = self.challenges.meet(response, sent, str(self.rTarget)) if challenged else None
        if answer:
            others = (each for each in extra if each.name not in PROOFS)
            self._send(method, sent.getBody(), (*others, *answer), done)
        else:
            done(response)

    def recvResponse(self, resp: Any, tr: Any) -> None:  # noqa: ANN401
        """Take in an answer to the INVITE."""
        code, _ = resp.getSCode()
        if self._media is not None and self._edge is None:
            self._media.signalled(resp.getSource()[0])
        if code >= 200:
            self.final = resp
        if 200 <= code < 300:
            self._follow_timer(resp)
        super().recvResponse(resp, tr)

    def processChallenge(
        self,
        resp: Any,  # noqa: ANN401
        cseq: int,
        ch_hfname: str,
        auth_hfname: str,
        extra_headers: Any,  # noqa: ANN401
    ) -> bool:
        """Whether the INVITE was sent again with our credential (RFC 3261, section 22)."""
        if self.state is None or str(self.state) == "Cancelling(UAC)":
            return False
        answer = self.challenges.meet(resp, self.reqs[cseq], str(self.rTarget))
        if not answer:
            return False
        request = self.genRequest("INVITE", self.lSDP, extra_headers=(*(extra_headers or ()), *answer))
        del self.reqs[cseq]
        self.global_config["_sip_tm"].after_acknowledging(
            lambda: self.newUacTransaction(request, req_extra_headers=extra_headers)
        )
        return True

    def refuse_fork(self, answer: Any, server: Any) -> bool:  # noqa: ANN401
        """Acknowledge and end the dialog that `answer`, a 200, makes besides this one; False if it is this one's."""
        return self._forks.refuse(self, answer, server, self._edge)
