"""The page of one call: what it shows, and to whom."""

import json
import uuid

import pytest
from django.core.cache import cache
from django.test import Client

from tests.portal import foreign_scripts
from voice_portal.grafana import frontend
from voice_portal.grafana.frontend import Frontend

pytestmark = pytest.mark.services

INVITE = "INVITE sip:b@x SIP/2.0\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
BUSY = "SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n"


@pytest.fixture(autouse=True)
def _no_grafana():
    cache.set(frontend.CACHE_KEY, Frontend.ABSENT, 60)
    yield
    cache.clear()


@pytest.fixture
def acme(records):
    client = records.client(display_name="Acme Insurance")
    records.probe(client)
    return client


def text(response):
    assert response.status_code == 200
    return response.content.decode()


def address(client, call):
    return f"/c/{client}/calls/{call}/"


def test_a_good_call_with_all_that_can_be_recorded(log_in, records, acme):
    call = records.call(acme, call_id="abc@x", remote_address="[fd77:a::1]:5060", transport="tls", srtp=1,
                        forward={"rtp_lost": 3, "rtp_expected": 1503, "recording": "2026/x-forward.wav"})  # fmt: skip
    records.seconds(call, "forward", [(4.3, 0, 2.0), (3.1, 5, 30.0)])
    records.seconds(call, "reverse", [(4.4, 0, 1.0), (4.4, 0, 1.0)])
    records.ladder(call, "dialer", (0, True, INVITE), (40, False, "SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n"))
    records.ladder(call, "receiver", (12, False, INVITE))
    page = text(log_in(acme).get(address(acme, call)))
    assert page.count("<figure") == 5
    assert 'aria-label="MOS. Forward: 3.1 to 4.3, last 3.1, 2 seconds. Reverse: 4.4 to 4.4' in page
    assert "3 packets" in page
    assert "Encrypted (SRTP)" in page
    assert "2026/x-forward.wav" in page
    assert page.count("<details") == 3
    assert page.index("+0 ms</time>") < page.index("+12 ms</time>") < page.index("+40 ms</time>")
    assert "Hung up by this host" in page
    assert "abc@x" in page


def test_the_calls_of_the_probe_page_lead_to_it(log_in, records, acme):
    call = records.call(acme)
    browser = log_in(acme)
    assert f'href="{address(acme, call)}"' in text(browser.get(f"/c/{acme}/probes/inbound/"))
    text(browser.get(address(acme, call)))


def test_the_address_below_the_probe_leads_to_it(log_in, records, acme):
    call = records.call(acme)
    answer = log_in(acme).get(f"/c/{acme}/probes/inbound/calls/{call}/")
    assert (answer.status_code, answer.url) == (302, address(acme, call))


class TestProbesComeAndGo:
    """A call outlives its probe, and what the probe said at the time."""

    def test_the_call_of_a_probe_that_is_gone_is_all_there(self, log_in, records, acme):
        call = records.call(acme, "gone", pdd_ms=9000, forward={"mos_cq": 1.5, "r_factor": 30})
        records.seconds(call, "forward", [(1.5, 20, 30.0)])
        page = text(log_in(acme).get(address(acme, call)))
        assert "The probe gone is not declared any more." in page
        assert "so nothing is coloured by them" in page
        assert f'href="/c/{acme}/calls/?range=all&amp;probe=gone"' in page
        assert "1.50" in page
        assert "threshold of" not in page
        assert 'class="band' not in page
        assert f"/c/{acme}/probes/gone/" not in page

    def test_a_call_of_an_earlier_generation_says_whose_thresholds_colour_it(self, log_in, records, acme):
        records.probe(acme, "changed", generation=5)
        before, now = records.call(acme, "changed", generation=3), records.call(acme, "changed", generation=5)
        browser = log_in(acme)
        told = "The probe was changed since this call (generation 3 then, 5 now)."
        assert told in text(browser.get(address(acme, before)))
        assert "The probe was changed" not in text(browser.get(address(acme, now)))


LATE = {
    "codec": "G722", "wideband": 1, "ptime_ms": 20, "rtp_expected": 300, "rtp_lost": 0, "rtp_discarded": 7,
    "concealed_pct": 2.333, "max_loss_run": 3, "rtt_ms": 20, "r_factor": 81.70, "mos_cq": 3.263,
}  # fmt: skip


