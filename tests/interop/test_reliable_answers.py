"""Provisional answers that must be acknowledged (RFC 3262): theirs, and ours.

Two tables: far ends that the dialer calls, and far ends that call the receiver.
"""

from __future__ import annotations

import pytest

from tests.interop.cases import ANSWERED, HEARD, Case, Played, judge, play
from tests.interop.messages import body, header, kinds
from tests.interop.scripted import QUIET, Caller, Far, Script
from tests.interop.turns import RELIABLE, acknowledges, refused, talks, up
from voice_sipapp.signalling.sip import provisional

pytestmark = QUIET


def racks(far: Far) -> list[int]:
    """The RSeqs that were acknowledged."""
    return [int(header(each, "RAck").split()[0]) for each in far.requests if each.startswith("PRACK ")]


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


DIALLED = {
    "in a reliable 183 alone": Case(
        "RFC 3262 §5; pjsip/pjproject #1397: a 200 without is right then", reliable_183, ANSWERED, HEARD,
        check=lambda far, _: racks(far) == [1],
    ),
    "in the 200 after a reliable 180": Case(
        "RFC 3262 §4; signalwire/freeswitch #1014 by freeswitch/sofia-sip #119", reliable_180_alone, ANSWERED, HEARD,
        check=lambda far, _: racks(far) == [1],
    ),
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
}  # fmt: skip


# --- far ends that call -----------------------------------------------------------------------------------------------


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
    yield from talks(far, answer)


def wrong_rack(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    first = yield "provisional"
    far.took(first)
    far.within("PRACK", "RAck: 4711 1 INVITE")
    yield "481"
    far.within("PRACK", f"RAck: {header(first, 'RSeq')} 1 INVITE")
    yield "2xx"
    answer = yield "2xx"
    yield from talks(far, answer)


def requires_it_and_leaves_the_offer(far: Caller) -> Script:
    far.call("Require: 100rel")
    first = yield "provisional"
    assert kinds(first)[:2] == [8, 0], "the first reliable answer must offer (RFC 3262 §5)"
    far.took(first)
    far.within("PRACK", f"RAck: {header(first, 'RSeq')} 1 INVITE", body=far.described(types=(0,)))
    yield "2xx"
    answer = yield "2xx"
    assert not body(answer)
    yield from talks(far, answer, 0)


def only_can(far: Caller) -> Script:
    far.call("Supported: 100rel", body=far.described())
    first = yield "provisional"
    assert not header(first, "RSeq")
    answer = yield "2xx"
    yield from talks(far, answer)


def never_acknowledges(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    refusal = yield "final"
    assert refusal.startswith("SIP/2.0 504")
    acknowledges(far, refusal)


def offers_too_early(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    first = yield "provisional"
    far.took(first)
    far.within("PRACK", f"RAck: {header(first, 'RSeq')} 1 INVITE", body=far.described(types=(0,)))
    yield "488"
    answer = yield "2xx"
    yield from talks(far, answer)


def cancelled_while_it_waits(far: Caller) -> Script:
    far.call("Require: 100rel", body=far.described())
    yield "provisional"
    yield 0.3  # the 200 waits for the PRACK
    far.within("CANCEL", cseq=1, branch=far.invite_branch)
    yield "2xx"
    yield from refused(far, "487")


CALLED = {
    "Require: 100rel": Case("RFC 3262 §3; asterisk/asterisk #794, onsip/SIP.js #373", requires_it, stream=HEARD),
    "a PRACK for something else": Case("RFC 3262 §3: 481", wrong_rack, stream=HEARD, was_right=True),
    "Require: 100rel without SDP": Case(
        "RFC 3262 §5: the offer in the 180, its answer in the PRACK", requires_it_and_leaves_the_offer,
        stream={"codec": "PCMU", "rtp_lost": 0, "one_way": False},
    ),
    "Supported: 100rel": Case("RFC 3262 §3", only_can, stream=HEARD, was_right=True),
    "a PRACK with an offer before the answer": Case("RFC 3262 §5, RFC 6337 §2.2", offers_too_early, stream=HEARD),
    "Require: 100rel, and never a PRACK": Case("RFC 3262 §3: a 5xx after 64 times T1", never_acknowledges),
    "CANCEL while the 200 waits for the PRACK": Case("RFC 3262 §3", cancelled_while_it_waits),
}  # fmt: skip


@pytest.fixture(scope="module")
def dialled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    return play(DIALLED, tmp_path_factory.mktemp("dialled"), calls=True)


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provisional, "GIVE_UP_S", 1.4)
        return play(CALLED, tmp_path_factory.mktemp("taken"), calls=False)


@pytest.mark.parametrize("name", DIALLED)
def test_a_far_end_that_is_called(dialled: dict[str, Played], name: str):
    judge(dialled[name])


@pytest.mark.parametrize("name", CALLED)
def test_a_far_end_that_calls(taken: dict[str, Played], name: str):
    judge(taken[name])
