"""One party's dialog, as the rest of the application deals with it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventPreConnect,
    CCEventRing,
    CCEventTry,
)  # fmt: skip
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipFrom import SipFrom
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo

from voice_sipapp.edge import CALL_HEADER
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling.ladder import Ladder
from voice_sipapp.signalling.sip import contacts, grammar
from voice_sipapp.signalling.sip.agent import Agent
from voice_sipapp.signalling.sip.capabilities import ALLOWED, SUPPORTED
from voice_sipapp.signalling.sip.eventloop import guarded, later
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
from voice_sipapp.signalling.sip.headers import contact_values, header
from voice_sipapp.signalling.sip.nexthop import NextHop
from voice_sipapp.signalling.sip.offers import Media
from voice_sipapp.signalling.sip.tap import Tap
from voice_sipapp.signalling.sip.translated import Party, Url, own_contact

QUIET_S, QUIET_STEP_S = 0.5, 0.02
"""How long the answer to a call's last message may take to be part of its ladder, and how often it is looked for."""


class Port(Protocol):
    """What a leg needs of its endpoint."""

    config: dict[str, Any]
    tap: Tap


class Leg:
    """One party's dialog. `handler` is told of everything that the far end does, but for new offers of media within the
    call: those are asked of `media`. `next_hop` is a dialer's.
    """

    def __init__(
        self, endpoint: Port, handler: Handler, next_hop: NextHop | None = None, media: Media | None = None
    ) -> None:
        self._endpoint = endpoint
        self._next_hop = next_hop
        self._request: Any = None
        self.ladder = Ladder()
        self._ua = Agent(
            endpoint.config,
            event_cb=guarded(lambda event, _: self._tell(handler, event)),
            nh_address=next_hop.first if next_hop else None,
            media=media,
            credential=next_hop.credential if next_hop else None,
            edge=next_hop.edge if next_hop else None,
        )

    def _tell(self, handler: Handler, event: Any) -> None:  # noqa: ANN401
        told = _told(event, self._contacts, self._ua, ours=self._next_hop is not None)
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
    def _contacts(self) -> tuple[str, ...]:
        """The URIs in the Contact headers of a refusal, the most wanted first (q, RFC 3261 section 8.1.3.4)."""
        found = contact_values(self._ua.final) if self._ua.final is not None else ()
        return tuple(each.uri for each in contacts.preferred(found) if each.expires != 0)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The values of the Reason header fields of what ended the dialog."""
        return self._ua.last_words("reason")

    @property
    def notes(self) -> list[str]:
        """What came of this dialog and was not understood, a sentence each."""
        return self._ua.notes

    @property
    def expired(self) -> bool:
        """Whether the dialog was ended because nobody refreshed its session in time (RFC 4028)."""
        return self._ua.refresher.expired

    @property
    def lost(self) -> str | None:
        """The answer to a refresh of ours which said that the dialog is gone; None where that did not happen."""
        return self._ua.refresher.lost

    @property
    def hints(self) -> list[str]:
        """What the final answer tells besides its reason phrase: warnings, extensions that it insists on or lacks."""
        if self._ua.was_answered:
            return []
        warnings = grammar.warnings(self._ua.last_words("warning"))
        required = [f"it requires {each}" for each in self._ua.last_words("require")]
        lacking = [f"it does not support {each}" for each in self._ua.last_words("unsupported") if each]
        return [*warnings, *required, *lacking]

    @property
    def refusal(self) -> str | None:
        """Why a challenge was not met that there is a credential for, as a sentence; None where that did not happen."""
        return self._ua.challenges.refusal

    @property
    def troubles(self) -> list[str]:
        """What went wrong within a call that was up, in words."""
        found = ["the session was not refreshed in time (RFC 4028)"] if self.expired else []
        if self.lost:
            found.append(f"a refresh of the session was answered {self.lost}")
        if self.refusal:
            found.append(f"within the call it asked for a password: {self.refusal}")
        return found

    @property
    def heard(self) -> bool:
        """Whether anything at all came back."""
        return self._ua.heard

    @property
    def cancelled(self) -> bool:
        """Whether the far end took its INVITE back at the moment at which we answered it: CANCEL and 200 crossed."""
        return self._ua.cancelled

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
        else:
            self._endpoint.tap.follow(str(name), self.ladder)
        event = CCEventTry((name, origin.user, destination.user, MsgBody(description), None, None))
        event.extra_headers = (
            header(CALL_HEADER, call),
            header("Allow", ALLOWED),
            header("Supported", SUPPORTED),
        )

        def address(agent: Any) -> None:  # noqa: ANN401
            agent.rTarget = Url(destination)
            agent.rUri = SipTo(address=Party(Url(destination)))
            agent.lUri = SipFrom(address=SipAddress(url=Url(origin), hadbrace=True))
            agent.lUri.setTag(agent.lTag)
            agent.lContact = own_contact(origin, self._endpoint.config)
            if after is not None:
                agent.lCSeq = after._ua.lCSeq
            if self._next_hop and self._next_hop.edge:
                route = Url(SipUri.parse(self._next_hop.route))
                agent.routes = [SipRoute(address=SipAddress(url=route, hadbrace=True))]

        # The stack would put the next hop into the Request-URI and its own address into From.
        event.onUacSetupComplete = address
        self._ua.recvEvent(event)

    @property
    def must_offer(self) -> bool:
        """Whether the offer that an INVITE left to us must be in the answer that it rings (RFC 3262, section 5)."""
        return self._ua.insists and not self._ua.offers.theirs

    def ring(self, offer: str = "") -> None:
        """Answer 180, with our `offer` where that is not empty."""
        self._ua.ring(offer)

    def answer(self, description: str) -> None:
        """Answer 200 with `description`; the handler is told of its ACK (`Acknowledged`). Without one the dialog is
        ended after 32 s (RFC 3261, section 13.3.1.4).
        """
        event = CCEventPreConnect((200, "OK", MsgBody(description) if description else None))
        event.extra_headers = self._ua.timer_accepted(self._request)
        self._ua.accept(event)

    def refuse(self, code: int, reason: str) -> None:
        """Answer with a failure."""
        self._ua.recvEvent(CCEventFail((code, reason)))

    def hang_up(self) -> None:
        """End the dialog in whatever state it is: BYE, CANCEL or a final answer."""
        self._ua.recvEvent(CCEventDisconnect())

    def leave(self, reason: str | None = None) -> None:
        """End a dialog that was answered: with a BYE, which waits for the ACK. `reason` is that of a Reason header."""
        self._ua.leave(reason)

    def follow(self, before: "Leg") -> None:
        """Go on with the ladder of the leg `before`: the same call comes again. Said before its first message comes."""
        self.ladder = before.ladder

    def forget(self) -> None:
        """Hear no more of it; the stack keeps the dialog for a while to answer what is repeated."""
        self._ua.event_cb = None
        if self.call_id is not None:
            self._endpoint.tap.forget(self.call_id, self.ladder)


def when_quiet(legs: Sequence[Leg], action: Callable[[], None], within_s: float = QUIET_S) -> None:
    """Run `action` as soon as the last messages of `legs` were answered, or have had their time; then forget them."""
    if within_s > 0 and not all(leg.quiet for leg in legs):
        later(QUIET_STEP_S, lambda: when_quiet(legs, action, within_s - QUIET_STEP_S))
        return
    for leg in legs:
        leg.forget()
    action()


def _told(event: Any, alternatives: tuple[str, ...], agent: Agent, *, ours: bool) -> Event | None:  # noqa: ANN401
    """What the stack's `event` says; `ours`: of a dialog that we began. None where it says nothing new."""
    at, data = float(event.rtime.monot), event.getData()
    told: Event | None = None
    match event:
        case CCEventTry():
            told = Invited(str(data[3] or ""))
        case CCEventRing() if data[0] > 100:
            told = Progress(data[0], data[1], str(data[2] or ""), at)
        case CCEventConnect() if ours:
            told = Answered(data[0], data[1], agent.answer, at, agent.settled)
        case CCEventConnect():
            told = Acknowledged(str(data[2] or ""), at)
        case CCEventFail() if ours and 300 <= data[0] < 400:
            told = Redirected(data[0], data[1], alternatives, at)
        case CCEventFail():
            told = Rejected(data[0], data[1], at)
        case CCEventDisconnect():
            told = HungUp(at)
    return told
