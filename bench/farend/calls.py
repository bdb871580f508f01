"""The signalling of the far end: a back-to-back user agent (RFC 3261, section 6) that may hold what it connects."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from bench.farend import message, ways
from bench.farend.message import Message
from bench.farend.relay import DIRECTIONS, Media, Side
from bench.farend.repeating import Repeating

log = logging.getLogger("farend")
Answers = Callable[[Message], None]
COMFORT_NOISE = "13 CN/8000"


@dataclass(frozen=True)
class Trunk:
    """What is done to calls of `number`: `words` of `bench.farend.ways`, and the addresses of both sides' media."""

    number: str
    words: str
    forward: str
    reverse: str


class Host(Protocol):
    """Where calls live: its sockets and its clock."""

    address: str
    port: int
    callee: tuple[str, int]
    seconds: float

    def send(self, datagram: bytes, to: tuple[str, int]) -> None:
        """Send a SIP message."""

    def later(self, due: float, action: Callable[[], None]) -> None:
        """Run `action` at a time of the monotonic clock."""

    def side(self, address: str) -> Side:
        """Sockets for media."""

    def watch(self, media: Media) -> None:
        """Read what comes for `media`."""

    def unwatch(self, media: Media) -> None:
        """Read no more of `media`."""

    def log(self, told: str) -> None:
        """Add a line to the log: that a call began, or what is told of one that is over."""


@dataclass
class Leg:
    """One dialog: the values of its From and To as we send them, where its requests go."""

    call_id: str
    own: str
    party: str
    target: str = ""
    route: tuple[str, ...] = ()
    number: int = 0
    described: str = ""
    version: int = 1
    waiting: dict[str, Answers] = field(default_factory=dict)


