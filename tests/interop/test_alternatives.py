"""More than one alternative (RFC 3261 §8.1.3.4, §10.2.4, §16; RFC 3263 §4.3): several Contacts in a redirect,
several addresses of one host, several bindings at a registrar, one call that is offered to the receiver several times.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.scripted import (
    ANSWERED,
    QUIET,
    RINGS_MS,
    Caller,
    Case,
    Far,
    Played,
    Script,
    header,
    judge,
    play,
)
from tests.interop.stage import HOME, Stage
from tests.unit.sipapp.bench import Bench, a_probe, a_tone
from voice_sipapp.plan.sipuri import SipUri
from voice_sipapp.signalling import call as call_module
from voice_sipapp.signalling import dialling, outcome, registration
from voice_sipapp.signalling.registration import kept
from voice_sipapp.signalling.sip import contacts
from voice_sipapp.signalling.sip.contacts import Contact
from voice_sipapp.signalling.sip.eventloop import run_loop

pytestmark = QUIET


def up(far: Far) -> Script:
    """The call is answered in the plain way, with sound."""
    invite = yield "INVITE"
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def never(far: Far) -> Script:
    """Nobody calls here."""
    yield from ()


def says(status: str, *lines: str, rings: bool = False) -> Callable[[Far], Script]:
    """The call is refused."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        if rings:
            far.answer(invite, "180 Ringing")
            yield 0.1
        far.answer(invite, status, *lines, contact=None)
        yield "ACK"

    return script


def is_silent(far: Far) -> Script:
    """Nothing ever comes back: the requests are taken from under the default answers."""
    for _ in range(2):
        yield "INVITE"


Others = list[Callable[[Far], Script]]


def sends_on(
    *others: Callable[[Far], Script], to: str = "<@0>;q=0.9|<@1>;q=0.5", status: str = "302 Moved Temporarily"
):  # type: ignore[no-untyped-def]
    """A 3xx with the Contacts `to` (| parts header fields), in which @0 is the URI of the first of `others`."""

    def script(far: Far) -> Script:
        made = [far.another(each) for each in others]
        invite = yield "INVITE"
        text = to.replace("@receiver", f"sip:agent@[{HOME}]:{far.receiver_port}").replace("@self", far.uri)
        for number, each in enumerate(made):
            text = text.replace(f"@{number}", each.uri)
        far.answer(invite, status, *(f"Contact: {each}" for each in text.split("|")), contact=None)
        yield "ACK"

    return script


def tried(far: Far) -> list[int]:
    """How many INVITEs each of the others got."""
    return [each.count("INVITE") for each in far.others]


def back_again(far: Far) -> Script:
    good = far.another(up)

    def back(other: Far) -> Script:
        invite = yield "INVITE"
        other.answer(invite, "302 Moved Temporarily", f"Contact: <sip:+442071838750@[{HOME}]:{far.port}>", contact=None)
        yield "ACK"

    looping = far.another(back)
    invite = yield "INVITE"
    far.answer(invite, "302 Moved Temporarily", f"Contact: <{looping.uri}>, <{good.uri}>;q=0.1", contact=None)
    yield "ACK"


def a_number_and_a_uri(far: Far) -> Script:
    good = far.another(up)
    invite = yield "INVITE"
    far.answer(invite, "302 Moved Temporarily", f"Contact: <tel:+15105550199>;q=1, <{good.uri}>;q=0.1", contact=None)
    yield "ACK"
    invite = yield "INVITE"
    assert invite.startswith("INVITE sip:+15105550199@")
    far.answer(invite, "404 Not Found", contact=None)
    yield "ACK"


def from_one_to_the_next(far: Far) -> Script:
    """302 to one that redirects to a third, which is busy; then the one that was left over."""
    good, busy = far.another(up), far.another(says("486 Busy Here"))

    def on(other: Far) -> Script:
        invite = yield "INVITE"
        other.answer(invite, "302 Moved Temporarily", f"Contact: <{busy.uri}>", contact=None)
        yield "ACK"

    first = far.another(on)
    invite = yield "INVITE"
    far.answer(invite, "302 Moved Temporarily", f"Contact: <{first.uri}>;q=0.9, <{good.uri}>;q=0.8", contact=None)
    yield "ACK"


