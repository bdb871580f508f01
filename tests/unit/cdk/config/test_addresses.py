"""Addresses and networks: as people write them, and whose they can be."""

from ipaddress import IPv4Address, IPv6Network

import pytest

from tests.unit.cdk.config.files import assert_one_fault, config, faults

WRITTEN_WRONG = [
    ("10.10.0.0/255.255.0.0", 'has a mask for a length; write "10.10.0.0/16"'),
    ("10.10.0.0/0.0.255.255", 'has a mask for a length; write "10.10.0.0/16"'),
    ("10.10.0.0/255.0.255.0", "no length from 0 to 32"),
    ("10.10.0.0/33", "no length from 0 to 32"),
    ("10.10.0.0/", "no length from 0 to 32"),
    ("10.10.0.0/-1", "no length from 0 to 32"),
    ("10.10.0.0/016", "no length from 0 to 32"),
    ("10.10.0.0/１６", "no length from 0 to 32"),
    ("10.10.0/16", "is no network"),
    ("10.10.0.0.0/16", "is no network"),
    ("10.10.0.256/16", '"256" in it is no number from 0 to 255'),
    ("10.010.0.0/16", '"010" in it is no number from 0 to 255 without leading zeros'),
    ("100.010.0.0/16", '"010" in it is no number from 0 to 255 without leading zeros'),
    (f"10.{'9' * 5000}.0.0/16", "in it is no number from 0 to 255"),
    ("10.10.0.0-10.10.255.255", "a range is written as the networks"),
    ("vpc.example.net", "names are not taken"),
    (" 10.10.0.0/16", "blanks around"),
    ("", "this is empty"),
]
VPC_WRITTEN_WRONG = [
    ("10.10.0.0", 'has no length; write an IPv4 address with its length, such as "10.10.0.0/16"'),
    ("10.10.1.0/16", 'bits set behind its length; write "10.10.0.0/16"'),
]
ONE_ADDRESS_OR_MORE = [
    ("10.10.0.0", 'has no length; write "10.10.0.0/32" for this one address'),
    ("10.10.1.0/16", 'bits set behind its length; write "10.10.0.0/16" or "10.10.1.0/32"'),
]
V6_WRITTEN_WRONG = [
    ("2001:db8:ac3e::", 'write "2001:db8:ac3e::/128"'),
    ("2001:db8:ac3e::1/48", 'write "2001:db8:ac3e::/48" or "2001:db8:ac3e::1/128"'),
    ("2001:db8:ac3e::/129", "no length from 0 to 128"),
    ("2001:db8::ac3e::/48", "is no network"),
    ("2001:db8:ac3e::%eth0/48", "names an interface"),
]
NOBODYS = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "169.254.172.0/22",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "224.0.0.0/8",
    "240.0.0.0/8",
    "64:ff9b::/96",
    "64:ff9b::a14:0/112",
    "64:ff9b:1::/48",
    "::ffff:192.0.2.0/120",
    "100::/64",
    "2001:0:1::/48",
    "2002:c000:201::/48",
    "fd00:ec2::/32",
    "fe80::/64",
    "fec0::/16",
    "ff00::/16",
]


@pytest.mark.parametrize(("text", "said"), [*WRITTEN_WRONG, *VPC_WRITTEN_WRONG])
def test_the_block_of_a_vpc_is_written_wrong(text, said):
    assert_one_fault({"shared": f'"{text}"'}, "shared", said)


@pytest.mark.parametrize(("text", "said"), [*WRITTEN_WRONG, *ONE_ADDRESS_OR_MORE, *V6_WRITTEN_WRONG])
def test_a_network_of_a_list_is_written_wrong(text, said):
    changes = {"portal.allowed": f'["198.51.100.0/24", "{text}"]'}
    assert_one_fault(changes, "portal.allowed", "item 2: ")
    assert_one_fault(changes, "portal.allowed", said)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("2001:db8:a::/56", "is IPv6, and AWS gives a VPC its IPv6 block by itself"),
        ("10.0.0.0/8", "not of a size that AWS takes"),
        ("10.0.0.0/15", "not of a size that AWS takes"),
        ("10.10.0.0/29", "not of a size that AWS takes"),
        ("10.10.0.1/32", "not of a size that AWS takes"),
        ("0.0.0.0/0", "not of a size that AWS takes"),
        ("198.51.100.0/24", "is public"),
        ("11.0.0.0/16", "is public"),
        ("172.32.0.0/16", "is public"),
        ("169.254.0.0/16", "link-local"),
        ("224.1.0.0/16", "multicast"),
        ("198.18.0.0/16", "benchmarks"),
        ("100.64.0.0/17", None),
        ("100.64.0.0/16", "the pool of the NAT64 hosts"),
        ("100.64.192.0/18", "the pool of the NAT64 hosts"),
        ("172.16.0.0/16", None),
        ("172.31.0.0/16", None),
        ("192.168.0.0/16", None),
        ("10.10.0.0/19", None),
        ("10.10.0.0/20", "too small for 256 subnets of /27"),
        ("10.10.0.0/28", "too small for 256 subnets of /27"),
    ],
)
def test_the_block_of_vpc_a(block, said):
    changes = {"shared": f'"{block}"'}
    if said is None:
        assert str(config(changes).shared) == block
    else:
        assert_one_fault(changes, "shared", said)


