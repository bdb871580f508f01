"""A recording in the portal: the sound that players ask for, and the player on the page of a call."""

import hashlib
import re
import uuid

import pytest
from django.template.loader import render_to_string

pytestmark = pytest.mark.services

CONTENT = bytes(at % 251 for at in range(700_001))  # three parts of what is in memory at a time


@pytest.fixture
def acme(records):
    client = records.client(display_name="Acme Insurance")
    records.probe(client)
    return client


def address(client, call, direction="forward"):
    return f"/c/{client}/calls/{call}/recordings/{direction}.wav"


def body(response):
    return b"".join(response.streaming_content)


def plays(records, browser):
    query = (
        "SELECT JSON_VALUE(detail, '$.call'), JSON_VALUE(detail, '$.direction'), client FROM portal_audit"
        " WHERE who = %s AND what = 'recording' ORDER BY id"
    )
    with records.connection.cursor() as cursor:
        cursor.execute(query, [browser.user.get_username()])
        return list(cursor.fetchall())


def test_a_player_that_asks_for_all_gets_all(log_in, records, acme):
    call = records.call(acme)
    records.recording(call, content=CONTENT)
    answer = log_in(acme).get(address(acme, call))
    assert (answer.status_code, body(answer)) == (200, CONTENT)
    told = {name.lower(): value for name, value in answer.headers.items()}
    assert told["content-type"] == "audio/wav"
    assert told["content-length"] == str(len(CONTENT))
    assert told["accept-ranges"] == "bytes"
    assert told["cache-control"] == "private, no-store"
    assert told["x-content-type-options"] == "nosniff"
    assert told["cross-origin-resource-policy"] == "same-origin"
    assert told["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert re.fullmatch(rf'inline; filename="{acme}-inbound-\d{{8}}T\d{{6}}Z-forward.wav"', told["content-disposition"])


def test_a_file_to_keep_has_a_name(log_in, records, acme):
    call = records.call(acme)
    records.recording(call, "reverse")
    answer = log_in(acme).get(address(acme, call, "reverse") + "?download")
    assert re.fullmatch(r'attachment; filename="[\w.-]+-reverse\.wav"', answer["Content-Disposition"])


@pytest.mark.parametrize("asked", ["bytes=0-1", "bytes=0-", "bytes=262143-262144", "bytes=300000-600000", "bytes=-9"])
def test_a_part_that_is_asked_for_is_sent_alone(log_in, records, acme, asked):
    call = records.call(acme)
    records.recording(call, content=CONTENT)
    answer = log_in(acme).get(address(acme, call), headers={"Range": asked})
    sent = body(answer)
    first, last, size = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer["Content-Range"]).groups())
    assert (answer.status_code, size, int(answer["Content-Length"])) == (206, len(CONTENT), len(sent))
    assert sent == CONTENT[first : last + 1]
    assert len(sent) in {2, len(CONTENT), 300_001, 9}


