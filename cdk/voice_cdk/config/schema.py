"""The tables of the file and their keys, with defaults: what each means stands in cdk/config/example.toml."""

from __future__ import annotations

from typing import Final

from voice_cdk.config.keys import Key, Tables, listed, scalar
from voice_cdk.config.model import Connection, DbAccess, Nat64Prefix, Network, SipFamily
from voice_cdk.config.values import addresses, amounts, machines, names

NAME: Final = Key(name="name", read=scalar(names.platform), example='name = "voice"')
ACCOUNT: Final = Key(name="account", read=scalar(names.account), example='account = "111122223333"')
REGION: Final = Key(name="region", read=scalar(names.region), example='region = "eu-west-1"')
ZONES: Final = Key(name="zones", read=listed(names.zone, "zones"), example='zones = ["eu-west-1a", "eu-west-1b"]')
SHARED: Final = Key(name="shared", read=scalar(addresses.vpc), example='shared = "10.10.0.0/16"')
COMMUNICATIONS: Final = Key(
    name="communications", read=scalar(addresses.vpc), example='communications = "10.20.0.0/16"'
)
DB_ACCESS: Final = Key(
    name="db_access", read=scalar(amounts.choice(DbAccess)), example='db_access = "nat64"', default=DbAccess.NAT64
)
NAT64_PREFIX: Final = Key(
    name="nat64_prefix",
    read=scalar(amounts.choice(Nat64Prefix)),
    example='nat64_prefix = "well-known"',
    default=Nat64Prefix.WELL_KNOWN,
)
ALARM_ADDRESS: Final = Key(
    name="alarm_address", read=scalar(names.mail_address), example='alarm_address = "voice-alarms@example.net"'
)

DOMAIN: Final = Key(name="domain", read=scalar(names.domain), example='domain = "voice.example.net"')
ZONE: Final = Key(name="zone", read=scalar(names.domain), example='zone = "example.net"')
ZONE_ID: Final = Key(name="zone_id", read=scalar(names.zone_id), example='zone_id = "Z0123456789EXAMPLE"')
CERTIFICATE: Final = Key(
    name="certificate",
    read=scalar(names.certificate),
    example='certificate = "arn:aws:acm:eu-west-1:111122223333:certificate/…"',
)
PORTAL_ALLOWED: Final = Key(
    name="allowed", read=listed(addresses.source, "networks"), example='allowed = ["0.0.0.0/0", "::/0"]'
)

MIN_CAPACITY: Final = Key(
    name="min_capacity",
    read=scalar(amounts.capacity(0, "0 lets it pause while nobody is connected")),
    example="min_capacity = 0.5",
    default=0.5,
)
MAX_CAPACITY: Final = Key(
    name="max_capacity",
    read=scalar(amounts.capacity(1, "the largest may not be below 1")),
    example="max_capacity = 4",
    default=4.0,
)
BACKUP_DAYS: Final = Key(
    name="backup_days", read=scalar(amounts.whole(1, 35, "days")), example="backup_days = 14", default=14
)

VERSION: Final = Key(name="version", read=scalar(amounts.version), example='version = "1.36"', default="1.36")
NODE_TYPE: Final = Key(
    name="node_type", read=scalar(machines.node), example='node_type = "t3.large"', default="t3.large"
)
MIN_NODES: Final = Key(
    name="min_nodes",
    read=scalar(amounts.whole(2, 100, "nodes, for one is replaced at each upgrade")),
    example="min_nodes = 2",
    default=2,
)
MAX_NODES: Final = Key(
    name="max_nodes", read=scalar(amounts.whole(2, 100, "nodes")), example="max_nodes = 4", default=4
)
CLUSTER_ALLOWED: Final = Key[tuple[Network, ...]](
    name="allowed", read=listed(addresses.source, "networks"), example='allowed = ["198.51.100.0/24"]', default=()
)

SIP: Final = Key(name="sip", read=scalar(machines.host), example='sip = "t3.small"', default="t3.small")
STRONGSWAN: Final = Key(
    name="strongswan", read=scalar(machines.host), example='strongswan = "t3.micro"', default="t3.micro"
)
NAT64: Final = Key(name="nat64", read=scalar(machines.host), example='nat64 = "t3.micro"', default="t3.micro")
GRAFANA: Final = Key(name="grafana", read=scalar(machines.host), example='grafana = "t3.micro"', default="t3.micro")

CLIENT_VPC: Final = Key(name="vpc", read=scalar(addresses.vpc), example='vpc = "10.30.0.0/16"')
PREFIXES: Final = Key(
    name="prefixes", read=listed(addresses.client_prefix, "networks"), example='prefixes = ["2001:db8:c11e::/48"]'
)
CONNECTION: Final = Key(
    name="connection", read=scalar(amounts.choice(Connection)), example='connection = "tunnel" (or "trunk")'
)
GATEWAY: Final = Key(name="gateway", read=scalar(addresses.gateway), example='gateway = "198.51.100.7"', optional=True)
SIP_FAMILY: Final = Key(
    name="sip_family",
    read=scalar(amounts.choice(SipFamily)),
    example='sip_family = "ipv6"',
    default=SipFamily.IPV6,
)

TOP: Final = (NAME, ACCOUNT, REGION, ZONES, SHARED, COMMUNICATIONS, DB_ACCESS, NAT64_PREFIX, ALARM_ADDRESS)
PORTAL: Final = (DOMAIN, ZONE, ZONE_ID, CERTIFICATE, PORTAL_ALLOWED)
DATABASE: Final = (MIN_CAPACITY, MAX_CAPACITY, BACKUP_DAYS)
CLUSTER: Final = (VERSION, NODE_TYPE, MIN_NODES, MAX_NODES, CLUSTER_ALLOWED)
HOSTS: Final = (SIP, STRONGSWAN, NAT64, GRAFANA)
CLIENT: Final = (CLIENT_VPC, PREFIXES, CONNECTION, GATEWAY, SIP_FAMILY)

SECTIONS: Final = {"portal": PORTAL, "database": DATABASE, "cluster": CLUSTER, "hosts": HOSTS}
CLIENTS: Final = "clients"
TABLES: Final = Tables({"": TOP, **SECTIONS, CLIENTS: CLIENT}, clients=CLIENTS)
