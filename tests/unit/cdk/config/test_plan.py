"""The address plan is a fixed map: what it says of a subnet or a host never depends on what else there is."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cdk.config.files import config
from voice_cdk.config import plan
from voice_cdk.config.plan import Host, Role

VPC6 = IPv6Network("2001:db8:1200::/56")
VPC4 = IPv4Network("10.20.0.0/16")

blocks = st.integers(16, 20).flatmap(
    lambda length: st.integers(0, 2 ** (length - 8) - 1).map(
        lambda number: IPv4Network((10 * 2**24 + number * 2 ** (32 - length), length))
    )
)


def test_the_map_of_subnets():
    """Whoever changes a number here replaces subnets of platforms that run."""
    found = {role.value: [plan.subnet_index(role, each) for each in "abf"] for role in Role}
    assert found == {
        "edge": [0, 1, 5],
        "apps": [16, 17, 21],
        "database": [32, 33, 37],
        "nat64": [48, 49, 53],
        "hosts": [64, 65, 69],
        "attachment": [240, 241, 245],
    }
    assert plan.PREFIX_SUBNET == 224


def test_no_subnet_has_two_meanings():
    numbers = [plan.subnet_index(role, letter) for role in Role for letter in plan.ZONE_LETTERS] + [plan.PREFIX_SUBNET]
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= set(range(plan.SUBNETS))


def test_a_subnet_has_its_number_in_both_families():
    assert str(plan.subnet_ipv4(VPC4, Role.NAT64, "b")) == "10.20.49.0/24"
    assert str(plan.subnet_ipv6(VPC6, Role.NAT64, "b")) == "2001:db8:1200:31::/64"


@given(blocks)
def test_ipv4_subnets_fill_a_vpc_without_overlap(vpc):
    subnets = [plan.subnet_ipv4(vpc, role, letter) for role in Role for letter in plan.ZONE_LETTERS]
    assert all(each.subnet_of(vpc) and 24 <= each.prefixlen <= 28 for each in subnets)
    assert len(set(subnets)) == len(subnets)
    assert plan.usable_ipv4(vpc) == subnets[0].num_addresses - 5


@given(blocks, st.sampled_from(Host), st.sampled_from(Role))
def test_hosts_have_addresses_that_aws_gives_out(vpc, host, role):
    subnet = plan.subnet_ipv4(vpc, role, "a")
    assert plan.host_ipv4(subnet, host) in list(subnet)[4:-1]


def test_fixed_addresses_of_hosts():
    subnet4, subnet6 = IPv4Network("10.20.48.0/24"), IPv6Network("2001:db8:1200:30::/64")
    assert {host.value: str(plan.host_ipv6(subnet6, host)) for host in Host} == {
        "nat64": "2001:db8:1200:30::10",
        "strongswan": "2001:db8:1200:30::11",
        "sip": "2001:db8:1200:30::12",
        "grafana": "2001:db8:1200:30::13",
    }
    assert plan.host_ipv4(subnet4, Host.NAT64) == IPv4Address("10.20.48.10")
    assert len({plan.host_number(host) for host in Host}) == len(Host)


def test_the_nat64_prefix_of_vpc_b():
    """RFC 6052, section 2.2: with a prefix of 96 bits, the IPv4 address is the rest."""
    assert str(plan.nat64_prefix(config())) == "64:ff9b::a14:0/112"


@given(blocks)
def test_an_address_of_vpc_b_is_in_its_nat64_prefix(vpc):
    prefix = plan.nat64_prefix(config({"communications": f'"{vpc}"', **ELSEWHERE}))
    first, last = (IPv6Address(f"64:ff9b::{address}") for address in (vpc[0], vpc[-1]))
    assert (prefix[0], prefix[-1]) == (first, last)


ELSEWHERE = {
    "shared": '"172.16.0.0/16"',
    "clients.acme.vpc": '"172.17.0.0/16"',
    "clients.globex.vpc": '"172.18.0.0/16"',
}
"""Blocks beside 10.0.0.0/8."""


def test_ones_own_nat64_prefix_is_a_subnet_that_is_used_for_nothing_else():
    assert str(plan.own_nat64_prefix(VPC6)) == "2001:db8:1200:e0::/96"


@pytest.mark.parametrize(
    ("access", "prefix", "translates", "own", "dns64"),
    [
        ("nat64", "well-known", True, False, True),
        ("nat64", "own", True, True, False),
        ("managed", "well-known", True, False, True),
        ("native", "well-known", False, False, False),
    ],
)
def test_who_translates(access, prefix, translates, own, dns64):
    found = config({"db_access": f'"{access}"', "nat64_prefix": f'"{prefix}"'})
    assert (plan.translates(found), plan.has_own_prefix(found)) == (translates, own)
    assert plan.is_found_by_dns64(found) == dns64


def test_a_clients_edge_is_for_its_tunnel_and_for_dns64():
    acme, globex = config().clients  # a tunnel, a trunk
    with_dns64, without = config(), config({"db_access": '"native"'})
    assert [plan.has_edge(with_dns64, each) for each in (acme, globex)] == [True, True]
    assert [plan.has_edge(without, each) for each in (acme, globex)] == [True, False]


@pytest.mark.parametrize(
    ("connection", "family", "has"),
    [("tunnel", "ipv6", True), ("tunnel", "ipv4", True), ("trunk", "ipv6", False), ("trunk", "ipv4", True)],
)
def test_a_client_calls_a_public_ipv4_address(connection, family, has):
    gateway = '"203.0.113.7"' if connection == "tunnel" else None
    changes = {"connection": f'"{connection}"', "sip_family": f'"{family}"', "gateway": gateway}
    client, _ = config({f"clients.acme.{key}": value for key, value in changes.items()}).clients
    assert plan.has_elastic_ip(client) == has
