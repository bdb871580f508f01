"""The ladder of a call: what is kept of its messages, and that no secret is."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_sipapp.signalling import ladder
from voice_sipapp.signalling.ladder import Ladder, call_id, redacted

STARTED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RESPONSE = "6629fae49393a05397450978507c4ef1"
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
DIGEST = f'Digest username="probe", realm="acme", nonce="dcd98b", uri="sip:x", response="{RESPONSE}", cnonce="0a4f113b"'


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: {DIGEST}\r\nVia: SIP/2.0/UDP x",
        f"Proxy-Authorization: {DIGEST}",
        f"AUTHORIZATION  :  {DIGEST}",
        f"authorization:\t{DIGEST}",
        f"Authorization: Digest\r\n  response=\r\n\t{RESPONSE},\r\n realm=x\r\nTo: <sip:x>",
        f"Authorization: Digest a=b\n {RESPONSE}\nTo: <sip:x>",
        f"Via: x\vAuthorization: {DIGEST}",
        f"Via: x\rAuthorization: {DIGEST}\rTo: y",
        f'Authentication-Info: rspauth="{RESPONSE}"',
        f"Warning: 399 x \"you sent Authorization: Digest response='x', response={RESPONSE}\"",
        f"SIP/2.0 400 response = {RESPONSE}\r\n",
        f'\r\n\r\n<request>Digest RESPONSE="{RESPONSE}"</request>',
        f"Authorization: Basic {RESPONSE}",
    ],
)
def test_no_digest_response_is_kept(text: str):
    assert RESPONSE not in redacted(f"SIP/2.0 200 OK\r\n{text}\r\n")


@pytest.mark.parametrize(
    "text",
    [
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}",
        f"A=CRYPTO:1 AES_CM_128_HMAC_SHA1_80 INLINE:{KEY}",
        f"a = crypto : 1 AES_CM_128_HMAC_SHA1_80 key:{KEY}",
        f"a=key-mgmt:mikey {KEY}",
        f"k=base64:{KEY}",
        f"a=ice-pwd:{KEY}",
        f"X-Echo: inline:{KEY}",
        f"Contact: <sip:probe:{KEY}@host>",
    ],
)
def test_no_media_key_and_no_password_in_an_address_is_kept(text: str):
    assert KEY not in redacted(f"v=0\r\n{text}\r\nm=audio 9 RTP/SAVP 8\r\n")


def test_what_an_engineer_needs_is_kept():
    message = (
        "INVITE sip:+442071838750@[2001:db8::1]:5060;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP [::1]:5060;branch=z9\r\n"
        'WWW-Authenticate: Digest realm="acme", nonce="dcd98b"\r\nTo: <sip:a@b:5060;x=y@z>\r\nk: timer\r\n\r\n'
        "v=0\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
    )
    assert redacted(message) == message
    crypto = redacted(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na=sendrecv\r\n")
    assert crypto.startswith("a=crypto:1 AES_CM_128_HMAC_SHA1_80 ")
    assert crypto.endswith("\r\na=sendrecv\r\n")
    after = redacted(f"Authorization: {DIGEST}\r\nTo: <sip:x>\r\n")
    assert after == "Authorization: (removed)\r\nTo: <sip:x>\r\n"


@given(
    st.text(max_size=200),
    st.sampled_from(["Authorization", "proxy-authorization", "Proxy-Authentication-Info"]),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.text(st.characters(blacklist_categories=["C", "Z"]), max_size=40),
)
def test_a_header_of_credentials_is_removed_wherever_it_stands(before: str, name: str, end: str, scheme: str):
    text = f"{before}{end}{name}: {scheme} {RESPONSE}{end} {RESPONSE}{end}To: <sip:x>{end}"
    assert RESPONSE not in redacted(text)


_PIECES = (
    "Authorization", "authoriSation", "authoriſation", "Proxy-", "Authentication-Info", "response", "RSPAUTH", "cnonce",
    "password", "inline", "ınline", "a=", "A = ", "crypto", "key-mgmt", "ice-pwd", "ice-pwd:", "k=", "K=", "sip:",
    "sips:", "user:pw@host", "@", ":", " : ", "=", '"x', "\r\n", "\n", "\t", "\v", " ", ";", "é", "xyz",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_no_pattern_is_passed_over_that_would_find_something(text: str):
    every = text
    for _, pattern, replacement in ladder._SECRETS:
        every = pattern.sub(replacement, every)
    assert redacted(text) == every


def test_the_longest_message_takes_no_time():
    evil = "Authorization" * 500 + ":" + "\r\n " * 5000 + "a=crypto:" * 500 + "sip:a:" * 500
    began = datetime.now(UTC)
    redacted(evil)
    assert datetime.now(UTC) - began < timedelta(seconds=2)


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_a_message_that_is_cut_off_keeps_no_part_of_a_secret(cut: int):
    kept = Ladder()
    for secret in (f'Authorization: Digest response="{RESPONSE}"', f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"):
        padding = "x" * (ladder.LONGEST_MESSAGE - len(secret) + cut)
        kept.add(STARTED.timestamp(), False, "x", f"{padding}\r\n{secret}\r\n")
    text = kept.to_json(STARTED)
    assert RESPONSE[:8] not in text
    assert KEY[:8] not in text


def test_messages_keep_their_order_time_and_peer():
    kept = Ladder()
    kept.add(STARTED.timestamp() + 0.0004, True, "[::1]:5060", "INVITE")
    kept.add(STARTED.timestamp() + 1.2345, False, "[::1]:5060", "SIP/2.0 200 ☎")
    assert json.loads(kept.to_json(STARTED)) == [
        {"ms": 0, "sent": True, "peer": "[::1]:5060", "text": "INVITE"},
        {"ms": 1234, "sent": False, "peer": "[::1]:5060", "text": "SIP/2.0 200 ☎"},
    ]
    assert Ladder().to_json(STARTED) == ""


def test_a_far_end_that_repeats_itself_fills_nothing():
    many, long = Ladder(), Ladder()
    for _ in range(10_000):
        many.add(STARTED.timestamp(), False, "x", "SIP/2.0 180 Ringing")
        long.add(STARTED.timestamp(), False, "x", "x" * 60_000)
    rows = json.loads(many.to_json(STARTED))
    assert len(rows) == ladder.MOST_MESSAGES
    assert rows[-1]["text"].endswith(f"({10_000 - ladder.MOST_MESSAGES} more messages)")
    assert len(long.to_json(STARTED)) < 1.1 * ladder.MOST_CHARACTERS


@pytest.mark.parametrize(
    ("text", "name"),
    [("Call-ID: a@b\r\n", "a@b"), ("Via: x\r\ni:  c\r\n", "c"), ("call-id : d\n", "d"), ("SIP/2.0 200 OK", "")],
)
def test_the_call_id_is_found_in_both_its_forms(text: str, name: str):
    assert call_id(text) == name