def test_what_is_behind_the_end_is_not_there(log_in, records, acme):
    call = records.call(acme)
    records.recording(call, content=CONTENT)
    browser = log_in(acme)
    answer = browser.get(address(acme, call), headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer["Content-Range"] == f"bytes */{len(CONTENT)}"
    assert plays(records, browser) == []


def test_a_part_of_what_was_another_file_is_all_of_this_one(log_in, records, acme):
    call = records.call(acme)
    records.recording(call, content=CONTENT)
    tag = f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    browser = log_in(acme)
    for known, status in ((tag, 206), ('"another"', 200), (f"W/{tag}", 200)):
        answer = browser.get(address(acme, call), headers={"Range": "bytes=5-9", "If-Range": known})
        assert (answer.status_code, len(body(answer))) == (status, 5 if status == 206 else len(CONTENT))


def test_who_only_asks_what_there_is_hears_nothing(log_in, records, acme):
    call = records.call(acme)
    records.recording(call, content=CONTENT)
    browser = log_in(acme)
    answer = browser.head(address(acme, call), headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer["Content-Length"], answer.content) == (200, str(len(CONTENT)), b"")
    assert plays(records, browser) == []


def test_a_play_is_written_down_once_whatever_parts_it_takes(log_in, records, acme):
    call = records.call(acme)
    records.recording(call)
    records.recording(call, "reverse")
    browser = log_in(acme, role="viewer")
    for asked in ("bytes=0-1", "bytes=0-", "bytes=5000-", "bytes=100-200", None):
        headers = {"Range": asked} if asked else {}
        body(browser.get(address(acme, call), headers=headers))
    assert plays(records, browser) == [(str(call), "forward", acme)]
    body(browser.get(address(acme, call, "reverse")))
    assert plays(records, browser) == [(str(call), direction, acme) for direction in ("forward", "reverse")]
    other = log_in(acme)
    body(other.get(address(acme, call), headers={"Range": "bytes=44-"}))
    assert plays(records, other) == [(str(call), "forward", acme)], "also of who leaves out the first octets"


def test_the_recording_of_a_deleted_probe_is_played_still(log_in, records, acme):
    call = records.call(acme)
    content = records.recording(call)
    with records.connection.cursor() as cursor:
        cursor.execute("DELETE FROM voice_probe WHERE client = %s", [acme])
    assert body(log_in(acme).get(address(acme, call))) == content


def test_of_another_client_or_of_nothing_there_is_no_sound(log_in, records, acme):
    globex = records.client()
    call, bare = records.call(acme), records.call(acme)
    records.recording(call)
    stranger = log_in(globex)
    own = log_in(acme)
    for browser, path in (
        (stranger, address(acme, call)), (stranger, address(globex, call)), (own, address(acme, call, "reverse")),
        (own, address(acme, bare)), (own, address(acme, uuid.uuid4())), (own, address(globex, call)),
    ):  # fmt: skip
        assert browser.get(path).status_code == 404
        assert browser.head(path).status_code == 404
    assert plays(records, stranger) == plays(records, own) == []


def test_nothing_of_it_can_be_changed(log_in, records, acme):
    call = records.call(acme)
    records.recording(call)
    browser = log_in(acme)
    for method in ("post", "put", "delete", "patch"):
        assert getattr(browser, method)(address(acme, call)).status_code == 405


# --- the page


def shown(call):
    """The section of the page of `call`."""
    from voice_portal.cdr.models import Call, CallStream
    from voice_portal.recordings.players import players

    streams = {stream.direction: stream for stream in CallStream.objects.filter(uuid=call)}
    context = {"players": players(Call.objects.get(uuid=call), streams)}
    return render_to_string("recordings/_recordings.html", context)


def test_a_kept_recording_has_a_player_with_its_wave_form(log_in, records, acme):
    loud, silent = b"\xd0\x30", b"\x00\x00"
    call = records.call(acme, forward={"recording": "2026/x-forward.wav"})
    records.recording(call, peaks=loud * 160 + silent * 240, duration_ms=30_100, whole_ms=30_100)
    page = shown(call)
    assert 'aria-label="Recording of 30.1 s, forward; silent from 12 s to 30 s"' in page
    assert f'<audio controls preload="none" src="{address(acme, call)}"' in page
    assert f'href="{address(acme, call)}?download"' in page
    assert page.count("<figure") == page.count("<svg") == 1
    assert "what the receiver heard of the dialer" in page
    assert "the beginning of" not in page


def test_a_recording_that_was_cut_says_so(log_in, records, acme):
    call = records.call(acme)
    records.recording(call, "reverse", duration_ms=62_500, whole_ms=300_000, rate_hz=16_000)
    page = shown(call)
    assert "62.5 s, the beginning of 300.0 s, 16 kHz" in page


def test_what_stayed_on_its_host_is_named_and_has_no_player(log_in, records, acme):
    call = records.call(acme, forward={"recording": "2026/<x>-forward.wav"}, reverse={"recording": "2026/y.wav"})
    records.recording(call, "reverse")
    page = shown(call)
    assert page.count("<audio") == 1
    assert "<code>2026/&lt;x&gt;-forward.wav</code>" in page
    assert "it was kept on test, as" in page


def test_a_call_that_nothing_was_kept_of_has_no_such_section(log_in, records, acme):
    assert shown(records.call(acme)).strip() == ""


def test_what_a_row_says_is_text_and_no_page(log_in, records, acme):
    """A SIP host writes these rows; what it writes is put into a header and into a page."""
    call = records.call(acme)
    odd = '"><script>alert(1)</script>\r\nSet-Cookie: x=y;'
    records.recording(call, probe=odd, sip_host=odd, content=b"<html><script>alert(1)</script>")
    answer = log_in(acme).get(address(acme, call))
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("audio/wav", "nosniff")
    assert re.fullmatch(r'inline; filename="[A-Za-z0-9._-]+"', answer["Content-Disposition"])
    assert "Set-Cookie: x" not in str(answer.headers)
    assert "<script" not in shown(call)