class TestWhyTheMos:
    def test_each_part_has_its_points(self, log_in, records, acme):
        page = text(log_in(acme).get(address(acme, records.call(acme, forward=LATE))))
        section = page.split('id="why"')[1].split("<h2")[0]
        assert "Of the 128.8 points of a perfect call 47.1 are missing: late packets took 26.4" in section
        assert "7 of 300 came too late to be played, 2.33 % of the sound" in section
        assert "they were missing in runs" in section
        assert "10 ms of network (half the round trip)" in section
        assert "Left over" not in section
        assert "<h3>Reverse" not in section, "that one has no R factor"

    def test_without_ratings_nothing_is_said(self, log_in, records, acme):
        assert 'id="why"' not in text(log_in(acme).get(address(acme, records.call(acme))))


def test_what_was_not_recorded_is_said(log_in, records, acme):
    call = records.call(acme, forward=False, reverse=False)
    page = text(log_in(acme).get(address(acme, call)))
    assert "There are no samples of this call" in page
    assert "Both directions: no record of what was received has come in (yet)." in page
    assert "The messages of this call were not recorded" in page


def test_a_refused_call_tells_who_refused_it(log_in, records, acme):
    call = records.call(acme, disposition="busy", sip_code=486, sip_reason="Busy Here", hangup_by="none", q850_cause=17,
                        forward=False, reverse=False)  # fmt: skip
    records.ladder(call, "dialer", (0, True, INVITE), (15, False, BUSY))
    page = text(log_in(acme).get(address(acme, call)))
    assert "The call was not answered: Busy (486 Busy Here)." in page
    assert "Q.850 cause 17" in page
    assert 'class="dialer failure"' in page


def test_one_way_audio_and_silence_are_told_by_direction(log_in, records, acme):
    call = records.call(acme, forward={"one_way": 1, "rtp_rx": 0, "mos_cq": None}, reverse={"silent": 1})
    page = text(log_in(acme).get(address(acme, call)))
    assert "Forward: one-way audio, no packet arrived." in page
    assert "Reverse: silence, packets arrived but not the speech that was sent." in page


def test_late_media_and_holds_are_told(log_in, records, acme):
    call = records.call(
        acme, setup_ms=2900, first_rtp_ms=1000, early_media=1, call_id="abc@x",
        reverse={"late_media_ms": 4500, "held_ms": 3020}, forward={"late_media_ms": 30, "held_ms": 0},
    )  # fmt: skip
    page = text(log_in(acme).get(address(acme, call)))
    assert "Reverse: late media 4500 ms is above the critical threshold of 3000 ms." in page
    assert "Reverse: on hold for 3.0 s, in which no packet was due and none is lost." in page
    assert "first sound after 1000 ms, before the answer, and 4500 ms after it" in page
    assert "<b>Sound</b><span>+7400 ms</span>" in page
    row = page.split("Late media</th>")[1]
    assert row.index("30 ms") < row.index('unhealthy-text">4500 ms')


def test_a_call_that_was_never_placed_claims_nothing_else(log_in, records, acme):
    nothing = {"codec": None, "rtp_rx": 0, **dict.fromkeys(("loss_pct", "jitter_ms", "mos_cq"))}
    call = records.call(acme, disposition="configuration_error", sip_code=None, pdd_ms=None, duration_ms=0,
                        sip_reason="No such credential.", forward=nothing, reverse=nothing)  # fmt: skip
    page = text(log_in(acme).get(address(acme, call)))
    for sentence in ("it was never placed", "Nothing was measured: the call was never placed", "There are no messages"):
        assert sentence in page
    for wrong in ("deleted by now", "0 packets", "never rang"):
        assert wrong not in page


def test_a_call_that_does_not_count_says_so(log_in, records, acme):
    call = records.call(acme, valid=0)
    assert "This call does not count" in text(log_in(acme).get(address(acme, call)))


def test_a_call_that_somebody_asked_for_says_who(log_in, records, acme):
    request = records.request(acme, requested_by="grace")
    call = records.call(acme, request_id=request)
    assert "asked for by grace" in text(log_in(acme).get(address(acme, call)))


def test_a_ladder_that_makes_no_sense_costs_the_ladder_alone(log_in, records, acme):
    call = records.call(acme)
    identity = records._identity(call)
    records.insert("voice_call_ladder", leg="dialer", messages="[{]", **identity)
    records.insert("voice_call_ladder", leg="receiver", messages='["x", {"ms": "soon"}]', **identity)
    assert "The messages of this call were not recorded" in text(log_in(acme).get(address(acme, call)))


