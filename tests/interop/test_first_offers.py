"""The offer that a call begins with, and its answer (RFC 3264, RFC 3261 §13, RFC 6337), as far ends really make them.

Two tables: far ends that the dialer calls, and far ends that call the receiver.
"""

from __future__ import annotations

from tests.interop.cases import ANSWERED, HEARD, Case, a_test_of
from tests.interop.messages import body, header, kinds, sound_port
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.turns import acknowledges, hangs_up, talks, up

pytestmark = QUIET


ICE = (
    "a=ice-ufrag:abcd", "a=ice-pwd:0123456789abcdef0123456789", "a=ice-lite", "a=rtcp-mux", "a=mid:audio",
    "a=candidate:1 1 UDP 2130706431 ::1 9 typ host", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
)  # fmt: skip


def early(first: str, *, again: bool = False, more: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    def script(far: Far) -> Script:
        invite = yield "INVITE"
        described = far.described(*more)
        far.answer(invite, first, body=described)
        far.sound()
        yield 0.1
        far.answer(invite, "200 OK", body=described if again else "")
        yield "ACK"

    return script


def another_in_the_200(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", body=far.described())
    yield 0.1
    far.answer(invite, "200 OK", body=far.described(types=(0,)))
    far.sound(0)
    yield "ACK"


def nonsense_in_the_200(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", body=far.described())
    far.sound()
    yield 0.1
    far.answer(invite, "200 OK", body=far.described(types=(18,)))
    yield "ACK"


def nowhere(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    far.answer(invite, "200 OK")
    yield "ACK"
    bye = yield "BYE"
    far.answer(bye, "200 OK")


def either_codec(far: Far) -> Script:
    yield from up(far, types=(8, 0, 101))
    yield 0.4
    far.sound(0)
    yield 0.4
    far.sound(8)


def reordered(far: Far) -> Script:
    yield from up(far, sdp=("m=video 0 RTP/AVP 96", f"m=audio {far.media_port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000"))


def own_number(far: Far) -> Script:
    invite = yield "INVITE"
    line = f"m=audio {far.media_port} RTP/AVP 8 96"
    far.answer(invite, "200 OK", body=far.described(line, "a=rtpmap:96 telephone-event/8000"))
    far.sound()
    yield "ACK"


DIALLED = {
    # --- where the answer is
    "in a 183 alone": Case(
        "RFC 3261 §13.2.1: the first description is the answer; sipsorcery-org/sipsorcery #1548",
        early("183 Session Progress"), ANSWERED | {"early_media": True}, HEARD,
    ),
    "in a 180 alone": Case(
        "meetecho/janus-gateway #2849: a 180 may describe too", early("180 Ringing"), ANSWERED, HEARD,
    ),
    "in a 199": Case("RFC 3261 §13.2.1: any provisional answer", early("199 Early Dialog"), ANSWERED, HEARD),
    "in a 183 and the same in the 200": Case(
        "RFC 6337 §3.1.1", early("183 Session Progress", again=True), ANSWERED, HEARD, was_right=True
    ),
    "in a 183, another one in the 200": Case(
        "against RFC 3261 §13.2.1, and common: pjsip/pjproject #657", another_in_the_200, ANSWERED,
        {"codec": "PCMU", "rtp_lost": 0, "one_way": False}, was_right=True,
    ),
    "in a 183, what can't be used in the 200": Case(
        "RFC 3261 §13.2.1: what follows the first answer must be ignored", nonsense_in_the_200, ANSWERED, HEARD
    ),
    "nowhere": Case(
        "RFC 3261 §13.2.1: a 2xx without an answer before", nowhere,
        {"disposition": "failed", "sip_code": 200}, reason="no audio",
        check=lambda far, _: far.count("ACK") == 1 and far.count("BYE") == 1, was_right=True,
    ),
    # --- what is in the answer
    "several codecs, and any of them is sent": Case(
        "RFC 3264 §6.1; pjsip/pjproject #476",
        either_codec, ANSWERED, {"rtp_lost": 0, "one_way": False}, was_right=True,
    ),
    "the other codec first": Case(
        "baresip/baresip #3353: the answer in another order", lambda far: up(far, types=(0, 8)), ANSWERED,
        check=lambda far, _: far.heard_kinds == [0], was_right=True,
    ),
    "an m= line that was not offered": Case(
        "against RFC 3264 §6, and seen", lambda far: up(far, sdp=("m=video 0 RTP/AVP 96",)), ANSWERED, HEARD,
        was_right=True,
    ),
    "m= lines in another order": Case("against RFC 3264 §6", reordered, ANSWERED, HEARD, was_right=True),
    "port 0": Case(
        "RFC 3264 §6: the sound is refused", lambda far: up(far, port=0),
        {"disposition": "failed", "sip_code": 200}, reason="port 0", was_right=True,
    ),
    "RTP/SAVPF": Case(
        "RFC 3264 §6: another profile than offered",
        lambda far: up(far, sdp=(f"m=audio {far.media_port} RTP/SAVPF 8",)),
        {"disposition": "failed"}, reason="RTP/SAVPF", was_right=True,
    ),
    "candidates, bundle and rtcp-mux": Case(
        "RFC 8839, 9143, 5761: what was not offered is ignored",
        lambda far: up(far, sdp=ICE), ANSWERED, HEARD, was_right=True
    ),
    "ptime of 60 ms": Case(
        "RFC 8866 §6.4: a wish", lambda far: up(far, sdp=("a=ptime:60",)), ANSWERED, {"codec": "PCMA"}, was_right=True
    ),
    "another number for DTMF": Case("RFC 3264 §5.1", own_number, ANSWERED, HEARD, was_right=True),
}  # fmt: skip


# --- far ends that call -----------------------------------------------------------------------------------------------


def called(*lines: str, types: tuple[int, ...] = (8,), head: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    """A call with this offer, half a second long."""

    def script(far: Caller) -> Script:
        far.call(
            *head, body=far.described(*(line.replace("@port", str(far.media_port)) for line in lines), types=types)
        )
        answer = yield "2xx"
        yield from talks(far, answer, types[0])

    return script


def media_come_later(*m: str, ours: bool = False):  # type: ignore[no-untyped-def]
    """A call whose first description has no sound: a controller has nobody to connect with yet. `ours`: then it leaves
    the offer to us.
    """

    def script(far: Caller) -> Script:
        head = far.described("m=audio").partition("m=audio")[0]
        far.call(body="\r\n".join([head.rstrip(), *m, ""]))
        answer = yield "2xx"
        assert [line for line in body(answer).split("\r\n") if line.startswith("m=")] == list(m)
        far.ack(answer)
        yield 0.3
        assert not far.heard_kinds
        far.within("INVITE", body="" if ours else far.described())
        answer = yield "2xx"
        assert sound_port(answer)
        far.ack(answer, body=far.described() if ours else "")
        far.sound()
        yield 0.6
        assert far.heard_kinds == [8]
        yield from hangs_up(far)

    return script


def called_in_vain(code: str, *lines: str, types: tuple[int, ...] = (8,), head: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    def script(far: Caller) -> Script:
        far.call(
            *head, body=far.described(*(line.replace("@port", str(far.media_port)) for line in lines), types=types)
        )
        answer = yield code
        acknowledges(far, answer)

    return script


def leaves_the_offer_to_us(*lines: str, types: tuple[int, ...] = (0,)):  # type: ignore[no-untyped-def]
    def script(far: Caller) -> Script:
        far.call(*lines)
        offer = yield "2xx"
        assert kinds(offer)[:2] == [8, 0]
        yield from talks(far, offer, types[0], far.described(types=types))

    return script


def leaves_it_and_never_answers(*types: int):  # type: ignore[no-untyped-def]
    def script(far: Caller) -> Script:
        far.call()
        offer = yield "2xx"
        far.ack(offer, body=far.described(types=types) if types else "")
        bye = yield "BYE"
        assert "cause=488" in header(bye, "Reason")
        far.answer(bye, "200 OK")

    return script


CALLED = {
    "INVITE without SDP": Case(
        "RFC 3261 §13.2.1; pjsip/pjproject #339, suitenumerique/meet #934", leaves_the_offer_to_us(),
        stream={"codec": "PCMU", "rtp_lost": 0, "one_way": False},
    ),
    "INVITE without SDP, answered with the first codec": Case(
        "drachtio/drachtio-server #84", leaves_the_offer_to_us(types=(8, 101)), stream=HEARD
    ),
    "INVITE without SDP that can do 100rel": Case(
        "RFC 3262 §3: whether to use it is ours", leaves_the_offer_to_us("Supported: 100rel"),
        stream={"codec": "PCMU", "rtp_lost": 0},
    ),
    "INVITE without SDP, ACK without": Case(
        "RFC 3261 §13.3.1.4 and §14.2: BYE", leaves_it_and_never_answers(), stream={"rtp_rx": 0}
    ),
    "INVITE without SDP, ACK with none of our codecs": Case(
        "RFC 6337 §3.1: BYE", leaves_it_and_never_answers(18), stream={"rtp_rx": 0}
    ),
    "Require: what nobody knows": Case(
        "RFC 3261 §8.2.2.3: 420", called_in_vain("420", head=("Require: precondition",)),
        check=lambda far, _: any("precondition" in header(each, "Unsupported") for each in far.answers),
    ),
    "no media at first": Case("RFC 3264 §5, RFC 3725 §4.4: by re-INVITE", media_come_later(), stream=HEARD),
    "port 0 at first": Case("RFC 3264 §8.2 and §8.4", media_come_later("m=audio 0 RTP/AVP 8"), stream=HEARD),
    "no media at first, and our offer": Case("RFC 3264 §5, §8.1", media_come_later(ours=True), stream=HEARD),
    "sound by DTLS and in the clear": Case(
        "RFC 3264 §6: one line refused, the other taken",
        called("m=audio 9 UDP/TLS/RTP/SAVPF 8", "m=audio @port RTP/AVP 8", "a=rtpmap:8 PCMA/8000"), stream=HEARD,
        check=lambda far, _: "m=audio 0 UDP/TLS/RTP/SAVPF" in next(each for each in far.answers if body(each)),
        was_right=True,
    ),
    "candidates, bundle and rtcp-mux": Case("RFC 8839, 9143, 5761", called(*ICE), stream=HEARD, was_right=True),
    "RTP/AVPF": Case("RFC 4585 §5.1: 488", called_in_vain("488", "m=audio @port RTP/AVPF 8"), was_right=True),
    "UDP/TLS/RTP/SAVPF": Case(
        "RFC 5763: 488", called_in_vain("488", "m=audio @port UDP/TLS/RTP/SAVPF 8"), was_right=True,
    ),
    "T.38 alone": Case("RFC 3264 §6: 488", called_in_vain("488", "m=image 9 udptl t38", types=()), was_right=True),
    "none of our codecs": Case("RFC 3261 §13.3.1.3: 488", called_in_vain("488", types=(18,)), was_right=True),
}  # fmt: skip

test_a_far_end_that_is_called = a_test_of(DIALLED, calls=True)
test_a_far_end_that_calls = a_test_of(CALLED, calls=False)
