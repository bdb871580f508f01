"""Clients: their names, how they are reached, and in which family they speak."""

import pytest

from tests.unit.cdk.config.files import RIGHT, assert_one_fault, config, faults, written
from voice_cdk.config.loading import judge
from voice_cdk.config.model import Connection, SipFamily
from voice_cdk.config.reading import parse

GATEWAY = '"198.51.100.7"'


def many(version: int, count: int) -> str:
    """Return a list of so many networks of a family."""
    ones = [f"203.0.{each}.0/24" if version == 4 else f"2001:db8:{each + 1:x}::/48" for each in range(count)]
    other = "2001:db8:ac3e::/48" if version == 4 else "192.0.2.0/26"
    return str([*ones, other]).replace("'", '"')


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [
        ({"clients.acme.gateway": None}, "clients.acme.gateway", "a tunnel leads to a gateway"),
        ({"clients.globex.gateway": '"203.0.113.9"'}, "clients.globex.gateway", "a trunk has no gateway"),
        ({"clients.acme.gateway": '"192.0.2.7"'}, "clients.acme.gateway", "is in 192.0.2.0/26 of the client's own"),
        (
            {"clients.acme.prefixes": '["192.0.2.0/26"]'},
            "clients.acme.sip_family",
            'SIP cannot pass NAT64, since session descriptions carry addresses; write sip_family = "ipv4"',
        ),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e::/48"]', "clients.acme.sip_family": '"ipv4"'},
            "clients.acme.sip_family",
            "would speak IPv4, and the client's prefixes are all IPv6",
        ),
        (
            {"clients.globex.prefixes": '["192.0.2.128/25"]'},
            "clients.globex.sip_family",
            'write sip_family = "ipv4", or add the client\'s IPv6 prefixes',
        ),
        (
            {"clients.globex.sip_family": '"ipv4"'},
            "clients.globex.sip_family",
            'write sip_family = "ipv6", or add the client\'s IPv4 prefixes',
        ),
        (
            {"clients.globex.prefixes": '["172.16.1.0/24"]', "clients.globex.sip_family": '"ipv4"'},
            "clients.globex.prefixes",
            "172.16.1.0/24 is private, and a trunk goes through the internet",
        ),
        (
            {"clients.globex.prefixes": '["2001:db8:60be::/48", "fd12::/32"]'},
            "clients.globex.prefixes",
            "fd12::/32 is private, and a trunk goes through the internet",
        ),
        ({"clients.acme.prefixes": "[]"}, "clients.acme.prefixes", "nobody could be called"),
        ({"clients.acme.prefixes": '"192.0.2.0/26"'}, "clients.acme.prefixes", "a list of networks is wanted"),
        ({"clients.acme.prefixes": many(4, 11)}, "clients.acme.prefixes", "11 prefixes of IPv4 make more rules"),
        ({"clients.acme.prefixes": many(6, 11)}, "clients.acme.prefixes", "11 prefixes of IPv6 make more rules"),
        ({"clients.acme.vpc": None}, "clients.acme.vpc", 'write it like this: vpc = "10.30.0.0/16"'),
        ({"clients.acme.connection": None}, "clients.acme.connection", 'connection = "tunnel" (or "trunk")'),
    ],
)
def test_a_client_that_cannot_be_reached(changes, where, said):
    assert_one_fault(changes, where, said)


def test_a_trunk_by_ipv4():
    """The SIP host gets a public address of its own, and writes that into session descriptions."""
    found = config({"clients.globex.prefixes": '["192.0.2.128/25"]', "clients.globex.sip_family": '"ipv4"'})
    assert (found.clients[1].connection, found.clients[1].sip_family) == (Connection.TRUNK, SipFamily.IPV4)


@pytest.mark.parametrize("version", [4, 6])
def test_ten_prefixes_of_a_family(version):
    found = config({"clients.acme.prefixes": many(version, 10), "clients.acme.gateway": GATEWAY})
    assert len(found.clients[0].prefixes) == 11


def test_a_list_of_unfit_prefixes_is_not_empty_too():
    assert_one_fault({"clients.acme.prefixes": '["nowhere"]'}, "clients.acme.prefixes", "item 1: ")


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("voice-quality", "clients.voice-quality", "this namespace is the platform's own"),
        ("Initech", "clients.Initech", 'write "initech"'),
        ('"Initech Ltd"', 'clients."Initech Ltd"', 'write "initech-ltd"'),
        ("init_ech", "clients.init_ech", 'write "init-ech"'),
        ("-initech", "clients.-initech", 'write "initech"'),
        ("initech-", "clients.initech-", 'write "initech"'),
        ('"init:ech"', 'clients."init:ech"', 'write "init-ech"'),
        ('"ини"', 'clients."ини"', "choose another"),
        ('""', 'clients.""', "without a name"),
        ('"a\\nb"', 'clients."a\\nb"', 'write "a-b"'),
        ("a" * 64, f'clients."{"a" * 59}…"', "a namespace has 63 at most"),
        ("default", "clients.default", "Kubernetes's own"),
        ("kube-system", "clients.kube-system", "Kubernetes's own"),
        ("constructor", "clients.constructor", "AWS CDK takes a stack's part of this name"),
    ],
)
def test_a_name_that_no_namespace_has(name, path, said):
    one = '{connection = "trunk", vpc = "10.32.0.0/16", prefixes = ["2001:db8:1::/48"]}'
    assert_one_fault({f"clients.{name}": one}, path, said)


def test_the_longest_name():
    one = '{connection = "trunk", vpc = "10.32.0.0/16", prefixes = ["2001:db8:1::/48"]}'
    assert config({"clients." + "a" * 63: one, "name": f'"{"v" * 32}"'}).clients[0].name == "a" * 63


def test_a_third_client_is_one_line_more():
    text = written() + '[clients.initech]\nconnection = "trunk"\nvpc = "10.32.0.0/16"\nprefixes = ["2001:db8:1::/48"]\n'
    assert [each.name for each in judge(parse(text)).clients] == ["acme", "globex", "initech"]


def test_there_is_a_client():
    changes: dict[str, str | None] = dict.fromkeys(path for path in RIGHT if path.startswith("clients."))
    assert_one_fault(changes, "clients", "there is none")
    assert_one_fault(changes | {"clients": '"acme"'}, "clients", "a table is wanted: write [clients]")


def test_a_client_with_nothing_in_it_is_no_client():
    found = faults({"clients.initech": "{}"})
    assert [each.where for each in found] == [f"clients.initech.{key}" for key in ("vpc", "prefixes", "connection")]


def test_a_client_is_a_table():
    assert_one_fault({"clients.initech": "7"}, "clients.initech", "this is the number 7, and a table is wanted")


def test_an_ipv4_pbx_behind_a_tunnel():
    client = config({"clients.acme.prefixes": '["192.0.2.0/26"]', "clients.acme.sip_family": '"ipv4"'}).clients[0]
    assert (client.connection, client.sip_family) == (Connection.TUNNEL, SipFamily.IPV4)


def test_a_client_with_several_faults_gets_a_sentence_for_each():
    found = faults({"clients.acme.gateway": '"10.1.1.1"', "clients.acme.vpc": '"8.8.0.0/16"', "clients.acme.pin": "1"})
    assert [each.where for each in found] == ["clients.acme.pin", "clients.acme.vpc", "clients.acme.gateway"]


def test_a_gateway_that_is_refused_is_not_missing_too():
    assert_one_fault({"clients.acme.gateway": '"nowhere"'}, "clients.acme.gateway", "is no address")
