"""Members that are services: database, EKS, load balancers, functions, endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.model import Member, Role
from voice_cdk.judge.modelling.places import Places
from voice_cdk.judge.modelling.reader import Reader, Source
from voice_cdk.judge.modelling.security import cluster_group

FAMILIES = {"ipv4": frozenset({4}), "ipv6": frozenset({6})}
BOTH = frozenset({4, 6})


def members(source: Source, places: Places) -> list[Member]:
    """All of them."""
    found = [
        *databases(source, places),
        *clusters(source, places),
        *balancers(source, places),
        *functions(source, places),
        *endpoints(source, places),
    ]
    return [member for member in found if member]


def databases(source: Source, places: Places) -> Iterator[Member | None]:
    """One for each subnet of a database."""
    for database in source.each("AWS::RDS::DBCluster", "AWS::RDS::DBInstance"):
        if database.kind.endswith("DBInstance") and database.has("DBClusterIdentifier"):
            continue
        owner = source.owner(database.text("DBSubnetGroupName"), "AWS::RDS::DBSubnetGroup")
        if owner is None:
            database.wrong("has no DBSubnetGroupName of these templates, so it would stand in the default VPC")
            continue
        families = BOTH if database.text("NetworkType") == "DUAL" else FAMILIES["ipv4"]
        groups = database.texts("VpcSecurityGroupIds") or database.texts("VPCSecurityGroups")
        port = database.number("Port", 3306)
        for subnet in Reader(source, owner, source.resolver.properties(owner)).texts("SubnetIds"):
            yield places.put(database, Role.DATABASE, subnet, groups, families=families, ports=(port,))


def clusters(source: Source, places: Places) -> Iterator[Member | None]:
    """The control plane's interfaces, and nodes with their pods."""
    for cluster in source.each("AWS::EKS::Cluster"):
        network = cluster.part("ResourcesVpcConfig")
        own = cluster_group(cluster.key)
        family = cluster.part("KubernetesNetworkConfig").text("IpFamily") or "ipv4"
        groups = (own, *network.texts("SecurityGroupIds"))
        for subnet in network.texts("SubnetIds"):
            yield places.put(cluster, Role.CONTROL_PLANE, subnet, groups)
        nodegroups = [n for n in source.each("AWS::EKS::Nodegroup") if n.text("ClusterName") == cluster.id]
        for nodes in nodegroups:
            for subnet in nodes.texts("Subnets"):
                yield places.put(nodes, Role.PODS, subnet, _node_groups(nodes, own), families=BOTH)
        if not nodegroups and cluster.part("ComputeConfig").flag("Enabled"):
            for subnet in network.texts("SubnetIds"):
                yield places.put(cluster, Role.PODS, subnet, (own,), families=BOTH)
        if family != "ipv6":
            cluster.wrong("its pods have IPv4 alone (IpFamily): nothing of theirs passes the transit gateway", "family")


def _node_groups(nodes: Reader, own: str) -> tuple[str, ...]:
    """Nodes have the cluster's group, unless their launch template names others."""
    owner = nodes.source.owner(nodes.part("LaunchTemplate").text("Id"), "AWS::EC2::LaunchTemplate")
    if owner is None:
        return (own,)
    data = nodes.source.resolver.properties(owner).get("LaunchTemplateData", {})
    return Reader(nodes.source, owner, data).texts("SecurityGroupIds") or (own,)


def balancers(source: Source, places: Places) -> Iterator[Member | None]:
    """Load balancers with the ports that they listen at."""
    listeners = list(source.each("AWS::ElasticLoadBalancingV2::Listener"))
    for balancer in source.each("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        ports = tuple(one.number("Port") for one in listeners if one.text("LoadBalancerArn") == balancer.id)
        mapped = [part.text("SubnetId") for part in balancer.parts("SubnetMappings")]
        public = balancer.text("Scheme") != "internal"
        dual = balancer.text("IpAddressType").startswith("dualstack")
        families = BOTH if dual else FAMILIES["ipv4"]
        for subnet in balancer.texts("Subnets") or mapped:
            yield places.put(
                balancer, Role.BALANCER, subnet, balancer.texts("SecurityGroups"), families=families,
                public=public and balancer.text("IpAddressType") != "dualstack-without-public-ipv4",
                asks_ipv6=dual, ports=ports,
            )  # fmt: skip


def target_ports(source: Source) -> frozenset[int]:
    """Ports at which load balancers ask pods."""
    groups = source.each("AWS::ElasticLoadBalancingV2::TargetGroup")
    return frozenset(int(group.text("Port")) for group in groups if group.text("Port").isdigit())


def functions(source: Source, places: Places) -> Iterator[Member | None]:
    """Lambda functions that stand in a VPC."""
    for function in source.each("AWS::Lambda::Function"):
        network = function.part("VpcConfig")
        families = BOTH if network.flag("Ipv6AllowedForDualStack") else FAMILIES["ipv4"]
        for subnet in network.texts("SubnetIds"):
            yield places.put(function, Role.FUNCTION, subnet, network.texts("SecurityGroupIds"), families=families)


def endpoints(source: Source, places: Places) -> Iterator[Member | None]:
    """Interface endpoints; what they are for is in their name."""
    for endpoint in source.each("AWS::EC2::VPCEndpoint"):
        if endpoint.text("VpcEndpointType") != "Interface":
            continue
        families = BOTH if endpoint.text("IpAddressType") == "dualstack" else FAMILIES["ipv4"]
        families = FAMILIES.get(endpoint.text("IpAddressType"), families)
        service = endpoint.text("ServiceName").rsplit(".", 1)[-1]
        for subnet in endpoint.texts("SubnetIds"):
            yield places.put(
                endpoint, Role.ENDPOINT, subnet, endpoint.texts("SecurityGroupIds"), families=families,
                name=f"endpoint of {service}", asks_ipv6=True,
            )  # fmt: skip
