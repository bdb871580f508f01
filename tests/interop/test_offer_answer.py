"""Offers and answers in both roles (RFC 3264, 3261 §13 and §14, 3262, 3311, 6337), as far ends really make them.

Two tables: far ends that the dialer calls, and far ends that call the receiver. All of a table are up at once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.scripted import (
    ANSWERED,
    HEARD,
    QUIET,
    Caller,
    Case,
    Far,
    Played,
    Script,
    body,
    header,
    judge,
    kinds,
    play,
    sound_port,
)
from voice_sipapp.signalling.sip import provisional

pytestmark = QUIET

RELIABLE = ("Require: 100rel", "RSeq: 1")
ICE = (
    "a=ice-ufrag:abcd", "a=ice-pwd:0123456789abcdef0123456789", "a=ice-lite", "a=rtcp-mux", "a=mid:audio",
    "a=candidate:1 1 UDP 2130706431 ::1 9 typ host", "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
)  # fmt: skip


def statuses(far: Far, method: str) -> list[int]:
    """Codes of the final answers to what the far end sent with that method."""
    found = [each for each in far.answers if header(each, "CSeq").endswith(f" {method}")]
    return [int(each[8:11]) for each in found if int(each[8:11]) >= 200]


def racks(far: Far) -> list[int]:
    """The RSeqs that were acknowledged."""
    return [int(header(each, "RAck").split()[0]) for each in far.requests if each.startswith("PRACK ")]


def prack_tags(far: Far) -> list[str]:
    """The tags that were acknowledged."""
    return [header(each, "To").split("tag=")[1] for each in far.requests if each.startswith("PRACK ")]


def up(far: Far, *lines: str, **how: object) -> Script:
    """The call is answered in the plain way, with sound."""
    invite = yield "INVITE"
    far.answer(invite, "200 OK", body=far.described(*lines, **how))  # type: ignore[arg-type]
    far.sound()
    yield "ACK"


# --- the answer to our INVITE -----------------------------------------------------------------------------------------


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


def invites_early(*, settled: bool = False):  # type: ignore[no-untyped-def]
    """A re-INVITE overtakes the 200, or comes from a far end that takes the 183 for the answer."""

    def script(far: Far) -> Script:
        invite = yield "INVITE"
        far.answer(invite, "183 Session Progress", body=far.described() if settled else "")
        far.request("INVITE", body=far.described(port=far.moved_port), branch="z9hG4bKearly")
        refusal = yield "final"
        assert refusal.startswith("SIP/2.0 491"), refusal
        far.request("ACK", cseq=far.cseq, branch="z9hG4bKearly")
        far.invite = invite
        far.answer(invite, "200 OK", body=far.described())
        far.sound()
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


def reliable_183(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", *RELIABLE, body=far.described())
    far.sound()
    prack = yield "PRACK"
    far.answer(prack, "200 OK")
    far.answer(invite, "200 OK")
    yield "ACK"


def reliable_180_alone(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing", *RELIABLE)
    prack = yield "PRACK"
    far.answer(prack, "200 OK")
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def reliable_from_elsewhere(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", *RELIABLE, contact=far.other_uri, body=far.described())
    far.sound()
    prack = yield "PRACK"
    far.answer(prack, "200 OK")
    far.answer(invite, "200 OK")
    yield "ACK"


def reliable_by_a_proxy(far: Far) -> Script:
    invite = yield "INVITE"
    route = f"Record-Route: <sip:[::1]:{far.other_port};lr>"
    far.answer(invite, "183 Session Progress", *RELIABLE, route, body=far.described())
    far.sound()
    prack = yield "PRACK"
    far.answer(prack, "200 OK")
    far.answer(invite, "200 OK", route)
    yield "ACK"


def repeated_183(far: Far) -> Script:
    invite = yield "INVITE"
    for number in range(4):
        far.answer(invite, "183 Session Progress", *RELIABLE, f"X-Copy: {number}", body=far.described())
        yield 0.05
    far.sound()
    far.answer(invite, "200 OK")
    yield "ACK"


def out_of_order(far: Far) -> Script:
    invite = yield "INVITE"
    for number in (7, 9, 8, 9):
        far.answer(invite, "180 Ringing", "Require: 100rel", f"RSeq: {number}", f"X-Copy: {number}")
        yield 0.05
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def reliable_without_a_number(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing", "Require: 100rel")
    yield 0.1
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def a_number_alone(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", "RSeq: 1", body=far.described())
    yield 0.1
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def prack_is_refused(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", *RELIABLE, body=far.described())
    far.sound()
    prack = yield "PRACK"
    far.answer(prack, "481 Call/Transaction Does Not Exist")
    far.answer(invite, "200 OK", body=far.described())
    yield "ACK"


def both_branches_reliable(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", *RELIABLE, tag="one", body=far.described(types=(0,)))
    one = yield "PRACK"
    far.answer(one, "200 OK")
    far.answer(invite, "183 Session Progress", *RELIABLE, tag="two", body=far.described())
    two = yield "PRACK"
    far.answer(two, "200 OK")
    far.sound()
    far.answer(invite, "200 OK", tag="two")
    yield "ACK"


def other_branch_answers(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", tag="one", body=far.described(types=(0,)))
    yield 0.05
    far.answer(invite, "200 OK", tag="two", body=far.described())
    far.sound()
    yield "ACK"


def first_branch_answers_without(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", tag="one", body=far.described())
    yield 0.05
    far.answer(invite, "183 Session Progress", tag="two", body=far.described(types=(0,)))
    yield 0.05
    far.answer(invite, "200 OK", tag="one")
    far.sound()
    yield "ACK"


def a_third_branch_answers_without(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", tag="one", body=far.described())
    yield 0.05
    far.answer(invite, "200 OK", tag="two")
    yield "ACK"


def either_codec(far: Far) -> Script:
    yield from up(far, types=(8, 0, 101))
    yield 0.4
    far.sound(0)
    yield 0.4
    far.sound(8)


def reordered(far: Far) -> Script:
    yield from up(far, "m=video 0 RTP/AVP 96", f"m=audio {far.media_port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000")


def own_number(far: Far) -> Script:
    invite = yield "INVITE"
    line = f"m=audio {far.media_port} RTP/AVP 8 96"
    far.answer(invite, "200 OK", body=far.described(line, "a=rtpmap:96 telephone-event/8000"))
    far.sound()
    yield "ACK"


def nowhere(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    far.answer(invite, "200 OK")
    yield "ACK"
    bye = yield "BYE"
    far.answer(bye, "200 OK")


# --- early dialogs renegotiate ---------------------------------------------------------------------------------------


def update_too_early(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    yield 0.05
    far.request("UPDATE", body=far.described())
    yield "491"
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def update_without_an_offer(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "180 Ringing")
    yield 0.05
    far.request("UPDATE")
    yield "2xx"
    far.answer(invite, "200 OK", body=far.described())
    far.sound()
    yield "ACK"


def update_after_the_answer(far: Far) -> Script:
    invite = yield "INVITE"
    far.answer(invite, "183 Session Progress", *RELIABLE, body=far.described())
    prack = yield "PRACK"
    far.answer(prack, "200 OK")
    far.request("UPDATE", body=far.described(types=(0,)))
    answer = yield "2xx"
    assert kinds(answer)[0] == 0
    far.sound(0)
    far.answer(invite, "200 OK")
    yield "ACK"


# --- within the call -------------------------------------------------------------------------------------------------


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
    "in a reliable 183 alone": Case(
        "RFC 3262 §5; pjsip/pjproject #1397: a 200 without is right then", reliable_183, ANSWERED, HEARD,
        check=lambda far, _: racks(far) == [1],
    ),
    "in the 200 after a reliable 180": Case(
        "RFC 3262 §4; signalwire/freeswitch #1014 by freeswitch/sofia-sip #119", reliable_180_alone, ANSWERED, HEARD,
        check=lambda far, _: racks(far) == [1],
    ),
    "nowhere": Case(
        "RFC 3261 §13.2.1: a 2xx without an answer before", nowhere,
        {"disposition": "failed", "sip_code": 200}, reason="no audio",
        check=lambda far, _: far.count("ACK") == 1 and far.count("BYE") == 1, was_right=True,
    ),
    # --- reliable answers
    "a PRACK goes to the Contact of its answer": Case(
        "RFC 3262 §4, RFC 3261 §12.2.1.1", reliable_from_elsewhere, ANSWERED, HEARD,
        check=lambda far, _: far.came_to["PRACK"] == far.other_port,
    ),
    "a PRACK goes by the Record-Route of its answer": Case(
        "RFC 3261 §12.1.2", reliable_by_a_proxy, ANSWERED, HEARD,
        check=lambda far, _: far.came_to["PRACK"] == far.other_port == far.came_to["BYE"],
    ),
    "a reliable answer that is repeated": Case(
        "RFC 3262 §4: a retransmission is discarded; asterisk/asterisk #794", repeated_183, ANSWERED, HEARD,
        check=lambda far, _: racks(far) == [1],
    ),
    "reliable answers out of order": Case(
        "RFC 3262 §4: what comes before its turn is not acknowledged", out_of_order, ANSWERED, HEARD,
        check=lambda far, _: racks(far) == [7, 8, 9],
    ),
    "100rel without RSeq": Case(
        "onsip/SIP.js #672: no PRACK with an undefined number", reliable_without_a_number, ANSWERED, HEARD,
        check=lambda far, _: far.count("PRACK") == 0, was_right=True,
    ),
    "RSeq without 100rel": Case(
        "RFC 3262 §4: only what requires it is reliable", a_number_alone, ANSWERED, HEARD,
        check=lambda far, _: far.count("PRACK") == 0, was_right=True,
    ),
    "a PRACK is refused": Case("RFC 3262 §4: the call goes on without", prack_is_refused, ANSWERED, HEARD),
    "the INVITE says that it can": Case(
        "RFC 3262 §4; asked for by 421 (RFC 3261 §21.4.15)", up, ANSWERED, HEARD,
        check=lambda far, _: "100rel" in header(far.invite, "Supported") and "PRACK" in header(far.invite, "Allow"),
    ),
    # --- forks
    "two branches, both reliable": Case(
        "RFC 3262 §4: each early dialog numbers for itself; pjsip/pjproject #620", both_branches_reliable, ANSWERED,
        HEARD, check=lambda far, _: prack_tags(far) == ["one", "two"],
    ),
    "183 from one branch, 200 from another": Case(
        "RFC 3261 §13.2.2.4; pjsip/pjproject #657", other_branch_answers, ANSWERED, HEARD, was_right=True
    ),
    "two early answers, then a bare 200 of the first": Case(
        "RFC 3261 §13.2.1: of its own dialog; AlticeLabsPublic/asterisk-i #82", first_branch_answers_without, ANSWERED,
        HEARD,
    ),
    "a bare 200 of a branch that described nothing": Case(
        "AlticeLabsPublic/asterisk-i #82: another branch's answer is none", a_third_branch_answers_without,
        {"disposition": "failed", "sip_code": 200}, reason="no audio", was_right=True,
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
        "against RFC 3264 §6, and seen", lambda far: up(far, "m=video 0 RTP/AVP 96"), ANSWERED, HEARD, was_right=True
    ),
    "m= lines in another order": Case("against RFC 3264 §6", reordered, ANSWERED, HEARD, was_right=True),
    "port 0": Case(
        "RFC 3264 §6: the sound is refused", lambda far: up(far, port=0),
        {"disposition": "failed", "sip_code": 200}, reason="port 0", was_right=True,
    ),
    "RTP/SAVPF": Case(
        "RFC 3264 §6: another profile than offered", lambda far: up(far, f"m=audio {far.media_port} RTP/SAVPF 8"),
        {"disposition": "failed"}, reason="RTP/SAVPF", was_right=True,
    ),
    "candidates, bundle and rtcp-mux": Case(
        "RFC 8839, 9143, 5761: what was not offered is ignored",
        lambda far: up(far, *ICE), ANSWERED, HEARD, was_right=True
    ),
    "ptime of 60 ms": Case(
        "RFC 8866 §6.4: a wish", lambda far: up(far, "a=ptime:60"), ANSWERED, {"codec": "PCMA"}, was_right=True
    ),
    "another number for DTMF": Case("RFC 3264 §5.1", own_number, ANSWERED, HEARD, was_right=True),
    # --- UPDATE before the call is up
    "UPDATE before the answer": Case(
        "RFC 3311 §5.2: 491; pjsip/pjproject #1596", update_too_early, ANSWERED, HEARD, was_right=True
    ),
    "UPDATE without an offer before the answer": Case(
        "RFC 3311 §5.2: no offer, no conflict; pjsip/pjproject #1596", update_without_an_offer, ANSWERED, HEARD,
        was_right=True,
    ),
    "UPDATE after a reliable answer": Case(
        "RFC 3311 §5.2; DoubangoTelecom/doubango #83: 200 with an answer", update_after_the_answer, ANSWERED,
        {"codec": "PCMU", "rtp_lost": 0},
    ),
    # --- within the call
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
    "re-INVITE before the answer": Case(
        "RFC 3261 §14.2: 491; baresip/re #1071", invites_early(), ANSWERED, HEARD,
    ),
    "re-INVITE before the answer, after a 183": Case(
        "RFC 3261 §14.2: 491, whatever is settled", invites_early(settled=True), ANSWERED, HEARD,
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


def called(*lines: str, types: tuple[int, ...] = (8,), head: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    """A call with this offer, half a second long."""

    def script(far: Caller) -> Script:
        far.call(
            *head, body=far.described(*(line.replace("@port", str(far.media_port)) for line in lines), types=types)
        )
        answer = yield "2xx"
        far.ack(answer)
        far.sound(types[0])
        yield 0.6
        far.hang_up()
        yield "2xx"

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
        far.hang_up()
        yield "2xx"

    return script


def refused(code: str, *lines: str, types: tuple[int, ...] = (8,), head: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    def script(far: Caller) -> Script:
        far.call(
            *head, body=far.described(*(line.replace("@port", str(far.media_port)) for line in lines), types=types)
        )
        answer = yield code
        far.remote = header(answer, "To")
        far.within("ACK", cseq=1, branch=far.invite_branch)

    return script


def leaves_the_offer_to_us(*lines: str, types: tuple[int, ...] = (0,)):  # type: ignore[no-untyped-def]
    def script(far: Caller) -> Script:
        far.call(*lines)
        offer = yield "2xx"
        assert kinds(offer)[:2] == [8, 0]
        far.ack(offer, body=far.described(types=types))
        far.sound(types[0])
        yield 0.6
        far.hang_up()
        yield "2xx"

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


def requires_it(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    first = yield "provisional"
    assert "100rel" in header(first, "Require")
    again = yield "provisional"
    assert header(again, "RSeq") == header(first, "RSeq"), "repeated until it is acknowledged"
    assert not [each for each in far.answers if each.startswith("SIP/2.0 2")]
    far.took(first)
    far.within("PRACK", f"RAck: {header(first, 'RSeq')} 1 INVITE")
    yield "2xx"
    answer = yield "2xx"
    assert "INVITE" in header(answer, "CSeq")
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def wrong_rack(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    first = yield "provisional"
    far.took(first)
    far.within("PRACK", "RAck: 4711 1 INVITE")
    yield "481"
    far.within("PRACK", f"RAck: {header(first, 'RSeq')} 1 INVITE")
    yield "2xx"
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def requires_it_and_leaves_the_offer(far: Caller) -> Script:
    far.call("Require: 100rel")
    first = yield "provisional"
    assert kinds(first)[:2] == [8, 0], "the first reliable answer must offer (RFC 3262 §5)"
    far.took(first)
    far.within("PRACK", f"RAck: {header(first, 'RSeq')} 1 INVITE", body=far.described(types=(0,)))
    yield "2xx"
    answer = yield "2xx"
    assert not body(answer)
    far.ack(answer)
    far.sound(0)
    yield 0.6
    far.hang_up()
    yield "2xx"


def only_can(far: Caller) -> Script:
    far.call("Supported: 100rel", body=far.described())
    first = yield "provisional"
    assert not header(first, "RSeq")
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def changes_codec(method: str):  # type: ignore[no-untyped-def]
    def script(far: Caller) -> Script:
        far.call(body=far.described())
        answer = yield "2xx"
        far.ack(answer)
        far.sound()
        yield 0.3
        far.within(method, body=far.described(types=(0,)))
        second = yield "2xx"
        assert kinds(second) == [0]
        if method == "INVITE":
            far.ack(second)
        far.sound(0)
        yield 0.4
        far.hang_up()
        yield "2xx"

    return script


def update_while_it_rings(far: Caller) -> Script:
    far.call(body=far.described())
    first = yield "provisional"
    far.took(first)
    far.within("UPDATE", body=far.described())
    refusal = yield "5xx"
    assert header(refusal, "Retry-After")
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def invites_while_it_rings(far: Caller) -> Script:
    far.call(body=far.described())
    far.took((yield "provisional"))
    far.within("INVITE", body=far.described(port=far.moved_port), branch="z9hG4bKearly")
    refusal = yield "final"
    assert refusal.startswith("SIP/2.0 500"), refusal
    assert header(refusal, "Retry-After")
    far.within("ACK", cseq=far.cseq, branch="z9hG4bKearly")
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def never_acknowledges(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    refusal = yield "final"
    assert refusal.startswith("SIP/2.0 504")
    far.remote = header(refusal, "To")
    far.within("ACK", cseq=1, branch=far.invite_branch)


def offers_too_early(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    first = yield "provisional"
    far.took(first)
    far.within("PRACK", f"RAck: {header(first, 'RSeq')} 1 INVITE", body=far.described(types=(0,)))
    yield "488"
    answer = yield "2xx"
    far.ack(answer)
    far.sound()
    yield 0.6
    far.hang_up()
    yield "2xx"


def cancelled_while_it_waits(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    yield "provisional"
    yield 0.3  # the 200 waits for the PRACK
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield "2xx"
    refusal = yield "487"
    far.remote = header(refusal, "To")
    far.within("ACK", cseq=1, branch=far.invite_branch)


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
    far.hang_up()
    yield "2xx"


PART = {"codec": "PCMA", "rtp_lost": 0, "one_way": False}
CALLED = {
    "INVITE without SDP": Case(
        "RFC 3261 §13.2.1; pjsip/pjproject #339, suitenumerique/meet #934", leaves_the_offer_to_us(),
        stream={"codec": "PCMU", "rtp_lost": 0, "one_way": False},
    ),
    "INVITE without SDP, answered with the first codec": Case(
        "drachtio/drachtio-server #84", leaves_the_offer_to_us(types=(8, 101)), stream=PART
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
    "Require: 100rel": Case("RFC 3262 §3; asterisk/asterisk #794, onsip/SIP.js #373", requires_it, stream=PART),
    "a PRACK for something else": Case("RFC 3262 §3: 481", wrong_rack, stream=PART, was_right=True),
    "Require: 100rel without SDP": Case(
        "RFC 3262 §5: the offer in the 180, its answer in the PRACK", requires_it_and_leaves_the_offer,
        stream={"codec": "PCMU", "rtp_lost": 0, "one_way": False},
    ),
    "Supported: 100rel": Case("RFC 3262 §3", only_can, stream=PART, was_right=True),
    "a PRACK with an offer before the answer": Case("RFC 3262 §5, RFC 6337 §2.2", offers_too_early, stream=PART),
    "Require: 100rel, and never a PRACK": Case("RFC 3262 §3: a 5xx after 64 times T1", never_acknowledges),
    "CANCEL while the 200 waits for the PRACK": Case("RFC 3262 §3", cancelled_while_it_waits),
    "Require: what nobody knows": Case(
        "RFC 3261 §8.2.2.3: 420", refused("420", head=("Require: precondition",)),
        check=lambda far, _: any("precondition" in header(each, "Unsupported") for each in far.answers),
    ),
    "re-INVITE while it rings": Case(
        "RFC 3261 §14.2: 500 with Retry-After; pjsip/pjproject #3458, baresip/re #1071", invites_while_it_rings,
        stream=PART,
    ),
    "UPDATE while it rings": Case(
        "RFC 3311 §5.2: 500 with Retry-After", update_while_it_rings, stream=PART, was_right=True,
    ),
    "no media at first": Case("RFC 3264 §5, RFC 3725 §4.4: by re-INVITE", media_come_later(), stream=PART),
    "port 0 at first": Case("RFC 3264 §8.2 and §8.4", media_come_later("m=audio 0 RTP/AVP 8"), stream=PART),
    "no media at first, and our offer": Case("RFC 3264 §5, §8.1", media_come_later(ours=True), stream=PART),
    "re-INVITE with another codec": Case("RFC 3264 §8.3.2", changes_codec("INVITE"), stream={"rtp_lost": 0}),
    "UPDATE with another codec": Case("RFC 3311", changes_codec("UPDATE"), stream={"rtp_lost": 0}),
    "video beside sound": Case("RFC 3264 §6 and §8", video_beside, stream=PART),
    "sound by DTLS and in the clear": Case(
        "RFC 3264 §6: one line refused, the other taken",
        called("m=audio 9 UDP/TLS/RTP/SAVPF 8", "m=audio @port RTP/AVP 8", "a=rtpmap:8 PCMA/8000"), stream=PART,
        check=lambda far, _: "m=audio 0 UDP/TLS/RTP/SAVPF" in next(each for each in far.answers if body(each)),
        was_right=True,
    ),
    "candidates, bundle and rtcp-mux": Case("RFC 8839, 9143, 5761", called(*ICE), stream=PART, was_right=True),
    "RTP/AVPF": Case("RFC 4585 §5.1: 488", refused("488", "m=audio @port RTP/AVPF 8"), was_right=True),
    "UDP/TLS/RTP/SAVPF": Case("RFC 5763: 488", refused("488", "m=audio @port UDP/TLS/RTP/SAVPF 8"), was_right=True),
    "T.38 alone": Case("RFC 3264 §6: 488", refused("488", "m=image 9 udptl t38", types=()), was_right=True),
    "none of our codecs": Case("RFC 3261 §13.3.1.3: 488", refused("488", types=(18,)), was_right=True),
}  # fmt: skip


@pytest.fixture(scope="module")
def dialled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    return play(DIALLED, Path(tmp_path_factory.mktemp("dialled")), calls=True)


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provisional, "GIVE_UP_S", 1.4)
        return play(CALLED, Path(tmp_path_factory.mktemp("taken")), calls=False)


@pytest.mark.parametrize("name", DIALLED)
def test_a_far_end_that_is_called(dialled: dict[str, Played], name: str):
    judge(dialled[name])


@pytest.mark.parametrize("name", CALLED)
def test_a_far_end_that_calls(taken: dict[str, Played], name: str):
    judge(taken[name])
