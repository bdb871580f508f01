"""All checks of one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from voice_cdk.judge.faults import (
    alarms,
    attach,
    blocks,
    buckets,
    cluster,
    cni,
    conditions,
    databases,
    dns64,
    documents,
    elastic,
    encryption,
    endpoints,
    failover,
    flags,
    forbidden,
    groups,
    hosts,
    ipv4,
    isolation,
    kept,
    kinds,
    logs,
    machines,
    names,
    needed,
    plain,
    pods,
    portal,
    races,
    references,
    required,
    rights,
    routes,
    secrets,
    settings,
    signals,
    single,
    sizes,
    thresholds,
    trust,
    twice,
    unfollowed,
    unused,
    userdata,
    values,
    wide,
    zones,
)
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.modelling import assemble
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.templates import Assembly

CHECKS: tuple[Callable[[Context], Iterator[Fault]], ...] = (
    references.check,
    needed.check,
    values.check,
    plain.check,
    single.check,
    blocks.check,
    twice.check,
    unfollowed.check,
    routes.check,
    elastic.check,
    endpoints.check,
    attach.check,
    races.check,
    cluster.check,
    userdata.check,
    settings.check,
    groups.check,
    ipv4.check,
    isolation.check,
    required.check,
    forbidden.check,
    dns64.check,
    zones.check,
    failover.check,
    flags.check,
    trust.check,
    rights.check,
    conditions.check,
    kinds.check,
    cni.check,
    hosts.check,
    wide.check,
    secrets.check,
    encryption.check,
    alarms.check,
    thresholds.check,
    portal.check,
    names.check,
    sizes.check,
    databases.check,
    kept.check,
    logs.check,
    signals.check,
    documents.check,
    buckets.check,
    pods.check,
    machines.check,
    unused.check,
)


def judge(assembly: Assembly) -> list[Fault]:
    """Every fault of synthesised templates, each once, those that others may follow from first."""
    return list(dict.fromkeys(faults(assembly)))


def faults(assembly: Assembly) -> Iterator[Fault]:
    """The same one by one as they are found, some perhaps twice."""
    for platform in assembly.platforms():
        context = context_of(platform)
        for one in CHECKS:
            yield from one(context)


def context_of(assembly: Assembly) -> Context:
    """The model of synthesised templates, ready to be asked."""
    resolver = Resolver(assembly)
    return Context(resolver, assemble.model(resolver))
