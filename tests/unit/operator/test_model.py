from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceprobe_operator import model
from voiceprobe_operator.declared.objects import declared, spec
from voiceprobe_operator.model import InvalidSpecError, milliseconds, parse_client, parse_probe
from voiceprobe_operator.numbers import NO_RIGHTS


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2s", 2000), ("5m", 300_000), ("1m30s", 90_000), ("250ms", 250), ("1h0m1s", 3_601_000), ("0s", 0)],
)
def test_durations_are_read_as_milliseconds(text, expected):
    assert milliseconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "1.5s", "5 m", "5d", "٥s"])
def test_what_is_no_duration_is_refused_with_a_sentence(text):
    with pytest.raises(InvalidSpecError, match="is not a duration such as"):
        milliseconds(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours, minutes, seconds, rest):
    assert (
        milliseconds(f"{hours}h{minutes}m{seconds}s{rest}ms") == ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest
    )


def test_a_probe_that_says_the_least_is_called_every_five_minutes(probe):
    assert probe.display_name == "inbound-sales"
    assert (probe.every_ms, probe.schedule) == (300_000, None)
    assert probe.mos.warning == Decimal("4.00")
    assert probe.pdd_ms.critical == 6000


def test_a_schedule_replaces_the_interval(probe_body):
    probe = parse_probe(probe_body(call={"schedule": "*/5 8-18 * * 1-5", "timeZone": "Europe/London"}))
    assert (probe.every_ms, probe.schedule, probe.time_zone) == (None, "*/5 8-18 * * 1-5", "Europe/London")


def test_digits_keep_their_order(probe_body):
    probe = parse_probe(probe_body(call={"dtmf": [{"after": "3s", "digits": "1"}, {"after": "5s", "digits": "*2#"}]}))
    assert [(step.after_ms, step.digits) for step in probe.dtmf] == [(3000, "1"), (5000, "*2#")]


def test_a_threshold_is_rounded_to_what_the_plan_holds(probe_body):
    probe = parse_probe(probe_body(thresholds={"mos": {"warning": 4.005, "critical": 3.123456}}))
    assert (probe.mos.warning, probe.mos.critical) == (Decimal("4.01"), Decimal("3.12"))


def test_an_unknown_time_zone_is_refused(probe_body):
    with pytest.raises(InvalidSpecError, match="'Mars/Olympus' is not a time zone"):
        parse_probe(probe_body(call={"timeZone": "Mars/Olympus"}))


def test_without_a_time_zone_database_any_zone_is_left_to_the_sip_host(probe_body, monkeypatch):
    monkeypatch.setattr(model, "_time_zones", frozenset)
    assert parse_probe(probe_body(call={"timeZone": "Europe/London"})).time_zone == "Europe/London"


def test_an_object_older_than_the_schema_asks_to_be_applied_again(probe_body):
    body = probe_body()
    del body["spec"]["call"]["codecs"]
    with pytest.raises(InvalidSpecError, match=r"not complete \('codecs'\)"):
        parse_probe(body)


def test_a_namespace_without_a_voice_client_is_a_client_all_the_same():
    client = parse_client("acme", None)
    assert (client.name, client.display_name, client.time_zone, client.ref) == ("acme", "acme", "UTC", None)


def test_a_bad_object_leaves_the_others_alone(probe_body):
    bad = probe_body(metadata={"name": "bad", "uid": "u2"}, call={"timeZone": "Mars/Olympus"})
    client = {
        "kind": "VoiceClient",
        "metadata": {"name": "client", "namespace": "acme", "uid": "u3"},
        "spec": {"timeZone": "Nowhere"},
    }
    seen = declared("acme", map(spec, [client, bad, probe_body()]), lambda _: NO_RIGHTS)
    assert [probe.ref.name for probe in seen.probes] == ["inbound-sales"]
    assert sorted(ref.name for ref in seen.invalid) == ["bad", "client"]
    assert seen.client.ref is None
    assert not seen.is_empty
    assert declared("acme", [], lambda _: NO_RIGHTS).is_empty


@pytest.mark.parametrize("schedule", ["61 * * * *", "0 0 31 2 *", "* * * *"])
def test_a_schedule_that_never_comes_is_refused(probe_body, schedule):
    with pytest.raises(InvalidSpecError, match="not a schedule that ever comes"):
        parse_probe(probe_body(call={"schedule": schedule}))


ADDRESSES = {
    "port": "sip:a@b:99999",
    "port 0": "sip:a@b:0",
    "empty label": "sip:x@foo..bar",
    "label too long": "sip:x@" + "a" * 64 + ".example",
    "no IPv6 address": "sip:x@[1::2::3]",
    "blank": "sip:x@foo bar",
    "line": "sip:x@foo\nVia: elsewhere",
    "last line": "sip:x@foo\n",
    "no scheme": "x@foo",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("dialer", "address"),
        ("dialer", "outboundProxy"),
        ("receiver", "address"),
        ("receiver", "registrar"),
        (None, "destination"),
    ],
)
def test_an_address_that_no_sip_host_could_use_is_refused(probe_body, part, name, address):
    body = probe_body(**({part: {name: address}} if part else {name: address}))
    field = f"{part}.{name}" if part else name
    with pytest.raises(InvalidSpecError, match=rf"^{field} is '.*': (must|a port is) .*such as|without leading zeros"):
        parse_probe(body)


@pytest.mark.parametrize(
    "address",
    [
        "sip:+442071838750@sbc.acme.example:5061;transport=tls",
        "sips:agent@[2001:db8::1]:65535",
        "sip:a@10.0.0.1",
        "sip:a%20b@sip_1.example;lr",
    ],
)
def test_an_ordinary_address_is_kept_as_it_is_written(probe_body, address):
    assert parse_probe(probe_body(destination=address)).destination == address


def test_a_party_has_a_user_and_a_server_needs_none(probe_body):
    proxy = {"outboundProxy": "sip:[2001:db8::10]:5060"}
    assert parse_probe(probe_body(dialer=proxy)).dialer_outbound_proxy == "sip:[2001:db8::10]:5060"
    with pytest.raises(
        InvalidSpecError, match=r"^destination is 'sip:sbc\.acme\.example': must name a user before the host"
    ):
        parse_probe(probe_body(destination="sip:sbc.acme.example"))
