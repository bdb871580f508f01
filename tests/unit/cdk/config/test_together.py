"""Values that are right alone and wrong together."""

import pytest

from tests.unit.cdk.config.files import ARN, assert_one_fault, config, faults

FAR = '"arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"'
UNSEEN = '"' + ARN.replace("eu-west", r"eu\u200bwest") + '"'


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        (
            '["eu-west-1a", "eu-central-1b"]',
            'is not in the region eu-west-1; write whole names of availability zones, such as "eu-west-1b"',
        ),
        ('["eu-west-1a", "eu-west-1a", "eu-west-1b"]', 'item 2: "eu-west-1a" stands here twice'),
        ('["eu-west-1a"]', 'write two, such as ["eu-west-1a", "eu-west-1b"]'),
        ("[]", "need two zones"),
        ('["a", "eu-west-1b"]', 'is the letter of a zone; write "eu-west-1a"'),
        ('["euw1-az1", "eu-west-1b"]', "is the id of a zone"),
        ('["us-east-1-bos-1a", "eu-west-1b"]', "is a Local or Wavelength Zone"),
        ('["us-east-1-wl1-bos-wlz-1", "eu-west-1b"]', "is a Local or Wavelength Zone"),
        ('["eu-west-1-wl1-dub-wlz-1", "eu-west-1b"]', "is a Local or Wavelength Zone"),
        ('["eu-west-1", "eu-west-1b"]', "is no zone, which is the region and a letter"),
        ('["eu-west-1z", "eu-west-1b"]', "a letter from a to c"),
        ('["eu-west-1d", "eu-west-1b"]', "a letter from a to c; write whole names"),
        ('["eu-west-1A", "eu-west-1b"]', "a letter from a to c"),
        ('["eu-west-1a", "eu-west-1a"]', 'item 2: "eu-west-1a" stands here twice; write another zone'),
        ('["eu-west-1a", 7]', "item 2: this is the number 7"),
        ('["eu-west-1ab", "eu-west-1b"]', "is no zone"),
        ('"eu-west-1a"', "a list of zones is wanted"),
        ('["eu-west-1a", "eu-west-1b", 3]', "item 3: this is the number 3"),
    ],
)
def test_zones(zones, said):
    assert_one_fault({"zones": zones}, "zones", said)


def test_a_zone_that_is_offered_is_of_the_region_if_there_is_one():
    assert 'write two, such as ["us-east-1a", ' in str(faults({"region": '"us-east-1"', "zones": "[]"})[0])
    assert 'write "us-east-1c"' in str(faults({"region": '"us-east-1"', "zones": '["c", "us-east-1a"]'})[0])
    found = faults({"region": '"moon"', "zones": '["c"]'})
    assert [each.what.rpartition("write ")[2] for each in found if each.where == "zones"] == [
        '"eu-west-1c"',
        'two, such as ["eu-west-1a", "eu-west-1b"]',
    ]


@pytest.mark.parametrize(("region", "last"), [("us-east-1", "f"), ("us-west-2", "d"), ("eu-north-1", "c")])
def test_zones_go_as_far_as_the_region_has_letters(region, last):
    there = {"region": f'"{region}"', "portal.certificate": f'"{ARN.replace("eu-west-1", region)}"'}
    config({**there, "zones": f'["{region}{last}", "{region}a"]'})
    beyond = f'["{region}{chr(ord(last) + 1)}", "{region}a"]'
    assert_one_fault({**there, "zones": beyond}, "zones", f"a letter from a to {last}")


