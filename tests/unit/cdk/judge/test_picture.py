"""What is drawn and printed: the reference platform in a reader's words."""

from __future__ import annotations

import pytest

from tests.unit.cdk.judge.reference import NAT64, platform
from voice_cdk.judge.picture import Picture, picture
from voice_cdk.judge.templates import from_templates


@pytest.fixture(scope="module")
def drawn() -> Picture:
    return picture(from_templates(platform().templates()))


def test_vpcs_stand_in_the_order_in_which_one_tells_of_them(drawn: Picture) -> None:
    assert [(vpc.name, vpc.part) for vpc in drawn.vpcs] == [
        ("A", "shared services"), ("B", "unified communications"), ("Acme", "client"), ("Globex", "client"),
    ]  # fmt: skip
    assert drawn.vpcs[0].blocks == ("10.10.0.0/16", "an IPv6 /56 that AWS gives")
    assert drawn.vpcs[1].gateways == ("egress-only internet gateway",)


def test_a_subnet_has_its_number_its_members_and_ways_out_of_it(drawn: Picture) -> None:
    apps = next(subnet for subnet in drawn.vpcs[0].subnets if subnet.name == "AAppsB")
    assert (apps.number, apps.families, apps.dns64, apps.attached) == (17, "IPv4 and IPv6", True, False)
    assert {member.role for member in apps.members} == {"EKS control plane", "pods"}
    assert dict(apps.routes)[NAT64] == "transit gateway"
    assert dict(apps.routes)["0.0.0.0/0"] == "NAT gateway in eu-west-1b"


def test_a_host_has_the_part_of_its_address_that_is_fixed(drawn: Picture) -> None:
    hosts = next(subnet for subnet in drawn.vpcs[2].subnets if subnet.name == "AcmeHostsA")
    assert [(host.role, host.host, host.spare) for host in hosts.members] == [("SIP host", "::12", False)]


def test_addresses_that_aws_chooses_are_called_after_what_has_them(drawn: Picture) -> None:
    communications = next(link for link in drawn.links if link.vpc == "B")
    assert communications.table == "TgwB"
    assert ("IPv6 of Acme", "Acme") in communications.routes


def test_a_client_reaches_the_prefix_of_nat64_and_nothing_else(drawn: Picture) -> None:
    assert [link.routes for link in drawn.links if link.vpc == "Globex"] == [((NAT64, "B"),)]


def test_every_flow_works_and_says_by_what(drawn: Picture) -> None:
    assert all(row.works for row in drawn.flows)
    [row] = [row for row in drawn.flows if (row.source, row.destination) == ("pods", "database")]
    assert (row.by, row.ports, row.zones) == (
        ("transit gateway", "NAT64 host"),
        "tcp/3306",
        ("eu-west-1a", "eu-west-1b"),
    )


def test_nothing_passes_between_clients(drawn: Picture) -> None:
    inside = [cell for cell in drawn.cells if {cell.source_vpc, cell.destination_vpc} == {"Acme", "Globex"}]
    between = [cell for cell in inside if "client's" not in cell.source + cell.destination]
    assert between
    assert {cell.traffic for cell in between} == {""}


def test_a_flow_that_does_not_work_is_said_to_be_so() -> None:
    templates = platform().templates()
    del templates["Network"]["Resources"]["TgwCNat64"]
    broken = {(row.source, row.source_vpc) for row in picture(from_templates(templates)).flows if not row.works}
    assert broken == {("SIP host", "Acme"), ("SIP host", "Globex")}
