"""sippy's user agent, completed: requests within a call are answered as the RFCs ask, challenges are met, sessions
kept fresh, provisional answers acknowledged, further dialogs of a forked INVITE ended.
"""

import logging
from functools import partial
from typing import Any

from sippy.CCEvents import CCEventDisconnect, CCEventFail, CCEventRing
from sippy.MsgBody import MsgBody
from sippy.SipHeader import SipHeader

from voice_sipapp.signalling.sip import dialog, sessiontimer
from voice_sipapp.signalling.sip.capabilities import ALLOWED, SUPPORTED, refusal_of
from voice_sipapp.signalling.sip.digest import PROOFS
from voice_sipapp.signalling.sip.forks import Forks
from voice_sipapp.signalling.sip.headers import described, header, values
from voice_sipapp.signalling.sip.infodigits import Pressed
from voice_sipapp.signalling.sip.offers import NOT_YET, PENDING, Media, Response
from voice_sipapp.signalling.sip.provisional import RELIABLE, EarlyDialogs, Unacknowledged, Verdict, asks_for, rseq
from voice_sipapp.signalling.sip.refresher import Refresher
from voice_sipapp.signalling.sip.repeats import LastRequest
from voice_sipapp.signalling.sip.sender import Headers, Sender

MOST_NOTES = 4
"""How many different faults of a far end's messages are told."""

_GONE = (481, "Call/Transaction Does Not Exist")
_SIDE_ANSWERS = {"OPTIONS": (200, "OK"), "REFER": (603, "Decline")}
"""Answers to what changes nothing."""

_EARLY = frozenset({"INVITE", "UPDATE", "OPTIONS", "INFO", "PRACK", "BYE"})

log = logging.getLogger(__name__)


