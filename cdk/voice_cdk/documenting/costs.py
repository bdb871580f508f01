"""What a platform costs a month at rest, by what its templates would build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from voice_cdk.documenting import prices
from voice_cdk.documenting.tables import table
from voice_cdk.judge.keys import Json
from voice_cdk.judge.templates import Assembly


class UnpricedError(LookupError):
    """Templates name a machine that `prices` has no price of; the text says which."""


@dataclass(frozen=True)
class Item:
    """Something that is paid for by the month: so many `units` at a `price` for each."""

    name: str
    units: float
    price: float

    @property
    def month(self) -> float:
        """US dollars."""
        return self.units * self.price


def table_of_sizes(sizes: Mapping[str, Assembly]) -> str:
    """A row for each item, a column for each size, and the sums."""
    columns = {size: {item.name: item for item in items(assembly)} for size, assembly in sizes.items()}
    names = dict.fromkeys(name for column in columns.values() for name in column)
    rows = []
    for name in names:
        price = next(column[name].price for column in columns.values() if name in column)
        rows.append([name, f"{price:.2f}", *(_cell(column.get(name)) for column in columns.values())])
    sums = [f"**{sum(item.month for item in column.values()):,.0f}**" for column in columns.values()]
    return table(["item", "each", *columns], [*rows, ["**a month, US dollars**", "", *sums]])


def _cell(item: Item | None) -> str:
    return f"{item.units:g} → {item.month:,.0f}" if item else "—"


def items(assembly: Assembly) -> Iterator[Item]:
    """All that is paid for while it stands, whether used or not.

    Raises:
        UnpricedError: there is a machine of an unknown type.
    """
    found = [resource for _, resource in assembly.resources()]
    counts = Counter(str(resource["Type"]) for resource in found)
    properties = _Properties(found)
    yield _by_hour("EKS control plane", counts["AWS::EKS::Cluster"], prices.CLUSTER)
    for kind, machines in sorted(_machines(properties).items()):
        if kind not in prices.MACHINES:
            raise UnpricedError(f"there is no price of {kind}; add it to cdk/voice_cdk/documenting/prices.py")
        yield _by_hour(f"machines, {kind}", machines, prices.MACHINES[kind])
    yield Item("their disks, GB", sum(_disks(properties)), prices.DISK_GB)
    yield Item("their detailed monitoring", sum(_monitored(properties)), prices.MONITORING)
    yield _by_hour("Aurora's capacity units, at the least", _capacity(properties), prices.ACU)
    yield _by_hour(
        "attachments to the transit gateway", counts["AWS::EC2::TransitGatewayAttachment"], prices.ATTACHMENT
    )
    yield _by_hour("NAT gateways", counts["AWS::EC2::NatGateway"], prices.NAT_GATEWAY)
    yield _by_hour("load balancer", counts["AWS::ElasticLoadBalancingV2::LoadBalancer"], prices.BALANCER)
    yield _by_hour("public IPv4 addresses", _public_addresses(properties, counts), prices.PUBLIC_IPV4)
    yield Item("keys (KMS)", counts["AWS::KMS::Key"], prices.KEY)
    yield Item("secrets", counts["AWS::SecretsManager::Secret"] + _managed_secrets(properties), prices.SECRET)
    yield Item("alarms", counts["AWS::CloudWatch::Alarm"], prices.ALARM)


def _by_hour(name: str, units: float, price: float) -> Item:
    return Item(name, units, price * prices.HOURS)


class _Properties:
    """Properties of all resources by type."""

    def __init__(self, resources: list[Mapping[str, Json]]) -> None:
        self._resources = resources

    def of(self, kind: str) -> list[Json]:
        return [one.get("Properties", {}) for one in self._resources if one["Type"] == f"AWS::{kind}"]


def _machines(properties: _Properties) -> Counter[str]:
    """How many of each type: a launch template that names one is a single host's, another one the cluster's nodes'."""
    found = Counter(one["LaunchTemplateData"]["InstanceType"] for one in _host_templates(properties))
    for nodes in properties.of("EKS::Nodegroup"):
        found[nodes["InstanceTypes"][0]] += nodes["ScalingConfig"]["MinSize"]
    return found


def _host_templates(properties: _Properties) -> list[Json]:
    return [one for one in properties.of("EC2::LaunchTemplate") if "InstanceType" in one["LaunchTemplateData"]]


def _disks(properties: _Properties) -> Iterator[float]:
    nodes = sum(one["ScalingConfig"]["MinSize"] for one in properties.of("EKS::Nodegroup"))
    for template in properties.of("EC2::LaunchTemplate"):
        data = template["LaunchTemplateData"]
        sizes = sum(disk["Ebs"]["VolumeSize"] for disk in data.get("BlockDeviceMappings", ()))
        yield sizes * (1 if "InstanceType" in data else nodes)
    yield from (volume["Size"] for volume in properties.of("EC2::Volume"))


def _monitored(properties: _Properties) -> Iterator[bool]:
    for template in _host_templates(properties):
        yield bool(template["LaunchTemplateData"].get("Monitoring", {}).get("Enabled"))


def _capacity(properties: _Properties) -> float:
    clusters = properties.of("RDS::DBCluster")
    least = sum(float(one["ServerlessV2ScalingConfiguration"]["MinCapacity"]) for one in clusters)
    return least * len(properties.of("RDS::DBInstance"))


def _public_addresses(properties: _Properties, counts: Counter[str]) -> int:
    """Elastic IPs, and one of the load balancer's in each of its zones."""
    return counts["AWS::EC2::EIP"] + sum(
        len(one["Subnets"])
        for one in properties.of("ElasticLoadBalancingV2::LoadBalancer")
        if one.get("Scheme") == "internet-facing" and one.get("IpAddressType") != "dualstack-without-public-ipv4"
    )


def _managed_secrets(properties: _Properties) -> int:
    """Those that Aurora makes by itself."""
    return sum(bool(one.get("ManageMasterUserPassword")) for one in properties.of("RDS::DBCluster"))