def test_the_order_of_zones_is_kept():
    assert config({"zones": '["eu-west-1c", "eu-west-1a", "eu-west-1b"]'}).zones[0] == "eu-west-1c"


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [
        ({"portal.domain": '"voice.example.org"'}, "portal.domain", "is not in the zone example.net"),
        ({"portal.domain": '"voice-example.net"'}, "portal.domain", "ends with .example.net"),
        ({"portal.zone": '"voice.example.net.org"'}, "portal.domain", "is not in the zone"),
        (
            {"portal.certificate": FAR},
            "portal.certificate",
            'of the region "us-east-1", and the load balancer takes one',
        ),
        ({"portal.certificate": f'"{ARN.replace(":eu-west-1:", "::")}"'}, "portal.certificate", "region (none)"),
        (
            {"portal.certificate": UNSEEN},
            "portal.certificate",
            r"eu\u200bwest-1",
        ),
        ({"account": '"999988887777"'}, "portal.certificate", "of the account 111122223333"),
        ({"portal.allowed": "[]"}, "portal.allowed", 'for everybody write ["0.0.0.0/0", "::/0"]'),
        ({"cluster.allowed": '["0.0.0.0/0"]'}, "cluster.allowed", "opens the cluster's API to the world"),
        ({"cluster.allowed": '["::/0"]'}, "cluster.allowed", "opens the cluster's API to the world"),
        ({"cluster.allowed": '["128.0.0.0/2"]'}, "cluster.allowed", "has reserved addresses"),
        ({"cluster.allowed": '["32.0.0.0/4"]'}, "cluster.allowed", "opens the cluster's API to the world"),
        ({"database.min_capacity": "8"}, "database.min_capacity", "raise max_capacity to 8"),
        (
            {"database.min_capacity": "2.5", "database.max_capacity": "1"},
            "database.min_capacity",
            "2.5 is more than max_capacity, 1",
        ),
        ({"cluster.min_nodes": "5"}, "cluster.min_nodes", "lower min_nodes to 4"),
        (
            {"shared": '"10.10.0.0/19"', "cluster.max_nodes": "12"},
            "cluster.max_nodes",
            "write 11 at most, or give shared a block of /16",
        ),
        ({"hosts.sip": '"t4g.small"'}, "hosts.sip", "t4g.small is arm64, and other hosts are x86_64"),
        ({"cluster.node_type": '"m8g.large"'}, "cluster.node_type", "images are built for one architecture"),
        (
            {"nat64_prefix": '"own"', "db_access": '"managed"'},
            "nat64_prefix",
            "AWS's NAT gateways translate 64:ff9b::/96 alone",
        ),
        ({"nat64_prefix": '"own"', "db_access": '"native"'}, "nat64_prefix", "nothing is translated"),
    ],
)
def test_values_that_exclude_each_other(changes, where, said):
    assert_one_fault(changes, where, said)


@pytest.mark.parametrize("network", ["32.0.0.0/8", "2600::/16"])
def test_the_widest_network_that_reaches_the_cluster(network):
    assert str(config({"cluster.allowed": f'["{network}"]'}).cluster.allowed[0]) == network


def test_everybody_may_be_allowed_to_the_portal():
    assert len(config({"portal.allowed": '["0.0.0.0/0", "::/0"]'}).portal.allowed) == 2


@pytest.mark.parametrize("network", ["203.0.{}.0/24", "2001:db8:{}::/48"])
@pytest.mark.parametrize(("path", "most"), [("portal.allowed", 25), ("cluster.allowed", 40)])
def test_only_so_many_networks_are_allowed(path, most, network):
    def networks(count: int) -> str:
        return str([network.format(each) for each in range(count)]).replace("'", '"')

    config({path: networks(most)})
    assert_one_fault({path: networks(most + 1)}, path, f"write {most} at most")


def test_the_networks_of_each_family_are_counted_alone():
    networks = [f"203.0.{each}.0/24" for each in range(25)] + [f"2001:db8:{each}::/48" for each in range(25)]
    config({"portal.allowed": str(networks).replace("'", '"')})


def test_as_many_nodes_as_addresses():
    assert config({"shared": '"10.10.0.0/19"', "cluster.max_nodes": "11"}).cluster.max_nodes == 11


def test_all_hosts_may_be_arm():
    types = {f"hosts.{host}": '"t4g.small"' for host in ("sip", "strongswan", "nat64", "grafana")}
    assert config({**types, "cluster.node_type": '"m8g.large"'}).hosts.sip == "t4g.small"


def test_faults_of_all_kinds_come_at_once():
    found = faults(
        {
            "region": '"moon"',
            "zones": '["eu-west-1a"]',
            "portal.domain": '"voice.example.org"',
            "clients.acme.gateway": None,
            "databse.min_capacity": "1",
            "hosts.sipp": '"t3.small"',
        }
    )
    assert {each.where for each in found} == {
        "region",
        "zones",
        "portal.domain",
        "clients.acme.gateway",
        "databse",
        "hosts.sipp",
    }