def without_end(far: Far) -> Script:
    """Each one points to the next."""

    def one(number: int) -> Callable[[Far], Script]:
        def script(other: Far) -> Script:
            invite = yield "INVITE"
            other.answer(invite, "302 Moved Temporarily", f"Contact: <sip:n{number}@[{HOME}]:{far.port}>", contact=None)
            yield "ACK"

        return script

    for number in range(6):
        yield from one(number)(far)


def many(far: Far) -> Script:
    """Thirty targets, all of them busy here."""
    invite = yield "INVITE"
    to = ", ".join(f"<sip:n{number}@[{HOME}]:{far.port}>" for number in range(30))
    far.answer(invite, "302 Moved Temporarily", f"Contact: {to}", contact=None)
    yield "ACK"
    for _ in range(9):
        invite = yield "INVITE"
        far.answer(invite, "486 Busy Here", contact=None)
        yield "ACK"
    yield 0.3


DOWN = says("503 Service Unavailable")
FOLLOWED = ANSWERED | {"redirects": 1}
REDIRECTED = {
    "the first answers 503": Case(
        "RFC 3261 §8.1.3.4; kirm/sip.js #43", sends_on(DOWN, up), FOLLOWED, reason="503",
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "by q, not by order": Case(
        "RFC 3261 §20.10; hnimminh/libresbc #118", sends_on(up, DOWN, to="<@0>;q=0.2, <@1>;q=0.99"), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "without q first": Case(
        "RFC 2543 §6.13, RFC 3261 §20.10: as with q=1", sends_on(up, never, to="<@1>;q=0.9, <@0>"), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 0], was_right=True,
    ),
    "the same q, in their order": Case(
        "RFC 3261 §16.6: any order will do, and this one is the sender's",
        sends_on(DOWN, up, to="<@0>;q=0.5, <@1>;q=0.5"),
        FOLLOWED, check=lambda far, _: tried(far) == [1, 1],
    ),
    "a header field each": Case(
        "RFC 3261 §7.3.1; OpenSIPS/opensips #656", sends_on(DOWN, up, to="<@0>;q=0.9|<@1>;q=0.5"), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "a comma within a name": Case(
        "RFC 3261 §7.3.1", sends_on(DOWN, up, to='"Down, first" <@0>;q=0.9, "Up, then" <@1>;q=0.5'), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "without angle brackets": Case(
        "RFC 3261 §20.10", sends_on(DOWN, up, to="@0;q=0.9, @1;q=0.5"), FOLLOWED,
        check=lambda far, _: tried(far) == [1, 1],
    ),
    "300": Case("RFC 3261 §21.3.1; sippy/b2bua #24", sends_on(DOWN, up, status="300 Multiple Choices"), FOLLOWED),
    "301": Case("RFC 3261 §21.3.2", sends_on(DOWN, up, status="301 Moved Permanently"), FOLLOWED),
    "the first is busy": Case("RFC 3261 §8.1.3.4: codes beyond 399", sends_on(says("486 Busy Here"), up), FOLLOWED),
    "the first is unknown": Case("RFC 3261 §8.1.3.4", sends_on(says("404 Not Found"), up), FOLLOWED),
    "the first has no common codec": Case("RFC 3261 §8.1.3.4", sends_on(says("488 Not Acceptable Here"), up), FOLLOWED),
    "the first times out": Case("RFC 3261 §8.1.3.4", sends_on(says("408 Request Timeout"), up), FOLLOWED),
    "the first rings, then refuses": Case(
        "RFC 3261 §8.1.3.4", sends_on(says("480 Temporarily Unavailable", rings=True), up), FOLLOWED
    ),
    "the first wants a password": Case(
        "RFC 3261 §8.1.3.4", sends_on(says("401 Unauthorized", 'WWW-Authenticate: Digest realm="x", nonce="n"'), up),
        FOLLOWED,
    ),
    "the first says nothing": Case(
        "RFC 3261 §8.1.3.4; OpenSIPS/opensips #2772: a transport failure counts too", sends_on(is_silent, up), FOLLOWED,
        reason="No response", check=lambda far, _: tried(far)[0] >= 2 and tried(far)[1] == 1,
    ),
    "6xx ends it": Case(
        "RFC 3261 §21.6: for all of them", sends_on(says("600 Busy Everywhere"), never),
        {"disposition": "busy", "sip_code": 600, "redirects": 1}, check=lambda far, _: tried(far) == [1, 0],
        was_right=True,
    ),
    "603 ends it": Case(
        "RFC 3261 §21.6.2", sends_on(says("603 Decline"), never), {"sip_code": 603, "redirects": 1},
        check=lambda far, _: tried(far) == [1, 0], was_right=True,
    ),
    "all of them refuse": Case(
        "RFC 3261 §8.1.3.4: the last one's answer, and what the others said", sends_on(DOWN, says("486 Busy Here")),
        {"disposition": "busy", "sip_code": 486, "redirects": 1}, reason="503 Service Unavailable",
    ),
    "a telephone number first": Case(
        "RFC 3261 §19.1.6: in the domain that was called; then the other one",
        a_number_and_a_uri, FOLLOWED, reason="404",
    ),
    "a conference's page first": Case(
        "RFC 3261 §19.1.5: no URI that can be invited",
        sends_on(up, to="<https://example.net/x>, <@0>;q=0.1"), FOLLOWED,
        reason="https:",
    ),
    "a mail address first": Case(
        "RFC 3261 §19.1.5", sends_on(up, to="<mailto:a@example.net>, <@0>;q=0.1"), FOLLOWED, reason="mailto:",
    ),
    "one that has expired": Case(
        "RFC 3261 §20.10: expires=0", sends_on(never, up, to="<@0>;expires=0, <@1>;q=0.1"), FOLLOWED,
        check=lambda far, _: tried(far) == [0, 1],
    ),
    "one that can't be reached from here": Case(
        "RFC 3263 §4.1: another address family", sends_on(up, to="<sip:x@127.0.0.1:9>, <@0>;q=0.1"), FOLLOWED,
        reason="can't be reached",
    ),
    "one over TCP, without an edge": Case(
        "RFC 3263 §4.1", sends_on(up, to=f"<sip:x@[{HOME}]:9;transport=tcp>, <@0>;q=0.1"), FOLLOWED, reason="TCP",
    ),
    "a name that nobody has": Case(
        "RFC 3263 §4.2", sends_on(up, to="<sip:x@nowhere.invalid>, <@0>;q=0.1"), FOLLOWED, reason="nowhere.invalid",
    ),
    "the same one twice": Case(
        "RFC 3261 §16.5: each once", sends_on(DOWN, to="<@0>;q=0.9, <@0>;q=0.5"), {"sip_code": 503, "redirects": 1},
        check=lambda far, _: tried(far) == [1], was_right=True),
    "back to where it came from": Case("RFC 3261 §8.1.3.4: no URI twice", back_again, FOLLOWED),
    "redirected once more, then what was left over": Case(
        "RFC 3261 §8.1.3.4", from_one_to_the_next, ANSWERED | {"redirects": 2}, reason="486"
    ),
    "redirected for ever": Case(
        "ours: five times", without_end, {"disposition": "failed", "sip_code": 302, "redirects": 5},
        reason="more than 5 times", was_right=True,
    ),
    "thirty targets": Case(
        "ours: ten", many, {"disposition": "busy", "sip_code": 486, "redirects": 1},
        check=lambda far, _: far.count("INVITE") == 10,
    ),
    "305": Case(
        "RFC 3261 §21.3.4: a proxy's own answer, and not followed", sends_on(never, to="<@0>", status="305 Use Proxy"),
        {"disposition": "failed", "sip_code": 305, "redirects": 0}, was_right=True,
    ),
    "nowhere": Case(
        "RFC 3261 §21.3.3",
        sends_on(to="<mailto:a@example.net>"), {"disposition": "failed", "sip_code": 302, "redirects": 0},
        reason="can't be called", was_right=True,
    ),
    "to this host's receiver": Case(
        "a proxy in front of the receiver that redirects", sends_on(to="<@receiver>"), FOLLOWED,
        check=lambda far, cdr: {each.direction for each in cdr.streams} == {"forward", "reverse"}
        and all(each.rtp_rx > 20 for each in cdr.streams), was_right=True,
    ),
}  # fmt: skip


# --- the same call, offered to the receiver more than once ------------------------------------------------------------


def takes(far: Caller, *, again: bool = False, proxied: bool = False) -> Script:
    far.call(body=far.described(), again=again, proxied=proxied)
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def gives_up(far: Caller, *, again: bool = False, proxied: bool = False) -> Script:
    far.call(body=far.described(), again=again, proxied=proxied)
    first = yield "provisional"
    assert first.startswith("SIP/2.0 180")
    yield 0.03
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield "2xx"
    refusal = yield "487"
    far.remote = header(refusal, "To")
    far.within("ACK", cseq=1, branch=far.invite_branch)


def rings_again(times: int) -> Callable[[Caller], Script]:
    def script(far: Caller) -> Script:
        for number in range(times):
            yield from gives_up(far, again=number > 0)
        yield from takes(far, again=True)

    return script


def by_a_proxy_in_turn(far: Caller) -> Script:
    """The Call-ID, the tag and the CSeq stay, the branch is another one."""
    yield from gives_up(far)
    yield from gives_up(far, proxied=True)
    yield from takes(far, proxied=True)


def on_two_ways_at_once(far: Caller) -> Script:
    """A proxy forks to two of its targets, which are the same."""
    far.call(body=far.described())
    first = far.remote
    yield "provisional"
    far.call(body=far.described(), proxied=True)
    one = yield "482"
    far.remote = header(one, "To")
    far.within("ACK", cseq=1, branch=far.invite_branch)
    far.remote = first
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def hangs_up_and_rings_again(far: Caller) -> Script:
    far.call(body=far.described())
    first = yield "provisional"
    far.took(first)
    far.within("BYE")
    yield "final"
    yield "final"
    far.within("ACK", cseq=1, branch=far.invite_branch)
    yield from takes(far, again=True)


def two_at_once(far: Caller) -> Script:
    far.call(body=far.described())
    first = far.call_id, far.local, far.remote, far.remote_target
    far.call(body=far.described(), again=True)
    one = yield "final"
    assert one.startswith("SIP/2.0 486"), "the second one"
    far.remote = header(one, "To")
    far.within("ACK", cseq=1, branch=far.invite_branch)
    far.call_id, far.local, far.remote, far.remote_target = first
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def once_more_when_it_is_over(far: Caller) -> Script:
    yield from takes(far)
    far.call(body=far.described(), again=True)
    refusal = yield "486"
    far.remote = header(refusal, "To")
    far.within("ACK", cseq=1, branch=far.invite_branch)


PART = {"codec": "PCMA", "rtp_lost": 0, "one_way": False}
OFFERED = {
    "again after a CANCEL": Case(
        "queues and hunt groups ring again; RFC 3261 §9.2 leaves nothing", rings_again(1), stream=PART, was_right=True),
    "three times": Case(
        "signalwire/freeswitch #800: a queue that offers the call again and again",
        rings_again(3), stream=PART, was_right=True,
    ),
    "again after a BYE in the early dialog": Case(
        "RFC 3261 §15", hangs_up_and_rings_again, stream=PART, was_right=True,
    ),
    "by a proxy that tries its targets in turn": Case(
        "RFC 3261 §8.2.2.2: only a transaction that goes on makes it a loop", by_a_proxy_in_turn, stream=PART,
    ),
    "by a proxy on two ways at once": Case(
        "RFC 3261 §8.2.2.2: 482", on_two_ways_at_once, stream=PART, was_right=True,
    ),
    "by two forks at once": Case("RFC 3261 §8.2.2.2, §16.7: one is taken", two_at_once, stream=PART, was_right=True),
    "again when it is over": Case(
        "ours: a header that was seen on the way is good for nothing",
        once_more_when_it_is_over, stream=PART, was_right=True
    ),
}  # fmt: skip


def queue(times: int) -> Callable[[Far], Script]:
    """A switch between dialer and receiver: it rings the agent, gives up, rings again, and then connects the two."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        far.answer(invite, "180 Ringing")
        inner = far.calls(rings_again(times))
        while inner.stuck != "nothing" or inner.count_of("2xx") == 0:
            yield 0.02
        far.answer(invite, "200 OK", body=far.described())
        far.sound()
        yield "ACK"

    return script


QUEUED = {
    "rings once more": Case(
        "queues and hunt groups ring again", queue(1), ANSWERED | {"redirects": 0}, probe={"answer_after_ms": RINGS_MS},
        check=lambda far, cdr: len(cdr.streams) == 2 and far.strangers == 0 and cdr.call.sip_reason == "OK",
    ),
    "rings twice more": Case(
        "signalwire/freeswitch #800", queue(2), ANSWERED, probe={"answer_after_ms": RINGS_MS},
        check=lambda far, cdr: len(cdr.streams) == 2 and far.strangers == 0
        and next(each for each in cdr.ladders if each.leg == "receiver").messages.count("CANCEL sip:") == 2,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_module, "SILENT_MS", 700)
        patch.setattr(outcome, "NO_ANSWER_MS", 4000)
        yield


@pytest.fixture(scope="module")
def redirected(tmp_path_factory: pytest.TempPathFactory, quick: None) -> dict[str, Played]:
    return play(REDIRECTED, Path(tmp_path_factory.mktemp("redirected")), calls=True)


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory, quick: None) -> dict[str, Played]:
    return play(OFFERED, Path(tmp_path_factory.mktemp("offered")), calls=False)


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory, quick: None) -> dict[str, Played]:
    return play(QUEUED, Path(tmp_path_factory.mktemp("queued")), calls=True)


@pytest.mark.parametrize("name", REDIRECTED)
def test_a_call_that_is_sent_elsewhere(redirected: dict[str, Played], name: str):
    judge(redirected[name])


@pytest.mark.parametrize("name", OFFERED)
def test_a_call_that_is_offered_more_than_once(offered: dict[str, Played], name: str):
    judge(offered[name])


@pytest.mark.parametrize("name", QUEUED)
def test_a_call_over_a_queue_that_rings_again(queued: dict[str, Played], name: str):
    judge(queued[name])


# --- several addresses of one host ----------------------------------------------------------------------------------


class Bare(threading.Thread):
    """Answers each request at `host` with `status`; with None nothing."""

    def __init__(self, host: str, port: int, status: str | None) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.settimeout(0.05)
        self.port = int(self._socket.getsockname()[1])
        self._status, self._ending = status, threading.Event()
        self.methods: list[str] = []
        self.start()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                data, source = self._socket.recvfrom(65535)
            except OSError:
                continue
            text = data.decode()
            self.methods.append(text.partition(" ")[0])
            if self._status is None or text.startswith("ACK "):
                continue
            lines = text.partition("\r\n\r\n")[0].split("\r\n")[1:]
            own = [line for line in lines if line.partition(":")[0].lower() in ("via", "from", "to", "call-id", "cseq")]
            own = [f"{line};tag=far" if line.lower().startswith("to:") and "tag=" not in line else line for line in own]
            status = "200 OK" if text.startswith("BYE ") else self._status
            found = "\r\n".join(["v=0", "o=far 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
                                 "m=audio 9 RTP/AVP 8", ""])  # fmt: skip
            found = found if status[:3] == "200" and "INVITE" in text else ""
            kind = ["Content-Type: application/sdp"] if found else []
            contact = f"Contact: <sip:far@{self._socket.getsockname()[0]}:{self.port}>"
            head = [f"SIP/2.0 {status}", *own, contact, *kind, f"Content-Length: {len(found)}", "", found]
            self._socket.sendto("\r\n".join(head).encode(), source)

    def close(self) -> None:
        self._ending.set()
        self.join(5)
        self._socket.close()


BROKEN = "503 Service Unavailable"


@contextmanager
def two(first: str | None, second: str | None) -> Iterator[tuple[Bare, Bare]]:
    with closing(Bare("127.0.0.2", 0, first)) as one, closing(Bare("127.0.0.1", one.port, second)) as other:
        yield one, other


@pytest.mark.parametrize(
    ("first", "second", "code", "tried_second"),
    [(None, "200 OK", 200, True), (BROKEN, "200 OK", 200, True), ("486 Busy Here", "200 OK", 486, False),
     (BROKEN, BROKEN, 503, True)],
    ids=["the first is silent", "the first is not able to", "the first is busy", "neither is able to"],
)  # fmt: skip
def test_the_next_address_of_a_host_is_tried_where_the_first_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str | None, second: str, code: int, tried_second: bool
):
    """RFC 3263, section 4.3: a 503, and silence, are of one server; any other answer is the host's. OpenSIPS/opensips
    #925, pjsip/pjproject #4477.
    """
    monkeypatch.setattr(call_module, "SILENT_MS", 300)
    with two(first, second) as (one, other), closing(Bench(a_tone(tmp_path), "127.0.0.1")) as bench:
        found = ["127.0.0.2", "127.0.0.1"]
        monkeypatch.setattr(dialling, "look_up", lambda *_: found)
        cdr = bench.call(0, destination=SipUri.parse(f"sip:+44@sbc.example:{one.port}"), duration_ms=300)
    assert cdr.call.sip_code == code
    assert ("INVITE" in other.methods) is tried_second
    assert cdr.call.redirects == 0


# --- bindings at a registrar -----------------------------------------------------------------------------------------

OWN = "[2001:db8::1]:5062"
BINDINGS = [
    ("ours alone", "RFC 3261 §10.2.4", ["<sip:agent@[2001:db8::1]:5062>;expires=120"], 120),
    ("ours among others", "versatica/JsSIP #660, onsip/SIP.js #868",
     ["<sip:agent@[2001:db8::9]:5062>;expires=3600", "<sip:agent@[2001:db8::1]:5062>;expires=61",
      "<sip:agent@10.0.0.1>;expires=7"], 61),
    ("ours last", "RFC 3261 §10.2.4",
     ["<sip:other@[2001:db8::1]:5062>;expires=5", "<sip:agent@[2001:db8::1]:5062>;expires=90"], 90),
    ("ours without expires", "versatica/JsSIP #482: the Expires header counts",
     ["<sip:agent@[2001:db8::1]:5062>", "<sip:agent@[2001:db8::9]:5062>;expires=7"], None),
    ("the address in capitals", "RFC 3261 §19.1.4: hosts are compared without regard to case",
     ["<sip:agent@[2001:DB8::1]:5062>;expires=75", "<sip:agent@[2001:db8::9]>;expires=600"], 75),
    ("with parameters of the URI", "pjsip/pjproject #534",
     ["<sip:agent@[2001:db8::1]:5062;transport=udp;ob>;q=0.5;expires=88;+sip.instance=\"<urn:uuid:1>\""], 88),
    ("of another user at our address", "RFC 3261 §19.1.4: users are compared with regard to case",
     ["<sip:Agent@[2001:db8::1]:5062>;expires=30", "<sip:agent@203.0.113.7:1>;expires=90"], 90),
    ("written anew by an SBC", "pjsip/pjproject #534: it stands alone",
     ["<sip:agent@203.0.113.7:1024>;expires=300"], 300),
    ("written anew, the user too", "baresip/re #581", ["<sip:x7@203.0.113.7:1024>;expires=300"], 300),
    ("written anew, among others", "ours: early does no harm",
     ["<sip:agent@203.0.113.7:1>;expires=900", "<sip:agent@203.0.113.8:1>;expires=600",
      "<sip:z@203.0.113.9>;expires=61"], 600),
    ("others' that lapse soon", "ours: nobody makes us refresh without end",
     ["<sip:agent@203.0.113.7>;expires=1", "<sip:agent@203.0.113.8>;expires=2"], registration.GUESS_S),
    ("none", "against RFC 3261 §10.3: the Expires header, or what was asked for", [], None),
    ("ours, removed", "expires=0 is no time", ["<sip:agent@[2001:db8::1]:5062>;expires=0"], None),
    ("nonsense beside ours", "what can't be read is passed over",
     ["<tel:+44>;expires=1", "*", "<sip:agent@[2001:db8::1]:5062>;expires=42"], 42),
]  # fmt: skip


@pytest.mark.parametrize(("bindings", "seconds"), [each[2:] for each in BINDINGS], ids=[each[0] for each in BINDINGS])
def test_our_own_binding_is_found_among_many(bindings: list[str], seconds: int | None):
    assert kept(contacts.preferred(bindings), "agent", OWN) == seconds


def test_a_contact_in_any_form_is_read():
    """RFC 3261, section 20.10: names, parameters, q with up to three digits."""
    texts = [
        '"A <b>, c" <sip:a@x;p=1?h=2>;q=0.75;expires="60"',
        "sip:b@x;q=.5",
        "<sip:c@x> ; Q = 1.000",
        "<sip:d@x>;q=0",
    ]
    assert contacts.preferred(texts) == (
        Contact("sip:c@x", 1.0), Contact("sip:a@x;p=1?h=2", 0.75, 60), Contact("sip:b@x", 0.5), Contact("sip:d@x", 0.0)
    )  # fmt: skip


def registers(*answers: tuple[str, ...]) -> Callable[[Far], Script]:
    """A registrar that answers so; @contact is the one that came."""

    def script(far: Far) -> Script:
        for status, *lines in answers:
            request = yield "REGISTER"
            own = header(request, "Contact")
            far.caller = ("::1", int(header(request, "Via").split("]:")[1].split(";")[0]))
            far.answer(request, status, *(line.replace("@contact", own) for line in lines), contact=None)

    return script


OTHERS = "<sip:agent@[2001:db8::9]>;expires=3600"
REGISTRARS = {
    "ours lapses first": (
        "versatica/JsSIP #544",
        [("200 OK", f"Contact: {OTHERS}", "Contact: @contact;expires=1"),
         ("200 OK", f"Contact: {OTHERS}, @contact;expires=600")], 2, None,
    ),
    "another one's lapses first": (
        "onsip/SIP.js #868",
        [("200 OK", "Contact: <sip:agent@[2001:db8::9]>;expires=1", "Contact: @contact;expires=600")], 1,
        None,
    ),
    "Expires alone": (
        "versatica/JsSIP #482", [("200 OK", "Expires: 1", "Contact: @contact"), ("200 OK", "Expires: 600")], 2, None,
    ),
    "423": (
        "RFC 3261 §10.2.8; versatica/JsSIP #121",
        [("423 Interval Too Brief", "Min-Expires: 900"), ("200 OK", "Expires: 900")], 2, None,
    ),
    "Service-Route and Path": (
        "RFC 3608, RFC 3327: not for a receiver, and no harm",
        [("200 OK", "Service-Route: <sip:[::1]:9;lr>", "Path: <sip:[::1]:9;lr>", "P-Associated-URI: <sip:a@b>",
          "Contact: @contact;expires=600")], 1, None,
    ),
    "301 to where it was": (
        "RFC 3261 §21.3.2", [("301 Moved Permanently", "Contact: <mailto:a@b>, <sip:[::1]:@port>")], 1, "circle",
    ),
    "301 to two, the first of which is down": (
        "RFC 3261 §8.1.3.4",
        [("301 Moved Permanently", "Contact: <sip:down@[::1]:@port>;q=0.9, <sip:up@[::1]:@port>;q=0.8"),
         ("503 Service Unavailable",), ("200 OK", "Expires: 600")], 3, None,
    ),
    "503 with Retry-After": ("RFC 3261 §20.33", [("503 Service Unavailable", "Retry-After: 300")], 1, "503"),
}  # fmt: skip


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Far, str | None]]]:
    stage, found = Stage(), {}
    with closing(Bench(a_tone(Path(tmp_path_factory.mktemp("registrars"))))) as bench, closing(stage):
        probes = {}
        for name, (_, answers, *_rest) in REGISTRARS.items():
            far = Far(stage, never)
            lines = [tuple(line.replace("@port", str(far.port)) for line in each) for each in answers]
            far.use(registers(*lines))
            user = f"a{len(probes)}"
            probes[name] = replace(
                a_probe(far.port), probe=user, receiver=SipUri.parse("sip:agent@voice.example.net"),
                registrar=SipUri.parse(f"sip:[{HOME}]:{far.port}"),
            )  # fmt: skip
            found[name] = far, user
        stage.start()
        for far, _ in found.values():
            far.begin()
        bench.caller.registrations.update(probes.values())
        until = time.monotonic() + 1.3
        while time.monotonic() < until:
            run_loop(timeout_s=0.1)
        counts = {
            name: (far, bench.station.unreachable.get(("acme", user)), far.count("REGISTER"))
            for name, (far, user) in found.items()
        }
        yield counts  # type: ignore[misc]


@pytest.mark.parametrize("name", REGISTRARS)
def test_a_registrar(registered: dict[str, tuple[Far, str | None, int]], name: str):
    _, _, count, trouble = REGISTRARS[name]
    far, problem, came = registered[name]
    assert far.problem is None, far.problem
    assert came == count
    assert (problem is None) is (trouble is None), problem
    assert trouble is None or trouble in (problem or "")
