"""A file to a configuration, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voice_cdk.config import schema
from voice_cdk.config.checks import access, blocks, clients, sizes, zones
from voice_cdk.config.draft import Draft
from voice_cdk.config.faults import Faults, key
from voice_cdk.config.keys import Key, Section, section, table
from voice_cdk.config.model import Client, Cluster, Config, Database, Hosts, Network, Portal
from voice_cdk.config.reading import Table, read
from voice_cdk.config.values import names

CHECKS = (zones.check, blocks.check, clients.check, access.check, sizes.check)


def load(path: Path) -> Config:
    """Return the configuration in a file.

    Raises:
        ConfigError: it cannot be read, or is not right; all its faults at once.
    """
    return judge(read(path))


def judge(tables: Table) -> Config:
    """Return the configuration that TOML's tables hold.

    Order in the file means nothing, but for that of zones: clients are sorted by name, and networks by address.

    Raises:
        ConfigError: it is not right; all its faults at once.
    """
    faults = Faults()
    draft = _draft(tables, faults)
    for check in CHECKS:
        check(draft, faults)
    if faults:
        raise faults.error()
    return _config(draft)


def _draft(tables: Table, faults: Faults) -> Draft:
    also = [*schema.SECTIONS, schema.CLIENTS]
    top = section(tables, schema.TOP, where="", tables=schema.TABLES, faults=faults, also=also)
    named = {name: _named(name, keys, tables, top, faults) for name, keys in schema.SECTIONS.items()}
    return Draft(top=top, clients=_clients(tables, top, faults), **named)


def _named(name: str, keys: Sequence[Key[object]], tables: Table, top: Section, faults: Faults) -> Section:
    """Read a table with a fixed name. Of one that is misspelt, or none, nothing is known, not even what it lacks."""
    if name not in tables and top.names(name):
        return Section(name, {})
    found = table(tables.get(name, {}), name, faults)
    if found is None:
        return Section(name, {})
    return section(found, keys, where=name, tables=schema.TABLES, faults=faults)


def _clients(tables: Table, top: Section, faults: Faults) -> dict[str, Section]:
    found = table(tables.get(schema.CLIENTS, {}), schema.CLIENTS, faults)
    if found is None or (schema.CLIENTS not in tables and top.names(schema.CLIENTS)):
        return {}
    if not found:
        faults.add(schema.CLIENTS, "there is none; write one under [clients], as in cdk/config/example.toml")
    sections = {}
    for name, value in found.items():
        where = f"{schema.CLIENTS}.{key(name)}"
        if not isinstance(value, dict) and schema.TABLES.is_of_a_client(name):
            faults.add(where, "this key belongs to each client; write it into the table of one")
            continue
        if problem := names.client(name):
            faults.add(where, problem)
        content = table(value, where, faults)
        if content is not None:
            sections[name] = section(content, schema.CLIENT, where=where, tables=schema.TABLES, faults=faults)
    return sections


def _config(draft: Draft) -> Config:
    top = draft.top
    return Config(
        name=top[schema.NAME],
        account=top[schema.ACCOUNT],
        region=top[schema.REGION],
        zones=top[schema.ZONES],
        shared=top[schema.SHARED],
        communications=top[schema.COMMUNICATIONS],
        db_access=top[schema.DB_ACCESS],
        nat64_prefix=top[schema.NAT64_PREFIX],
        alarm_address=top[schema.ALARM_ADDRESS],
        portal=_portal(draft.portal),
        database=_database(draft.database),
        cluster=_cluster(draft.cluster),
        hosts=_hosts(draft.hosts),
        clients=tuple(_client(name, each) for name, each in sorted(draft.clients.items())),
    )


def _portal(found: Section) -> Portal:
    return Portal(
        domain=found[schema.DOMAIN],
        zone=found[schema.ZONE],
        zone_id=found[schema.ZONE_ID],
        certificate=found[schema.CERTIFICATE],
        allowed=_sorted(found[schema.PORTAL_ALLOWED]),
    )


def _database(found: Section) -> Database:
    return Database(
        min_capacity=found[schema.MIN_CAPACITY],
        max_capacity=found[schema.MAX_CAPACITY],
        backup_days=found[schema.BACKUP_DAYS],
    )


def _cluster(found: Section) -> Cluster:
    return Cluster(
        version=found[schema.VERSION],
        node_type=found[schema.NODE_TYPE],
        min_nodes=found[schema.MIN_NODES],
        max_nodes=found[schema.MAX_NODES],
        allowed=_sorted(found[schema.CLUSTER_ALLOWED]),
    )


def _hosts(found: Section) -> Hosts:
    return Hosts(
        sip=found[schema.SIP],
        strongswan=found[schema.STRONGSWAN],
        nat64=found[schema.NAT64],
        grafana=found[schema.GRAFANA],
    )


def _client(name: str, found: Section) -> Client:
    return Client(
        name=name,
        vpc=found[schema.CLIENT_VPC],
        prefixes=_sorted(found[schema.PREFIXES]),
        connection=found[schema.CONNECTION],
        gateway=found.get(schema.GATEWAY),
        sip_family=found[schema.SIP_FAMILY],
    )


def _sorted(networks: tuple[Network, ...]) -> tuple[Network, ...]:
    return tuple(sorted(networks, key=lambda each: (each.version, int(each.network_address), each.prefixlen)))
