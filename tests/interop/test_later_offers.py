"""Offers within a call (RFC 3264 §8, RFC 3261 §14, RFC 3311, RFC 6337): other codecs, other ports, other media.

Two tables: far ends that the dialer calls, and far ends that call the receiver.
"""

from __future__ import annotations

from tests.interop.cases import ANSWERED, HEARD, Case, a_test_of
from tests.interop.messages import body, kinds, sound_port
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.turns import connects, hangs_up, up

pytestmark = QUIET


def within(method: str, code: str, *lines: str, then: int = 8, bare: bool = False, **how: object):  # type: ignore[no-untyped-def]
    """A request within the call whose description has `lines`, and its answer; then sound of type `then`."""

    def script(far: Far) -> Script:
        yield from up(far)
        yield 0.3
        text = far.described(*(line.replace("@port", str(far.media_port)) for line in lines), **how)  # type: ignore[arg-type]
        far.request(method, body="" if bare else text)
        yield code
        if method == "INVITE":
            far.request("ACK", cseq=far.cseq)
        far.sound(then)

    return script


def offerless(types: tuple[int, ...] | None, then: int):  # type: ignore[no-untyped-def]
    def script(far: Far) -> Script:
        yield from up(far)
        yield 0.3
        far.request("INVITE")
        offer = yield "2xx"
        assert {8, 0} <= set(kinds(offer)), "all that this leg could do (RFC 6337 §5.2.5)"
        far.request("ACK", cseq=far.cseq, body="" if types is None else far.described(types=types))
        far.sound(then)
        yield 0.2
        far.request("INVITE", body=far.described(types=(then,)))
        yield "2xx"
        far.request("ACK", cseq=far.cseq)

    return script


def the_same_again(far: Far) -> Script:
    yield from up(far)
    versions = []
    for _ in range(2):
        yield 0.2
        far.request("INVITE", body=far.described())
        answer = yield "2xx"
        far.request("ACK", cseq=far.cseq)
        versions.append(body(answer).split("o=- ")[1].split()[1])
    assert versions[0] == versions[1], "nothing changed (RFC 3264 §8)"


def number_of_dtmf_changes(far: Far) -> Script:
    yield from up(far, types=(8, 101))
    yield 0.2
    line = f"m=audio {far.media_port} RTP/AVP 8 97"
    far.request("INVITE", body=far.described(line, "a=rtpmap:97 telephone-event/8000"))
    answer = yield "2xx"
    assert kinds(answer) == [8, 97]
    far.request("ACK", cseq=far.cseq)
    yield 0.1
    far.request("INVITE")
    offer = yield "2xx"
    assert 97 in kinds(offer)
    assert 101 not in kinds(offer), "a number means the same all the time (RFC 3264 §8.3.2)"
    far.request("ACK", cseq=far.cseq, body=far.described())


def a_source_begins_anew(far: Far) -> Script:
    yield from up(far)
    yield 0.4
    far.request("INVITE", body=far.described())
    yield "2xx"
    far.request("ACK", cseq=far.cseq)
    far.sound(8, ssrc=4711)


def another_port(far: Far) -> Script:
    yield from up(far)
    yield 0.4
    far.request("INVITE", body=far.described(port=far.moved_port))
    yield "2xx"
    far.request("ACK", cseq=far.cseq)
    far.moves()


def second_before_the_ack(far: Far) -> Script:
    yield from up(far)
    yield 0.2
    far.request("INVITE")
    yield "2xx"
    number = far.cseq
    far.request("UPDATE", body=far.described())
    yield "491"
    far.request("ACK", cseq=number, body=far.described())
    yield 0.05
    far.request("UPDATE", body=far.described())
    yield "2xx"


def refused_offers(answer: str) -> bool:
    """Whether every m= line but one of sound is refused in `answer`."""
    return answer.count("\r\nm=") >= 2 and sound_port(answer) > 0 and " 0 RTP" in answer