class Call:
    """One call: `near` is the leg to whoever called, `far` the one to whom it is passed on."""

    def __init__(self, host: Host, trunk: Trunk, invite: Message) -> None:
        self._host, self._trunk, self._invite = host, trunk, invite
        self._tag = uuid4().hex[:10]
        self._contact = f"<sip:far-end@[{host.address}]:{host.port}>"
        self._holds, self._caller_only = ways.holds(trunk.words)
        self._also = COMFORT_NOISE if trunk.words == "comfort-noise" else ""
        self.media = Media({"forward": host.side(trunk.forward), "reverse": host.side(trunk.reverse)},
                           {each: ways.way(trunk.words, host.seconds) for each in DIRECTIONS}, host.later)  # fmt: skip
        self.near = Leg(invite.get("call-id"), f"{invite.get('to')};tag={self._tag}", invite.get("from"),
                        message_uri(invite.get("contact")), tuple(invite.all("record-route")))  # fmt: skip
        self.far = Leg(uuid4().hex, f"{invite.get('from').partition(';tag=')[0]};tag={self._tag}", invite.get("to"),
                       invite.first.split()[1])  # fmt: skip
        self.answered_ns = 0
        self.held: list[tuple[int, int]] = []
        self._over = False
        self._repeating = Repeating(host.send, host.later)

    def start(self) -> None:
        """Pass the INVITE on."""
        self._host.log(json.dumps({"call_id": self.near.call_id, "began_ns": time.time_ns()}))
        self._say(self.near, message.answer(self._invite, 100, "Trying"))
        self.media.sides["forward"].party = message.sound_goes_to(self._invite.body)
        side = self.media.sides["reverse"]
        self.far.described = message.described(self._invite.body, side.address, side.port, also=self._also)
        passed = [(name, value) for name, value in self._invite.headers if name.lower().startswith("x-")]
        self._request(self.far, "INVITE", self.far.described, self._from_callee, passed)
        self._host.watch(self.media)

    # --- what comes --------------------------------------------------------------------------------------------

    def asked(self, request: Message, source: tuple[str, int]) -> None:
        """A request within the call."""
        leg = self.near if request.get("call-id") == self.near.call_id else self.far
        if request.method == "ACK":
            self._repeating.end(request.get("cseq").split()[0])
            return
        self._host.send(message.answer(request, 200, "OK", contact=self._contact).render(), source)
        if self._over:
            return  # said once more, as the answer got lost
        if request.method == "BYE":
            other = self.far if leg is self.near else self.near
            self._request(other, "BYE", "", lambda _: None)
            self._end()
        elif request.method == "CANCEL" and not self.answered_ns:
            self._say(self.near, message.answer(self._invite, 487, "Request Terminated", tag=self._tag))
            self._end()

    def told(self, answer: Message) -> None:
        """An answer to one of our requests."""
        leg = self.near if answer.get("call-id") == self.near.call_id else self.far
        branch = answer.get("via").partition("branch=")[2].partition(";")[0]
        if answer.code >= 200 or answer.method == "INVITE":
            self._repeating.end(branch)
        if answer.code >= 200:
            self._acknowledge(leg, answer, branch)
        then = leg.waiting.get(branch)
        if answer.code >= 200:
            leg.waiting.pop(branch, None)
        if then:
            then(answer)

    def _acknowledge(self, leg: Leg, answer: Message, branch: str) -> None:
        if answer.method != "INVITE":
            return
        if leg is self.far and not self.answered_ns:
            leg.party, leg.target = answer.get("to"), message_uri(answer.get("contact")) or leg.target
            leg.route = tuple(reversed(answer.all("record-route")))
        number = int(answer.get("cseq").split()[0])
        ours = f"z9hG4bK{uuid4().hex}" if answer.code < 300 else branch
        self._say(leg, Message(f"ACK {leg.target} SIP/2.0", self._headers(leg, "ACK", ours, number)))

    def _from_callee(self, answer: Message) -> None:
        """The callee's answer to the INVITE: passed on, or hung up on where nobody waits for it any more."""
        if answer.code == 100:
            return
        if self._over:
            if 200 <= answer.code < 300:
                self._request(self.far, "BYE", "", lambda _: None)
            return
        body = ""
        if answer.body:
            side = self.media.sides["forward"]
            self.media.sides["reverse"].party = message.sound_goes_to(answer.body)
            body = self.near.described = message.described(answer.body, side.address, side.port, also=self._also)
        if 200 <= answer.code < 300 and not self.answered_ns:
            self.media.answered()
            self.answered_ns = time.time_ns()
            self._hold_later()
        reason = answer.first.split(" ", 2)[-1]
        self._say(self.near, message.answer(self._invite, answer.code, reason, tag=self._tag, contact=self._contact,
                                            body=body))  # fmt: skip
        if answer.code >= 300:
            self._end()

    # --- holding -----------------------------------------------------------------------------------------------

    def _hold_later(self) -> None:
        if not self._holds:
            return
        begin, end = ways.held_s(self._host.seconds)
        self._host.later(self.media.answered_at + begin, lambda: self._hold(begin, end))
        self._host.later(self.media.answered_at + end, lambda: self._describe_again("sendrecv"))

    def _hold(self, begin: float, end: float) -> None:
        self._describe_again("sendrecv" if self._holds == "null" else self._holds, null=self._holds == "null")
        self.media.hold(begin, end)
        now = time.time_ns()
        self.held.append((now, now + round((end - begin) * 1e9)))

    def _describe_again(self, direction: str, *, null: bool = False) -> None:
        """Send the parties a re-INVITE with that direction, or the null address of old."""
        if self._over:
            return
        parties = (("forward", self.near), ("reverse", self.far))
        for name, leg in parties[:1] if self._caller_only else parties:
            side = self.media.sides[name]
            leg.version += 1
            told = message.described(leg.described, side.address, side.port, version=leg.version, direction=direction,
                                     null=null)  # fmt: skip
            self._request(leg, "INVITE", told, self._held_answer)

    def _held_answer(self, answer: Message) -> None:
        if answer.code >= 300:
            log.error("%s: the re-INVITE was refused: %s", self._trunk.words, answer.first)

    # --- what is said ------------------------------------------------------------------------------------------

    def _request(self, leg: Leg, method: str, body: str, then: Answers,
                 more: list[tuple[str, str]] | None = None) -> None:  # fmt: skip
        leg.number += 1
        branch = f"z9hG4bK{uuid4().hex}"
        leg.waiting[branch] = then
        headers = [*self._headers(leg, method, branch, leg.number), ("Contact", self._contact), *(more or [])]
        headers += [("Content-Type", "application/sdp")] if body else []
        self._say(leg, Message(f"{method} {leg.target} SIP/2.0", tuple(headers), body), until=branch)

    def _headers(self, leg: Leg, method: str, branch: str, number: int) -> tuple[tuple[str, str], ...]:
        return (
            ("Via", f"SIP/2.0/UDP [{self._host.address}]:{self._host.port};branch={branch}"), ("Max-Forwards", "70"),
            *(("Route", value) for value in leg.route), ("From", leg.own), ("To", leg.party),
            ("Call-ID", leg.call_id), ("CSeq", f"{number} {method}"),
        )  # fmt: skip

    def _say(self, leg: Leg, told: Message, *, until: str = "") -> None:
        """Send a message; a request until its branch is answered, a final answer until the ACK of its number."""
        if told.code:
            to = message.place(told.get("via").partition(" ")[2].partition(";")[0].join(("sip:", "")))
        elif leg is self.far and not leg.route and ";tag=" not in leg.party:
            to = self._host.callee
        else:
            to = message.place(leg.route[0] if leg.route else leg.target)
        if told.code >= 200:
            until = told.get("cseq").split()[0]
        if until:
            self._repeating.begin(until, told.render(), to)
        else:
            self._host.send(told.render(), to)

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._host.unwatch(self.media)
        self.media.close()
        told = {
            "call_id": self.near.call_id, "number": self._trunk.number, "answered_ns": self.answered_ns,
            "ended_ns": time.time_ns(), "held_ns": self.held,
            "music": self._holds == "sendonly",
            **{direction: sent.told() for direction, sent in self.media.sent.items()},
        }  # fmt: skip
        self._host.log(json.dumps(told))


def message_uri(contact: str) -> str:
    """The URI in a Contact."""
    return contact.partition("<")[2].partition(">")[0] or contact.partition(";")[0]
