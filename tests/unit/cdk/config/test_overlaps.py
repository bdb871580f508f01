"""No address is in two blocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cdk.config.files import assert_one_fault, config, faults


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [
        ({"communications": '"10.10.0.0/16"'}, "communications", "overlaps 10.10.0.0/16 (shared)"),
        ({"communications": '"10.10.16.0/20"'}, "communications", "VPCs of one platform need blocks of their own"),
        ({"clients.acme.vpc": '"10.20.0.0/16"'}, "clients.acme.vpc", "overlaps 10.20.0.0/16 (communications)"),
        ({"clients.acme.vpc": '"10.20.0.0/16"'}, "clients.acme.vpc", "; 10.0.0.0/16 is free"),
        ({"clients.globex.vpc": '"10.30.128.0/20"'}, "clients.globex.vpc", "(clients.acme.vpc)"),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "10.30.4.0/24"]'},
            "clients.acme.prefixes",
            "what is for 10.30.4.0/24 would stay in the VPC; correct it, or give the VPC another block",
        ),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "10.10.4.0/24"]'},
            "clients.acme.prefixes",
            "10.10.4.0/24 overlaps 10.10.0.0/16 (shared): an address in logs and SIP messages has to tell",
        ),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "172.16.0.0/12"]', "communications": '"172.20.0.0/16"'},
            "communications",
            "whether it is the platform's or a client's; give the VPC another block; 10.0.0.0/16 is free",
        ),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "10.31.4.0/24"]'},
            "clients.acme.prefixes",
            "10.31.4.0/24 overlaps 10.31.0.0/16 (clients.globex.vpc): an address in logs and SIP messages has to tell",
        ),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "172.16.0.0/12"]', "clients.acme.vpc": '"172.20.0.0/16"'},
            "clients.acme.vpc",
            "what is for 172.16.0.0/12 would stay in the VPC; give the VPC another block; 10.0.0.0/16 is free",
        ),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "2001:db8:60be:1::/64"]'},
            "clients.acme.prefixes",
            "2001:db8:60be:1::/64 overlaps 2001:db8:60be::/48 (clients.globex.prefixes)",
        ),
        (
            {"clients.globex.prefixes": '["2001:db8:ac3e::/48"]'},
            "clients.globex.prefixes",
            "two clients have none in common, but for trunks to one carrier; correct one of them",
        ),
        (
            {"clients.globex.prefixes": '["2001:db8:60be::/48", "192.0.2.1/32"]'},
            "clients.globex.prefixes",
            "192.0.2.1/32 overlaps 192.0.2.0/26 (clients.acme.prefixes)",
        ),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "2001:db8:ac3e::/48"]'},
            "clients.acme.prefixes",
            "stands in the same list",
        ),
        (
            {"clients.acme.prefixes": '["2001:db8:ac3e:1::/64", "2001:db8:ac3e::/48"]'},
            "clients.acme.prefixes",
            "2001:db8:ac3e:1::/64 is in 2001:db8:ac3e::/48 already",
        ),
        ({"portal.allowed": '["0.0.0.0/0", "198.51.100.0/24"]'}, "portal.allowed", "is in 0.0.0.0/0 already"),
        ({"portal.allowed": '["198.51.100.0/24", "198.51.100.0/24"]'}, "portal.allowed", "stands here twice"),
        ({"cluster.allowed": '["198.51.100.0/24", "198.51.100.7/32"]'}, "cluster.allowed", "would serve nobody"),
    ],
)
def test_two_blocks_overlap(changes, where, said):
    assert_one_fault(changes, where, said)


TUNNEL_TO_GLOBEX = {"clients.globex.connection": '"tunnel"', "clients.globex.gateway": '"198.51.100.9"'}


@pytest.mark.parametrize(
    "changes",
    [
        {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "192.168.0.0/24"]'},
        {"clients.acme.prefixes": '["2001:db8:ac3e::/48", "192.168.0.0/16"]'},
        {"clients.acme.prefixes": '["fd00::/48"]', "clients.globex.prefixes": '["fd00::/48", "192.168.0.0/24"]'},
    ],
)
def test_private_addresses_of_two_clients_may_be_the_same(changes):
    """Each client has a VPC of its own, and none of them crosses the transit gateway."""
    config({"clients.globex.prefixes": '["2001:db8:60be::/48", "192.168.0.0/24"]', **TUNNEL_TO_GLOBEX, **changes})


def test_two_trunks_may_lead_to_one_carrier():
    carrier = '["2001:db8:60be::/48"]'
    config(
        {
            "clients.acme.connection": '"trunk"',
            "clients.acme.gateway": None,
            "clients.acme.prefixes": carrier,
            "clients.globex.prefixes": carrier,
        }
    )


def test_what_is_behind_a_gateway_may_not_call_as_the_carrier_of_another_client():
    carrier = {"clients.globex.sip_family": '"ipv4"', "clients.globex.prefixes": '["203.0.113.0/28", "192.0.2.128/25"]'}
    assert_one_fault(
        carrier,  # acme's gateway is 203.0.113.7
        "clients.acme.gateway",
        "is in 203.0.113.0/28 (clients.globex.prefixes), so what is behind it could call globex's SIP host",
    )
    by_tunnel = {"clients.globex.connection": '"tunnel"', "clients.globex.gateway": '"198.51.100.7"'}
    config({**carrier, **by_tunnel})


def test_each_vpc_that_overlaps_is_offered_another_block():
    found = faults({"communications": '"10.10.0.0/16"', "clients.acme.vpc": '"10.10.0.0/16"'})
    assert [each.what.rpartition("; ")[2] for each in found] == ["10.0.0.0/16 is free", "10.1.0.0/16 is free"]


def test_where_10_is_full_no_block_is_offered():
    (fault,) = faults(
        {
            "shared": '"172.16.0.0/16"',
            "communications": '"172.16.0.0/16"',
            "clients.acme.vpc": '"172.17.0.0/16"',
            "clients.globex.vpc": '"172.18.0.0/16"',
            "clients.acme.prefixes": '["2001:db8:ac3e::/48", "10.0.0.0/8"]',
        }
    )
    assert fault.what.endswith("need blocks of their own")


BLOCKS = st.integers(0, 255).flatmap(lambda second: st.integers(16, 19).map(lambda length: f"10.{second}.0.0/{length}"))


@given(st.lists(BLOCKS, min_size=4, max_size=4))
def test_it_is_said_exactly_when_blocks_share_an_address(blocks):
    paths = ["shared", "communications", "clients.acme.vpc", "clients.globex.vpc"]
    found = faults({path: f'"{block}"' for path, block in zip(paths, blocks, strict=True)})
    firsts = [block.partition("/")[0] for block in blocks]  # these begin alike, or are apart
    assert len(found) == len(firsts) - len(set(firsts))


def test_neighbours_do_not_overlap():
    config({"shared": '"10.10.0.0/17"', "communications": '"10.10.128.0/17"'})
