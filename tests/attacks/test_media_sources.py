"""Media counts from the source that was agreed on alone: one stream, and every turn that a call may take."""

import time
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from tests.attacks.raw_far_end import SILENCE, a_socket, receiver_report, rtp
from tests.attacks.streams import Party, Start, heard, remote, taken_in
from voice_sipapp.media import latching, srtp
from voice_sipapp.media.rtp import Engine


def test_only_the_agreed_source_counts(start: Start):
    stream, far, stranger = start()
    far.send(3)
    stranger.send(4)
    far.send(3)
    assert (heard(stream), stream.other_source) == ([7] * 6, 4)


def test_the_agreed_source_takes_the_place_of_whoever_was_before(start: Start):
    stream, far, stranger = start()
    stranger.send(10)
    assert heard(stream) == [66] * 10, "NAT may have written its address anew"
    far.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 5, 10)


def test_the_agreed_source_does_so_however_late(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(latching, "LEARNS_NS", 100_000_000)
    stream, far, stranger = start()
    stranger.send(10)
    time.sleep(0.2)
    far.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 5, 10)


def test_a_stray_packet_takes_nobodys_place(start: Start):
    """Neither one of the agreed address, once somebody else is latched, nor one of anybody."""
    stream, far, stranger = start()
    stranger.send(1)
    assert heard(stream) == []
    stranger.send(9)
    assert heard(stream) == [66] * 10, "the first was no stray after all"
    far.send(1)
    assert (heard(stream), stream.other_source) == ([66] * 10, 1)


def test_what_was_not_negotiated_is_no_sign_of_the_far_end(start: Start):
    stream, far, stranger = start()
    stranger.send(10, kind=96)
    assert heard(stream) == []
    stranger.send(2)
    far.send(2)
    assert heard(stream) == [7] * 2


def test_with_nat_the_first_other_source_is_latched(start: Start, address: str, cleanup: ExitStack):
    stream, _, stranger = start()
    nat = Party(address, stream, cleanup, 5)
    nat.send(10)
    stranger.send(10)
    nat.send(10)
    assert (heard(stream), stream.other_source, stream.doubtful) == ([5] * 20, 10, False)


def test_who_sent_before_the_port_was_told_to_anybody_is_nobodys_far_end(
    start: Start, address: str, cleanup: ExitStack
):
    """The receiver's port is told in its answer."""
    stream, far, stranger = start(agreed=False)
    stranger.send(20)
    stream.untold()
    stream.target(remote(address, far.port), [SILENCE])
    stream.answered()
    stranger.send(20)
    assert heard(stream) == []
    nat = Party(address, stream, cleanup, 5)
    nat.send(5)
    assert (heard(stream), stream.doubtful) == ([5] * 5, False)


def test_what_came_before_the_description_is_kept_with_its_sources(start: Start, address: str):
    stream, far, stranger = start(agreed=False)
    stranger.send(3)
    far.send(3)
    stranger.send(3)
    far.send(3)
    stream.target(remote(address, far.port), [SILENCE])
    assert heard(stream) == [7] * 6
    stream.answered()
    far.send(1)
    assert stream.early + len(stream.received) == 7
    assert stream.other_source == 0, "what came before the answer counts nowhere"


def test_early_media_of_one_branch_gives_way_to_another_ones(start: Start, address: str, cleanup: ExitStack):
    """A forked INVITE: each branch has a description, and a place, of its own (RFC 3261, section 13.2.2.4)."""
    stream, one, stranger = start(agreed=False)
    stream.target(remote(address, one.port), [SILENCE])
    one.send(5)
    other = Party(address, stream, cleanup, 5)
    other.send(2)  # these overtake its answer
    stream.target(remote(address, other.port), [SILENCE])
    stream.answered()
    one.send(3)
    other.send(3)
    one.send(3)
    stranger.send(3)
    assert heard(stream)[-5:].count(5) >= 3
    assert 66 not in heard(stream)
    assert heard(stream)[-1] == 5


def test_a_new_description_is_followed_and_the_old_source_sounds_until_the_new_one_does(
    start: Start, address: str, cleanup: ExitStack
):
    """A re-INVITE: media goes on from the old address until our answer is there (RFC 3264, section 8.3.1)."""
    stream, old, stranger = start()
    old.send(5)
    new = Party(address, stream, cleanup, 5)
    stream.target(remote(address, new.port), [SILENCE])
    stranger.send(5)
    old.send(2)
    new.send(5)
    old.send(4)
    stranger.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 7 + [5] * 5, 14)


@pytest.mark.parametrize("null", [True, False], ids=["a null address", "inactive"])
def test_hold_and_its_end_change_no_source(start: Start, address: str, null: bool):
    stream, far, stranger = start()
    far.send(5)
    held = remote(address, far.port, sends=False, receives=False)
    stream.target(replace(held, address="::" if ":" in address else "0.0.0.0") if null else held, [SILENCE])  # noqa: S104
    stranger.send(5)
    stream.target(remote(address, far.port), [SILENCE])
    stranger.send(5)
    far.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 10, 10)