def test_what_a_far_end_sends_is_escaped(log_in, records, acme):
    script = "<script>1</script>"
    everywhere = dict.fromkeys(("ua_remote", "call_id", "sip_reason", "remote_address", "local_address", "from_uri",
                                "to_uri", "audio", "sip_host"), script)  # fmt: skip
    stream = {"codec": "<script>", "recording": script, "mos_lqo_algorithm": script, "sip_host": script}
    request = records.request(acme, requested_by=script)
    call = records.call(acme, **everywhere, request_id=request, forward=stream, reverse=stream)
    records.ladder(call, "dialer", (0, False, "SIP/2.0 200 <script>4</script>\r\nSubject: </pre><img src=x>\r\n\r\n"))
    identity = records._identity(call)
    odd = [{"ms": 1, "sent": True, "peer": '"><img src=x>', "text": "<script> sip:b@x SIP/2.0\r\n\r\n"}]
    records.insert("voice_call_ladder", leg="receiver", messages=json.dumps(odd), **identity)
    page = text(log_in(acme).get(address(acme, call)))
    assert page.count("&lt;script&gt;") >= len(everywhere) + 2 * len(stream)
    assert page.count("<details") == 2
    assert not foreign_scripts(page)
    assert "<img" not in page


class TestAttacks:
    """Another client's call is not there, whatever is tried."""

    @pytest.fixture
    def theirs(self, records):
        client = records.client(display_name="Globex")
        records.probe(client)
        records.probe(client, "secret-line")
        request = records.request(client, requested_by="globex-user")
        call = records.call(client, sip_reason="globex only", request_id=request)
        records.ladder(call, "dialer", (0, True, "INVITE sip:globex@x SIP/2.0\r\n\r\n"))
        return client, call, request

    def test_their_calls_uuid_is_not_found_under_ones_own_probe(self, log_in, acme, theirs):
        response = log_in(acme).get(address(acme, theirs[1]))
        assert response.status_code == 404
        assert "globex" not in response.content.decode()

    def test_nor_under_theirs(self, log_in, acme, theirs):
        for probe in ("secret-line", "inbound"):
            assert log_in(acme).get(f"/c/{acme}/probes/{probe}/calls/{theirs[1]}/").status_code == 404

    def test_nor_at_their_own_address(self, log_in, acme, theirs):
        client, call, _ = theirs
        browser = log_in(acme)
        for target in (address(client, call), f"{address(client, call)}?client={acme}"):
            answer = browser.get(target, headers={"X-Client": client})
            assert (answer.status_code, "globex" in answer.content.decode()) == (404, False)

    def test_nor_does_it_differ_from_one_that_does_not_exist(self, log_in, acme, theirs):
        browser = log_in(acme)
        assert browser.get(address(acme, theirs[1])).content == browser.get(address(acme, uuid.uuid4())).content

    def test_a_call_is_not_found_under_another_probe_of_the_same_client(self, log_in, records, acme):
        records.probe(acme, "other")
        call = records.call(acme)
        assert log_in(acme).get(f"/c/{acme}/probes/other/calls/{call}/").status_code == 404

    def test_rows_of_another_client_under_the_same_uuid_do_not_show(self, log_in, records, acme, theirs):
        """Whoever could write rows for one client must not reach another's page by naming its call."""
        call = records.call(acme)
        identity = {**records._identity(call), "client": theirs[0]}
        records.insert("voice_call_ladder", leg="dialer", messages='[{"ms":0,"sent":true,"peer":"globex","text":"X"}]',
                       **identity)  # fmt: skip
        packets = {"rtp_expected": 50, "rtp_lost": 0, "rtp_discarded": 0}
        records.insert("voice_call_interval", direction="forward", second=0, **packets, **identity)
        page = text(log_in(acme).get(address(acme, call)))
        assert "globex" not in page
        assert "There are no samples of this call" in page

    def test_whoever_asked_for_another_clients_call_is_not_told(self, log_in, records, acme, theirs):
        call = records.call(acme, request_id=theirs[2])
        assert "globex-user" not in text(log_in(acme).get(address(acme, call)))

    def test_a_stranger_is_sent_to_the_login(self, django_db, acme, theirs):
        assert Client().get(address(acme, theirs[1])).status_code == 302

    @pytest.mark.parametrize("name", ["not-a-uuid", "1", "..%2f", "%00", "0" * 32])
    def test_what_is_no_uuid_is_not_found(self, log_in, acme, name):
        assert log_in(acme).get(f"/c/{acme}/calls/{name}/").status_code == 404


def test_it_costs_few_queries(log_in, records, acme, django_db):
    from django.test.utils import CaptureQueriesContext

    call = records.call(acme, request_id=records.request(acme))
    records.seconds(call, "forward", [(4.3, 0, 2.0)] * 30)
    browser = log_in(acme)
    with CaptureQueriesContext(django_db) as asked:
        browser.get(address(acme, call))
    assert len(asked) <= 12, [query["sql"] for query in asked]