@pytest.mark.parametrize("path", ["communications", "clients.acme.vpc"])
@pytest.mark.parametrize(("length", "fits"), [(16, True), (20, True), (21, False), (28, False)])
def test_blocks_of_the_other_vpcs_are_at_least_20(path, length, fits):
    changes = {path: f'"10.40.0.0/{length}"'}
    if fits:
        config(changes)
    else:
        assert_one_fault(changes, path, "too small for 256 subnets of /28")


@pytest.mark.parametrize("network", NOBODYS)
@pytest.mark.parametrize("path", ["portal.allowed", "cluster.allowed", "clients.acme.prefixes"])
def test_a_range_that_nobody_has(path, network):
    both = '"2001:db8:ac3e::/48", "192.0.2.0/26"'
    assert_one_fault({path: f'[{both}, "{network}"]'}, path, "has reserved addresses, ")


@pytest.mark.parametrize("network", ["10.0.0.0/8", "192.168.1.0/24", "100.64.0.0/24", "fd12:3456::/32"])
@pytest.mark.parametrize("path", ["portal.allowed", "cluster.allowed"])
def test_nobody_comes_from_a_private_network(path, network):
    assert_one_fault({path: f'["{network}"]'}, path, "is private, and never seen on the internet")


@pytest.mark.parametrize("path", ["portal.allowed", "cluster.allowed"])
@pytest.mark.parametrize(("network", "mend"), [("2000::/3", "write narrower networks"), ("2002::/16", "take it out")])
def test_what_is_wider_than_a_reserved_range_is_to_be_narrowed(path, network, mend):
    assert_one_fault({path: f'["{network}"]'}, path, mend)


@pytest.mark.parametrize("path", ["portal.allowed", "cluster.allowed"])
def test_nobody_comes_from_what_was_never_given_out(path):
    assert_one_fault({path: '["4000::/16"]'}, path, "is not global (2000::/3)")


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("0.0.0.0/0", "wider than /8"),
        ("::/0", "wider than /16"),
        ("2000::/3", "wider than /16"),
        ("fc00::/16", "neither global (2000::/3) nor unique local (fd00::/8)"),
        ("4000::/16", "neither global (2000::/3) nor unique local (fd00::/8)"),
    ],
)
def test_a_prefix_that_no_client_has(prefix, said):
    changes = {"clients.acme.prefixes": f'["2001:db8:ac3e::/48", "{prefix}"]'}
    assert_one_fault(changes, "clients.acme.prefixes", said)


@pytest.mark.parametrize("prefix", ["172.16.0.0/12", "192.168.0.0/24", "fd12:3456:789a::/48", "100.64.0.0/24"])
def test_behind_a_tunnel_addresses_may_be_private(prefix):
    config({"clients.acme.prefixes": f'["2001:db8:ac3e::/48", "{prefix}"]'})


@pytest.mark.parametrize(
    ("gateway", "said"),
    [
        ("10.1.2.3", "is private"),
        ("100.64.0.1", "is private"),
        ("192.168.1.1", "is private"),
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("0.0.0.1", "this network itself"),
        ("255.255.255.255", "reserved, RFC 1112"),
        ("2001:db8:ac3e::1", "is IPv6, and tunnels come from an Elastic IP"),
        ("203.0.113.7/32", "has a length"),
        ("203.0.113.7:500", "is no address"),
        ("203.0.113.07", '"07" in it is no number from 0 to 255 without leading zeros'),
        ("vpn.acme.example", "names are not taken"),
        ("", "this is empty"),
    ],
)
def test_a_gateway_that_no_tunnel_can_lead_to(gateway, said):
    assert_one_fault({"clients.acme.gateway": f'"{gateway}"'}, "clients.acme.gateway", said)


def test_a_number_is_no_address():
    assert_one_fault({"shared": "10.10"}, "shared", "this is the number 10.1, and a text between quotes")
    assert_one_fault({"clients.acme.prefixes": '["2001:db8:ac3e::/48", 7]'}, "clients.acme.prefixes", "item 2: this is")


def test_an_address_is_read_in_any_spelling():
    client = config({"clients.acme.prefixes": '["2001:0DB8:AC3E:0000::/48"]'}).clients[0]
    assert client.prefixes == (IPv6Network("2001:db8:ac3e::/48"),)
    assert client.gateway == IPv4Address("203.0.113.7")


def test_all_unfit_items_are_named_and_the_others_still_compared():
    found = faults({"clients.acme.prefixes": '["10.20.0.0/16", "nonsense", "ff00::/16"]'})
    assert [each.what[:40] for each in found if each.where == "clients.acme.prefixes"] == [
        'item 2: "nonsense" is no network (names ',
        "item 3: ff00::/16 has reserved addresses",
        "10.20.0.0/16 overlaps 10.20.0.0/16 (comm",
    ]
