"""Keys that are missing, misspelt, or in the wrong table."""

import pytest

from tests.unit.cdk.config.files import RIGHT, assert_one_fault, config
from voice_cdk.config import schema
from voice_cdk.config.model import DbAccess, Nat64Prefix, SipFamily


@pytest.mark.parametrize("path", [each for each in RIGHT if each != "clients.acme.gateway"])
def test_a_key_without_a_default_is_missing(path):
    assert_one_fault({path: None}, path, f"this is missing; write it like this: {path.rpartition('.')[2]} = ")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("region", "regoin", 'write "region"'),
        ("zones", "zone", 'this key belongs under [portal]; write "zones", if that is meant'),
        ("portal.zone", "portal.zones", 'belongs at the top of the file, above the first [table]; write "zone", if'),
        ("shared", "Shared", 'write "shared"'),
        ("communications", "communication", 'write "communications"'),
        ("alarm_address", "alarm-address", 'write "alarm_address"'),
        ("portal.zone_id", "portal.zoneid", 'write "zone_id"'),
        ("portal.certificate", "portal.certifcate", 'write "certificate"'),
        ("clients.acme.prefixes", "clients.acme.prefix", 'write "prefixes"'),
        ("clients.acme.connection", "clients.acme.conection", 'write "connection"'),
    ],
)
def test_a_misspelt_key_is_one_fault_with_the_likely_one(right, wrong, said):
    assert_one_fault({right: None, wrong: RIGHT[right]}, wrong, said)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("databse.min_capacity", "1", 'write "database"'),
        ("client.initech.vpc", '"10.32.0.0/16"', 'write "clients"'),
        ("Hosts.sip", '"t3.small"', 'write "hosts"'),
        ("database.max_capcity", "4", 'write "max_capacity"'),
        ("cluster.node_typ", '"t3.large"', 'write "node_type"'),
        ("hosts.strong_swan", '"t3.micro"', 'write "strongswan"'),
        ("hosts.spi", '"t3.small"', 'write "sip"'),
        ("clients.acme.sipfamily", '"ipv6"', 'write "sip_family"'),
        ("db_acces", '"nat64"', 'write "db_access"'),
        ("min_nodes", "2", "this key belongs under [cluster]"),
        ("gateway", '"203.0.113.9"', "this key belongs to each client"),
        ("zone", '"example.net"', "this key belongs under [portal]"),
        ("clients.vpc", '"10.32.0.0/16"', "this key belongs to each client"),
        ("initech", '{vpc = "10.32.0.0/16"}', "these are the keys of a client, whose table is [clients.NAME]"),
        ("clients.acme.east", '{vpc = "10.32.0.0/16"}', "these are the keys of a client"),
        ("hosts.region", '"eu-west-1"', "this key belongs at the top of the file, above the first [table]"),
        ("portal.backup_days", "14", "this key belongs under [database]"),
        ("hosts.kamailio", '"t3.micro"', "there is no such key; the keys here are sip, strongswan, nat64 and grafana"),
        ('"\\u0007"', "1", "there is no such key"),
    ],
)
def test_an_unknown_key(path, value, said):
    where = path.split(".")[0] if path.split(".")[0] in {"databse", "client", "Hosts"} else path
    assert_one_fault({path: value}, where, said)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"clients.acme.gateway": None, "clients.acme.gatway": '"203.0.113.7"'}, "clients.acme.gatway"),
        (
            {"clients.acme.prefixes": '["192.0.2.0/26"]', "clients.acme.sip_famly": '"ipv4"'},
            "clients.acme.sip_famly",
        ),
        ({"database.min_capacity": "8", "database.max_capcity": "16"}, "database.max_capcity"),
    ],
)
def test_nothing_is_concluded_from_the_lack_of_a_misspelt_key(changes, where):
    assert_one_fault(changes, where, "there is no such key; write")


@pytest.mark.parametrize(("table", "misspelt"), [("portal", "portl"), ("portal", "Portal"), ("clients", "client")])
def test_a_misspelt_table_is_one_fault(table, misspelt):
    changes: dict[str, str | None] = {}
    for path, value in RIGHT.items():
        if path.startswith(f"{table}."):
            changes |= {path: None, path.replace(table, misspelt, 1): value}
    assert_one_fault(changes, misspelt, f'there is no such key; write "{table}", if that is meant')


@pytest.mark.parametrize("table", schema.SECTIONS)
def test_a_section_is_a_table(table):
    gone = {path: None for path in RIGHT if path.startswith(table)}
    said = f"this is the number 7, and a table is wanted: write [{table}] above its keys"
    assert_one_fault(gone | {table: "7"}, table, said)


def test_defaults():
    found = config()
    assert (found.db_access, found.nat64_prefix) == (DbAccess.NAT64, Nat64Prefix.WELL_KNOWN)
    assert (found.database.min_capacity, found.database.max_capacity, found.database.backup_days) == (0.5, 4, 14)
    assert (found.cluster.version, found.cluster.node_type, found.cluster.allowed) == ("1.36", "t3.large", ())
    assert (found.cluster.min_nodes, found.cluster.max_nodes) == (2, 4)
    assert found.clients[0].sip_family is SipFamily.IPV6
    assert found.hosts.grafana == "t3.micro"