def test_music_on_hold_of_another_machine_is_heard_where_it_was_agreed_on(
    start: Start, address: str, cleanup: ExitStack
):
    stream, far, stranger = start()
    far.send(5)
    music = Party(address, stream, cleanup, 5)
    stream.target(remote(address, music.port, receives=False), [SILENCE])
    music.send(5)
    stream.target(remote(address, far.port), [SILENCE])
    far.send(5)
    stranger.send(5)
    assert (heard(stream), stream.other_source) == ([7] * 5 + [5] * 5 + [7] * 5, 5)


def test_encrypted_sound_needs_the_key_to_take_a_place(start: Start, address: str, cleanup: ExitStack):
    """And a copy of a packet of the far end's own, sent from elsewhere, is a stranger's."""
    stream, far, stranger = start(agreed=False)
    key = srtp.new_key()
    sender = srtp.Sender(key)
    stream.target(remote(address, 9, srtp_key=key), [SILENCE])
    stream.answered()
    stranger.send(10)
    secrets = [sender.rtp(rtp(number, 7, payload=bytes([7]) * 160)) for number in range(10)]
    for secret in secrets:
        far.socket.sendto(secret, (address, stream.port))
    taken_in(stream)
    for secret in secrets:
        stranger.socket.sendto(secret, (address, stream.port))
    taken_in(stream)
    assert (heard(stream), stream.other_source) == ([7] * 10, 20)


def test_digits_of_a_stranger_are_not_heard(start: Start):
    """Nor are those that one pressed who had to give way."""
    stream, far, stranger = start()
    stranger.send(2)
    stranger.say(rtp(stranger.number, 66, 101, bytes([5, 10, 0, 160])))
    assert stream.digits == "5"
    far.send(2)
    assert stream.digits == ""
    stranger.say(rtp(stranger.number, 66, 101, bytes([6, 10, 0, 160])))
    far.say(rtp(far.number, 7, 101, bytes([9, 10, 0, 160])))
    assert stream.digits == "9"


def test_reports_come_from_where_the_sound_comes_from(start: Start, address: str, cleanup: ExitStack):
    stream, far, stranger = start()
    far.send(3)
    ssrc = stream.exchange.ssrc
    stranger.reports(receiver_report(ssrc))
    assert (stream.exchange.remote_lost, stream.other_source) == (None, 1)
    far.reports(receiver_report(ssrc, lost=2))  # from the port of its sound: RFC 5761 has it so
    assert stream.exchange.remote_lost == 2
    stranger.reports(receiver_report(ssrc))
    assert (stream.exchange.remote_lost, stream.other_source) == (2, 2)


def test_reports_from_the_agreed_port_are_believed_before_any_sound(start: Start, address: str, cleanup: ExitStack):
    stream, far, stranger = start(agreed=False)
    reporter = Party(address, stream, cleanup)
    stream.target(remote(address, far.port, rtcp_port=reporter.port), [SILENCE])
    stream.answered()
    stranger.reports(receiver_report(stream.exchange.ssrc, lost=1))
    reporter.reports(receiver_report(stream.exchange.ssrc, lost=2))
    stranger.reports(receiver_report(stream.exchange.ssrc, lost=1))
    assert (stream.exchange.remote_lost, stream.other_source) == (2, 2)


def test_what_an_impostor_reported_is_forgotten_with_its_sound(start: Start, address: str):
    stream, far, stranger = start()
    stranger.send(5)
    stranger.reports(receiver_report(stream.exchange.ssrc))
    assert stream.exchange.remote_lost == 0x7FFFFF
    far.send(5)
    assert stream.exchange.remote_lost is None


def test_with_nat_reports_may_come_from_any_one_port_of_that_address(start: Start, address: str, cleanup: ExitStack):
    stream, far, stranger = start(agreed=False)
    stream.target(remote(address, 9), [SILENCE])
    stream.answered()
    far.send(5)
    nat = Party(address, stream, cleanup)
    nat.reports(receiver_report(stream.exchange.ssrc, lost=2))
    stranger.reports(receiver_report(stream.exchange.ssrc, lost=1))
    assert (stream.exchange.remote_lost, stream.other_source) == (2, 1)


def test_a_better_place_counts_more_even_on_another_host(engine: Engine, address: str, cleanup: ExitStack):
    """The address of the description before any other, and that which SIP comes from before a stranger's."""
    if ":" in address:
        pytest.skip("the loopback interface has one IPv6 address only")
    stream = engine.open()
    cleanup.callback(engine.end, stream)
    stream.target(remote("10.11.12.13", 4000), [SILENCE])
    stream.signalled("127.0.0.3")
    stream.answered()
    parties = []
    for host, ssrc in (("127.0.0.2", 66), ("127.0.0.3", 5)):
        party = Party(address, stream, cleanup, ssrc)
        party.socket.close()
        party.socket = cleanup.enter_context(closing(a_socket(host)))
        parties.append(party)
    elsewhere, signalling = parties
    elsewhere.send(10)
    assert heard(stream) == [66] * 10
    signalling.send(5)
    elsewhere.send(10)
    assert (heard(stream), stream.other_source) == ([5] * 5, 20)