LINE = "m=audio @port RTP/AVP 8"
DIALLED = {
    "re-INVITE with another codec": Case(
        "RFC 3264 §8.3.2; livekit/sip #766", within("INVITE", "2xx", then=0, types=(0,)), ANSWERED, {"rtp_lost": 0},
        check=lambda far, _: far.heard_kinds[-1] == 0 and kinds(far.answers[-1]) == [0],
    ),
    "UPDATE with another codec": Case(
        "RFC 3311 §5.2", within("UPDATE", "2xx", then=0, types=(0,)), ANSWERED, {"rtp_lost": 0},
        check=lambda far, _: far.heard_kinds[-1] == 0,
    ),
    "re-INVITE that prefers the other codec": Case(
        "RFC 3264 §6.1: the offerer's order; restsend/rustpbx #183", within("INVITE", "2xx", then=0, types=(0, 8, 101)),
        ANSWERED, {"rtp_lost": 0}, check=lambda far, _: far.heard_kinds[-1] == 0,
    ),
    "re-INVITE with another port": Case(
        "RFC 3264 §8.3.1", another_port, ANSWERED, {"rtp_lost": 0}, check=lambda far, _: far.moved_count > 20,
        was_right=True,
    ),
    "re-INVITE, and a new source": Case(
        "RFC 3550 §8", a_source_begins_anew, ANSWERED, {"rtp_lost": 0}, was_right=True
    ),
    "re-INVITE with another number for DTMF": Case(
        "RFC 3264 §8.3.2; signalwire/freeswitch #2617", number_of_dtmf_changes,
    ),
    "re-INVITE without an offer": Case(
        "RFC 3261 §14.2; pjsip/pjproject #339", offerless((8,), 8), ANSWERED, HEARD
    ),
    "re-INVITE without an offer, answered with the other codec": Case(
        "RFC 6337 §5.2.5; signalwire/freeswitch #1091", offerless((0,), 0), ANSWERED, {"rtp_lost": 0},
        check=lambda far, _: far.heard_kinds[-1] == 0,
    ),
    "re-INVITE without an offer, and no answer": Case(
        "RFC 6337 §5.2.5: the session stays", offerless(None, 8), ANSWERED, HEARD
    ),
    "re-INVITE with what is there": Case("RFC 3264 §8", the_same_again, ANSWERED, HEARD, was_right=True),
    "an UPDATE while our offer waits for the ACK": Case(
        "RFC 5407 §3.1.4; pjsip/pjproject #1455", second_before_the_ack, ANSWERED, HEARD
    ),
    "re-INVITE to T.38": Case(
        "RFC 6913; signalwire/freeswitch #66: 488, and the sound goes on",
        within("INVITE", "488", "m=audio 0 RTP/AVP 8", "m=image 9 udptl t38"), ANSWERED, HEARD, was_right=True,
    ),
    "re-INVITE to T.38 alone": Case(
        "signalwire/freeswitch #2436",
        within("INVITE", "488", "m=image 9 udptl t38", types=()), ANSWERED, HEARD, was_right=True,
    ),
    "re-INVITE with none of our codecs": Case(
        "RFC 3261 §14.2: 488, nothing changes", within("INVITE", "488", types=(18,)), ANSWERED, HEARD, was_right=True
    ),
    "re-INVITE to UDP/TLS/RTP/SAVPF": Case(
        "RFC 3264 §6", within("INVITE", "488", "m=audio @port UDP/TLS/RTP/SAVPF 8"), ANSWERED, HEARD, was_right=True
    ),
    "re-INVITE with video": Case(
        "RFC 3264 §6: port 0", within("INVITE", "2xx", LINE, "m=video 9 RTP/AVP 96", "a=rtpmap:96 VP8/90000"), ANSWERED,
        HEARD, check=lambda far, _: refused_offers(far.answers[-1]), was_right=True,
    ),
}  # fmt: skip


# --- far ends that call -----------------------------------------------------------------------------------------------


def changes_codec(method: str):  # type: ignore[no-untyped-def]
    def script(far: Caller) -> Script:
        yield from connects(far)
        yield 0.3
        far.within(method, body=far.described(types=(0,)))
        second = yield "2xx"
        assert kinds(second) == [0]
        if method == "INVITE":
            far.ack(second)
        far.sound(0)
        yield 0.4
        yield from hangs_up(far)

    return script


def video_beside(far: Caller) -> Script:
    far.call(body=far.described(f"m=audio {far.media_port} RTP/AVP 8", "m=video 9 RTP/AVP 96", "a=rtpmap:96 VP8/90000"))
    answer = yield "2xx"
    assert refused_offers(answer)
    far.ack(answer)
    far.sound()
    yield 0.3
    far.within("INVITE")
    offer = yield "2xx"
    assert offer.count("\r\nm=") == 2, "an offer has as many m= lines as were there before (RFC 3264 §8)"
    far.ack(offer, body=far.described(f"m=audio {far.media_port} RTP/AVP 8", "m=video 0 RTP/AVP 96"))
    yield 0.3
    yield from hangs_up(far)


CALLED = {
    "re-INVITE with another codec": Case("RFC 3264 §8.3.2", changes_codec("INVITE"), stream={"rtp_lost": 0}),
    "UPDATE with another codec": Case("RFC 3311", changes_codec("UPDATE"), stream={"rtp_lost": 0}),
    "video beside sound": Case("RFC 3264 §6 and §8", video_beside, stream=HEARD),
}  # fmt: skip

test_a_far_end_that_is_called = a_test_of(DIALLED, calls=True)
test_a_far_end_that_calls = a_test_of(CALLED, calls=False)