class Agent(Sender):
    """One dialog."""

    def __init__(self, *arguments: Any, media: Media | None = None, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, media=media, **named)
        self.rCSeq: int | None
        self.notes: list[str] = []
        """What came of this dialog and was not understood, a sentence each."""
        self.final: Any = None
        """The last final answer to the INVITE."""
        self.answer = ""
        """What the 2xx to our INVITE says of the session; "" where earlier answers of that party said it all."""
        self.settled = False
        """Whether they had said what could be used."""
        self.first_branch: str | None = None
        """That of the INVITE that began the dialog, where the far end did."""
        self.cancelled = False
        """Whether the far end took its INVITE back at the moment at which we answered it: CANCEL and 200 crossed."""
        self.heard = False
        """Whether anything came back for our INVITE."""
        self.insists = False
        """Whether the caller wants provisional answers to be reliable."""
        self.refresher = Refresher(self)
        self.early = EarlyDialogs()
        self._media = media
        self._farewell: Any = None
        self._last_provisional: Any = None
        self._forks = Forks()
        self._pressed = Pressed()
        self._invite_number = 0
        self._last_request = LastRequest()
        self._unacknowledged = self._leaving = self._lengthened = self._taken = False
        self._ringing: Unacknowledged | None = None
        self._deferred: Any = None

    # --- requests of the far end -----------------------------------------------------------------------------------

    def recvRequest(self, req: Any, sip_t: Any) -> Any:  # noqa: ANN401
        """Answer `req`, which belongs to this dialog."""
        if self.state is None:
            return self._began(req, sip_t)
        if req.getMethod() == "BYE" and not self._inviting:
            self._farewell = req
            return self._answered(req, 200, "OK") if self.over else super().recvRequest(req, sip_t)
        if self.over:
            return self._answered(req, *_GONE)
        number = req.getHFBody("cseq").getCSeqNum()
        if self.rCSeq is not None and self.rCSeq >= number:
            repeated = self._last_request.repeated(req, sip_t, self.global_config["_sip_tm"])
            return None if repeated else self._answered(req, 500, "Server Internal Error")
        if not self._inviting:  # each early dialog of a forked INVITE counts its requests for itself
            self.rCSeq = number
            self._last_request.came(req, sip_t)
        return self._within(req, sip_t)

    def _within(self, req: Any, sip_t: Any) -> Any:  # noqa: ANN401
        method = req.getMethod()
        if method == "PRACK":
            return self._acknowledged(req, sip_t)
        if method in ("INVITE", "UPDATE"):
            return self._renegotiate(req, sip_t)
        if method == "BYE":  # of an early dialog, which the INVITE's final answer ends (section 15)
            return self._answered(req, 200, "OK")
        if method == "INFO":
            code, reason, more = self._pressed.answer(req, self._media)
            return self._answered(req, code, reason, *more)
        return self._answered(req, *_SIDE_ANSWERS.get(method, refusal_of(method)))

    def _began(self, invite: Any, transaction: Any) -> Any:  # noqa: ANN401
        self.first_branch = invite.getHFBody("via").getBranch()
        self.insists = asks_for(invite, RELIABLE)
        self.offers.theirs = bool(described(invite))
        self.dialog = dialog.of_request(invite)
        self.invite, self._invite_number = transaction, invite.getHFBody("cseq").getCSeqNum()
        if self._media is not None:
            self._media.signalled(invite.getSource()[0])
        return super().recvRequest(invite, transaction)

    def _answered(self, request: Any, code: int, reason: str, *more: Any) -> Any:  # noqa: ANN401
        response = request.genResponse(code, reason)
        response.appendHeaders([header("Allow", ALLOWED), *more])
        return response, None, None

    def ring(self, description: str) -> None:
        """Answer 180, with `description` where that is not empty: an offer of ours, which waits for its PRACK."""
        event = CCEventRing((180, "Ringing", MsgBody(description) if description else None))
        if self.insists and self._ringing is None:
            transaction, manager = self.invite, self.global_config["_sip_tm"]

            def again() -> None:
                manager.transmitData(transaction.userv, transaction.data, transaction.address)

            self._ringing = Unacknowledged(1, again, self._never_acknowledged)
            event.extra_headers = (header("Require", RELIABLE), header("RSeq", "1"))
            self.offers.ours = bool(description)
        self.recvEvent(event)

    def _acknowledged(self, prack: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Answer `prack` (RFC 3262, section 3); then the 200 may go that waited for it."""
        ringing, rack = self._ringing, "".join(values(prack, "rack"))
        if ringing is None or not ringing.met_by(rack, self._invite_number):
            return self._answered(prack, *_GONE)
        ringing.stop()
        self._ringing = None
        answer = described(prack)
        early = answer and not self.offers.ours  # a new offer, before the first one has its answer (section 5)
        response, *_ = self._answered(prack, *((488, "Not Acceptable Here") if early else (200, "OK")))
        self.global_config["_sip_tm"].sendResponse(response, transaction)
        if self.offers.ours:
            self.offers.answered(str(self.cId), answer)
        deferred, self._deferred = self._deferred, None
        if deferred is not None:
            self.accept(deferred)
        return None

    def _never_acknowledged(self) -> None:
        self._ringing = None
        self.recvEvent(CCEventFail((504, "Server Time-out")))
        self.equeue.append(CCEventFail((504, "the caller did not acknowledge that it rang")))
        self.emitPendingEvents()

    def accept(self, event: Any) -> None:  # noqa: ANN401
        """Answer the INVITE with the 200 of `event`, a CCEventPreConnect: the stack tells of its ACK."""
        if self._ringing is not None:
            self._deferred = event
            return
        self._unacknowledged = self._taken = True
        self.offers.ours, self.offers.theirs = not self.offers.theirs and bool(str(event.getData()[2] or "")), False
        self.recvEvent(event)

    def recvACK(self, req: Any) -> None:  # noqa: ANN401
        """Take in the ACK of our 200. Its tag is ours: whoever sent it got the 200."""
        self._unacknowledged = self.offers.ours = False
        super().recvACK(req)
        if self._leaving:
            self.disconnect()

    def leave(self, reason: str | None = None) -> None:
        """End the dialog, in whatever state it is; one whose 200 was not acknowledged as soon as it is, or will not be
        any more (RFC 3261, section 15). `reason` is a Reason header's value (RFC 3326).
        """
        if self._unacknowledged:
            self._leaving = True
            return
        event = CCEventDisconnect()
        event.extra_headers = (header("Reason", reason),) if reason else None
        self.recvEvent(event)

    def repeats(self, request: Any) -> bool:  # noqa: ANN401
        """Whether `request`, outside of every dialog, is the INVITE of this one, come once more (by the same way, or by
        another one: section 8.2.2.2). One that was given up is none of this: a proxy that tries its targets in turn may
        come back to us, under the same Call-ID and tag, also where its CANCEL crossed our 200.
        """
        number, method = request.getHFBody("cseq").getCSeq()
        tag = self.rUri.getTag() if self.rUri is not None else None
        same = method == "INVITE" and tag == request.getHFBody("from").getTag() and number == self._invite_number
        ours = same and self.origin == "caller" and not self.isDead()
        lasts = not self.cancelled and (self._taken or not self.over)
        return ours and (lasts or request.getHFBody("via").getBranch() == self.first_branch)

    def taken_back(self, cancel: Any) -> str | None:  # noqa: ANN401
        """Our tag, if `cancel` takes the INVITE of this dialog back, whose 200 is on its way: that changes nothing for
        the dialog, but its caller wants to be rid of it (section 9.2). None where it is none of ours.
        """
        if not self._unacknowledged or cancel.getHFBody("via").getBranch() != self.first_branch:
            return None
        self.cancelled = True
        tag: str | None = self.lUri.getTag()
        return tag

    def isYours(self, req: Any = None, *rest: Any, **named: Any) -> "Agent | None":  # noqa: ANN401
        """This agent, if `req` belongs to its dialog. Before the call is up the stack takes nothing but the INVITE
        itself for its own.
        """
        found: Agent | None = super().isYours(req, *rest, **named)
        return self if found is None and req is not None and self._is_early(req) else found

    @property
    def _inviting(self) -> bool:
        """Whether the INVITE was ours, and has no final answer yet."""
        return str(self.state) in ("Trying(UAC)", "Ringing(UAC)")

    @property
    def over(self) -> bool:
        """Whether the dialog is at its end, or never came to be."""
        return str(self.state) in ("Disconnected", "Failed", "Dead")

    def _is_early(self, request: Any) -> bool:  # noqa: ANN401
        """Whether `request` is of this dialog, and comes before the INVITE's final answer (RFC 3261, section 12.1)."""
        if request.getMethod() not in _EARLY:
            return False
        if not (self._inviting or str(self.state) in ("Trying(UAS)", "Ringing(UAS)")):
            return False
        own, peer = self.lUri.getTag(), self.rUri.getTag()
        return (
            str(request.getHFBody("call-id")) == str(self.cId)
            and own is not None
            and request.getHFBody("to").getTag() == own
            and peer in (None, request.getHFBody("from").getTag())
        )

    def _renegotiate(self, request: Any, transaction: Any) -> Any:  # noqa: ANN401
        """Answer a re-INVITE or an UPDATE (RFC 3261 section 14, RFC 3311): a new offer, hold, or a refresh."""
        invites = request.getMethod() == "INVITE"
        if self._inviting:
            self.offers.ours = not self.early.settled(request.getHFBody("from").getTag())
        if invites and not self.isConnected():  # the first INVITE has no final answer yet (section 14.2)
            told = PENDING if self._inviting else NOT_YET
        else:
            told = self.offers.response(str(self.cId), described(request), invites=invites)
        if told.code >= 300:
            wait = (header("Retry-After", str(told.retry_after_s)),) if told.retry_after_s is not None else ()
            return self._answered(request, told.code, told.reason, *wait)
        self.retarget(request)
        self._send_answer(request, transaction, told)
        return None

    def _send_answer(self, request: Any, transaction: Any, told: Response) -> None:  # noqa: ANN401
        body = MsgBody(told.description) if told.description is not None else None
        response = request.genResponse(told.code, told.reason, body)
        timer = self.refresher.accept(request) if self.isConnected() else []
        response.appendHeaders([SipHeader(name="contact", body=self.lContact), header("Allow", ALLOWED), *timer])
        acknowledged = None
        if told.offers:
            self.offers.ours = True
            acknowledged = self._answer_came
            transaction.noack_cb = partial(self.offers.answered, str(self.cId), "")
        self.global_config["_sip_tm"].sendResponse(response, transaction, ack_cb=acknowledged)

    def _answer_came(self, message: Any) -> None:  # noqa: ANN401
        """The far end's answer to an offer of ours within the call, in its ACK or in its 200."""
        self.offers.answered(str(self.cId), described(message))

    # --- how it ended ----------------------------------------------------------------------------------------------

    def last_words(self, name: str) -> tuple[str, ...]:
        """The values of the header fields called `name` of what ended the dialog: the far end's BYE, or its final
        answer. Of a call that was not answered it may have said earlier why (RFC 3326, section 2): an announcement
        follows a 183.
        """
        said = (self._farewell or self.final, None if self.was_answered else self._last_provisional)
        return next((found for each in said if each and (found := values(each, name))), ())

    def update_ua(self, msg: Any) -> None:  # noqa: ANN401
        """Note what the far end calls itself in `msg`."""
        self.remote_ua: str | None = next(filter(None, values(msg, "user-agent", "server")), self.remote_ua)

    def note(self, what: str) -> None:
        """Keep in mind `what` of the far end was not understood; a few such sentences will do."""
        if what not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(what)
            log.warning("call %s: %s", self.cId, what)

    @property
    def was_answered(self) -> bool:
        """Whether the far end took the call."""
        return self.final is not None and 200 <= self.final.getSCode()[0] < 300

    def timer_accepted(self, request: Any) -> tuple[Any, ...]:  # noqa: ANN401
        """Headers for our 200 to the INVITE `request`."""
        return (header("Allow", ALLOWED), header("Supported", SUPPORTED), *self.refresher.accept(request))

    def changeState(self, newstate: Any) -> None:  # noqa: ANN401
        """Go on; what waits for a PRACK waits no more once the INVITE has its final answer."""
        super().changeState(newstate)
        if self._ringing is not None and str(self.state) not in ("Trying(UAS)", "Ringing(UAS)"):
            self._ringing.stop()
            self._ringing = self._deferred = None

    def cleanup(self) -> None:
        """End the timers. The stack calls this for a dead dialog."""
        self.refresher.stop()

    # --- answers to the INVITE -------------------------------------------------------------------------------------

    def recvResponse(self, resp: Any, tr: Any) -> None:  # noqa: ANN401
        """Take in an answer to the INVITE."""
        code, _ = resp.getSCode()
        if 100 < code < 200:
            self._last_provisional = resp
        if resp.source is None:  # our own: nothing came in time
            resp.reason = "No answer" if self._last_provisional is not None else "No response"
        else:
            self.heard = True
            if self._media is not None and self.edge is None:
                self._media.signalled(resp.getSource()[0])
        if 100 < code < 200 and self._inviting and not self._progresses(resp):
            return
        if code >= 200:
            self.final = resp
        if 200 <= code < 300:
            self.dialog = self.made_by(resp)
            self.offers.ours = False
            tag, cseq = resp.getHFBody("to").getTag() or None, resp.getHFBody("cseq").getCSeqNum()
            self.answer, self.settled = self.early.answer(tag, cseq, described(resp)), self.early.settled(tag)
            self.refresher.follow(resp)
        if code != 422 or not self._lengthens(resp, tr):
            super().recvResponse(resp, tr)

    def _progresses(self, answer: Any) -> bool:  # noqa: ANN401
        """Whether a provisional `answer` says something new; one that is reliable is acknowledged (RFC 3262)."""
        number, cseq = rseq(answer), answer.getHFBody("cseq").getCSeqNum()
        verdict = self.early.take(answer.getHFBody("to").getTag(), cseq, number, described(answer))
        if verdict is Verdict.ACKNOWLEDGE:
            rack = header("RAck", f"{number} {cseq} INVITE")
            self.post(lambda extra: self._prack(answer, (rack, *extra)), lambda _: None)
        answer.passed_over = verdict is Verdict.IGNORE
        return verdict is not Verdict.IGNORE

    def _prack(self, answer: Any, extra: Headers) -> Any:  # noqa: ANN401
        request = self.made_by(answer).request(self, "PRACK", self.lCSeq, answer.getHFBCopy("to"), self.edge)
        self.lCSeq += 1
        request.appendHeaders(extra)
        return self.guarded(request)

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
        sent = self.reqs[cseq]
        proofs = self.challenges.meet(resp, sent, str(sent.getRURI()))
        if proofs:
            self._invite_again(cseq, extra_headers or (), proofs)
        return bool(proofs)

    def _lengthens(self, answer: Any, transaction: Any) -> bool:  # noqa: ANN401
        """Whether the INVITE was sent again for a longer session: a proxy had asked for one that is too short for the
        next (RFC 4028, section 7.3).
        """
        cseq, shortest = answer.getHFBody("cseq").getCSeqNum(), sessiontimer.shortest(values(answer, "min-se"))
        if not self._inviting or self._lengthened or not shortest or cseq not in self.reqs:
            return False
        self._lengthened = True
        proofs = [each for name in PROOFS for each in self.reqs[cseq].getHFs(name)]
        wanted = header("Session-Expires", str(shortest)), header("Min-SE", str(shortest))
        self._invite_again(cseq, (*(transaction.req_extra_headers or ()), *wanted), proofs)
        return True

    def _invite_again(self, cseq: int, extra: Headers, proofs: Headers) -> None:
        request = self.genRequest("INVITE", self.lSDP, extra_headers=[*extra, *proofs])
        request.rounds = getattr(self.reqs.pop(cseq), "rounds", 0) + 1
        self.global_config["_sip_tm"].after_acknowledging(
            lambda: self.newUacTransaction(request, req_extra_headers=extra)
        )

    def refuse_fork(self, answer: Any, server: Any) -> bool:  # noqa: ANN401
        """Acknowledge `answer`, a 2xx to an INVITE of ours that comes once more or from another party, with which the
        dialog is ended; False if it is neither.
        """
        return self._forks.take(self, answer, server)
