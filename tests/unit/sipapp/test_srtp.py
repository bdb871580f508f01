"""Encrypted media, against a session of libsrtp's own."""

import struct

import pylibsrtp
import pytest

from voice_sipapp.media import sdes, srtp

RTP = bytes.fromhex("80080001000000a0deadbeef") + b"\xd5" * 160
RTCP = bytes.fromhex("80c80006deadbeef") + bytes(20)


def far_end(key: bytes, kind: int) -> pylibsrtp.Session:
    return pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=kind))


def test_what_we_send_is_read_by_another_session():
    key = srtp.new_key()
    ours, theirs = srtp.Sender(key), far_end(key, pylibsrtp.Policy.SSRC_ANY_INBOUND)
    secret = ours.rtp(RTP)
    assert len(secret) == len(RTP) + 10, "the tag has 80 bits"
    assert b"\xd5" * 8 not in secret
    assert theirs.unprotect(secret) == RTP
    assert theirs.unprotect_rtcp(ours.rtcp(RTCP)) == RTCP


def test_what_another_session_sends_is_read_and_nothing_else():
    key = srtp.new_key()
    ours, theirs = srtp.Receiver(key), far_end(key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    secret, report = theirs.protect(RTP), theirs.protect_rtcp(RTCP)
    for changed in (secret[:-1] + bytes([secret[-1] ^ 1]), RTP, secret[:20], b"", secret * 20):
        with pytest.raises(srtp.SrtpError):
            ours.rtp(changed)
    with pytest.raises(srtp.SrtpError):
        srtp.Receiver(srtp.new_key()).rtp(secret)
    assert ours.rtp(secret) == RTP
    assert ours.rtcp(report) == RTCP
    with pytest.raises(srtp.SrtpError, match="replay"):
        ours.rtp(secret)


def numbered(sequence: int, ssrc: int = 5) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc) + b"\xd5" * 160


def test_numbers_that_wrap_are_followed_both_ways():
    """The rollover counter is not sent: both ends must count alike (RFC 3711, section 3.3.1), losses and reordering
    around the wrap included.
    """
    key, first = srtp.new_key(), 65_500
    ours, theirs = srtp.Sender(key), far_end(key, pylibsrtp.Policy.SSRC_ANY_INBOUND)
    for at in range(first, first + 200):
        assert theirs.unprotect(ours.rtp(numbered(at))) == numbered(at)
    sender, receiver = far_end(key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND), srtp.Receiver(key)
    secrets = [sender.protect(numbered(at)) for at in range(first, first + 200)]
    secrets[34:38] = [secrets[37], secrets[35]]  # 65,534 … 1
    assert len([receiver.rtp(secret) for secret in secrets]) == 198


def test_another_source_of_the_same_key_is_read_too():
    """A far end that changes its SSRC in mid-call keeps its key."""
    key = srtp.new_key()
    sender, receiver = far_end(key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND), srtp.Receiver(key)
    for packet in (numbered(40_000), numbered(100, ssrc=6), numbered(40_001)):
        assert receiver.rtp(sender.protect(packet)) == packet


def test_keys_are_never_the_same():
    keys = {srtp.new_key() for _ in range(20)}
    assert len(keys) == 20
    assert {len(key) for key in keys} == {sdes.KEY_OCTETS}


EXAMPLE = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"  # RFC 4568, section 4.1


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}|2^20|1:4", None),  # an MKI in every packet
        (f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE}|2^20", 1),
        (f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE} WSH=128", 7),
        (f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{EXAMPLE}", None),
        (f"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE} UNENCRYPTED_SRTP", None),
        (f"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{EXAMPLE};inline:{EXAMPLE}", None),
        ("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=", None),
        ("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:=", None),
    ],
)
def test_keys_in_a_description(line: str, found: int | None):
    chosen = sdes.choose([line])
    assert (chosen and chosen[0]) == found
    if chosen:
        assert sdes.line(chosen[0], chosen[1]) == line.split("|", maxsplit=1)[0].removesuffix(" WSH=128")
