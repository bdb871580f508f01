"""Switches that the platform stands or falls with."""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Json, Key
from voice_cdk.judge.model import Role

WANTED: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("AWS::EC2::TransitGateway", ("DefaultRouteTableAssociation",), "disable",
     "joins every attachment to one table, so that every VPC reaches every other"),
    ("AWS::EC2::TransitGateway", ("DefaultRouteTablePropagation",), "disable",
     "writes routes, IPv4 among them, that no template says"),
    ("AWS::EC2::TransitGateway", ("AutoAcceptSharedAttachments",), "disable|", "takes in VPCs of other accounts"),
    ("AWS::EC2::TransitGateway", ("SecurityGroupReferencingSupport",), "disable|", "lets rules reach over VPCs"),
    ("AWS::EC2::TransitGateway", ("MulticastSupport",), "disable|", "is of no use here"),
    ("AWS::EC2::TransitGatewayAttachment", ("Options", "Ipv6Support"), "enable", "carries no IPv6"),
    ("AWS::EC2::TransitGatewayVpcAttachment", ("Options", "Ipv6Support"), "enable", "carries no IPv6"),
    ("AWS::EC2::TransitGatewayAttachment", ("Options", "ApplianceModeSupport"), "disable|",
     "leads what one zone sends by another zone's NAT64 host"),
    ("AWS::EC2::TransitGatewayAttachment", ("Options", "SecurityGroupReferencingSupport"), "disable|",
     "lets rules reach over VPCs"),
    ("AWS::EC2::VPC", ("EnableDnsSupport",), "true|", "no name is found in the VPC"),
    ("AWS::EC2::VPC", ("EnableDnsHostnames",), "true", "endpoints' private names are not found"),
    ("AWS::RDS::DBCluster", ("StorageEncrypted",), "true", "records would lie in the clear"),
    ("AWS::RDS::DBCluster", ("DeletionProtection",), "true", "a deleted stack would take the records along"),
    ("AWS::RDS::DBInstance", ("PubliclyAccessible",), "false|", "the database would have a public address"),
    ("AWS::EC2::Instance", ("MetadataOptions", "HttpTokens"), "required", "gives credentials to whoever makes it ask"),
    ("AWS::EC2::LaunchTemplate", ("LaunchTemplateData", "MetadataOptions", "HttpTokens"), "required",
     "gives credentials to whoever makes it ask"),
    ("AWS::EC2::VPCEndpoint", ("PrivateDnsEnabled",), "true|", "nobody would find the endpoint by the service's name"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", ("TargetType",), "ip", "pods are found by their address"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", ("IpAddressType",), "ipv6", "pods have IPv6 alone"),
    ("AWS::EC2::FlowLog", ("TrafficType",), "ALL", "half of the traffic would not be seen"),
    ("AWS::EKS::Cluster", ("KubernetesNetworkConfig", "IpFamily"), "ipv6", "pods would have IPv4 alone"),
    ("AWS::EKS::Cluster", ("ResourcesVpcConfig", "EndpointPrivateAccess"), "true", "nodes would go out for the API"),
    ("AWS::EKS::Cluster", ("DeletionProtection",), "true", "a deleted stack would take the cluster along"),
    ("AWS::EKS::Cluster", ("AccessConfig", "AuthenticationMode"), "API",
     "who may rule the cluster would stand in a map inside of it as well"),
    ("AWS::EKS::Cluster", ("AccessConfig", "BootstrapClusterCreatorAdminPermissions"), "false",
     "whoever deploys would rule the cluster, without an entry that says so"),
    ("AWS::RDS::DBCluster", ("ManageMasterUserPassword",), "true", "the master's password would stand in a template"),
    ("AWS::RDS::DBCluster", ("CopyTagsToSnapshot",), "true", "snapshots would be nobody's"),
    ("AWS::EKS::Cluster", ("Version",), "*", "each deployment could bring another version"),
    ("AWS::EC2::NetworkInterface", ("EnablePrimaryIpv6",), "true", "its address could be taken from it"),
    ("AWS::ECR::Repository", ("ImageTagMutability",), "IMMUTABLE", "what a tag runs could change under it"),
    ("AWS::ECR::Repository", ("ImageScanningConfiguration", "ScanOnPush"), "true", "known holes would go unseen"),
    ("AWS::EC2::TransitGateway", ("VpnEcmpSupport",), "disable", "is of no use here: no VPN is attached"),
    ("AWS::EC2::VPCCidrBlock", ("AmazonProvidedIpv6CidrBlock",), "true|", "the VPC would have no IPv6"),
)  # fmt: skip
"""Type, path of a property, values that are right (`|` and nothing after it: may be left out; `*`: any), and why."""
IPV6_METADATA = frozenset({Role.SIP, Role.GRAFANA, Role.STRONGSWAN, Role.NAT64, Role.MANAGEMENT})
LOGGED = {
    "AWS::EC2::VPC": "VPC", "AWS::EC2::Subnet": "Subnet", "AWS::EC2::NetworkInterface": "NetworkInterface",
    "AWS::EC2::TransitGateway": "TransitGateway", "AWS::EC2::TransitGatewayAttachment": "TransitGatewayAttachment",
}  # fmt: skip
"""ResourceType of a flow log by what it is of."""
TLS = "require_secure_transport"


def check(context: Context) -> Iterator[Fault]:
    """The list above, and what depends on where something stands."""
    for kind, path, right, why in WANTED:
        for key in context.resolver.of_type(kind):
            if not _skipped(context, key, path):
                yield from _one(context, key, path, right, why)
    yield from _tls(context)
    yield from _network_type(context)
    yield from _public_addresses(context)
    yield from _names(context)
    yield from _metadata(context)
    yield from _flow_logs(context)
    yield from _forwarding(context)
    yield from _public_api(context)
    yield from _volumes(context)
    yield from _propagation(context)


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="flag", resource=str(key), reason=reason)


def _value(context: Context, key: Key, path: tuple[str, ...]) -> Json:
    found: Json = context.resolver.properties(key)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _one(context: Context, key: Key, path: tuple[str, ...], right: str, why: str) -> Iterator[Fault]:
    found = _value(context, key, path)
    told = "" if found is None else (str(found).lower() if isinstance(found, bool) else str(found))
    if right == "*" and told:
        return
    if told not in right.split("|"):
        wanted = "something that somebody chose" if right == "*" else right.split("|", maxsplit=1)[0]
        yield _fault(key, f"{'.'.join(path)} is {told or 'left out'}, not {wanted}: {why}")


def _skipped(context: Context, key: Key, path: tuple[str, ...]) -> bool:
    """Gateway endpoints have no private names, interfaces perhaps no IPv6, a transit gateway's logs no TrafficType."""
    if path == ("PrivateDnsEnabled",):
        return bool(_value(context, key, ("VpcEndpointType",)) != "Interface")
    if path == ("EnablePrimaryIpv6",):
        return not _value(context, key, ("Ipv6Addresses",))
    return path == ("TrafficType",) and str(_value(context, key, ("ResourceType",))).startswith("TransitGateway")


def _tls(context: Context) -> Iterator[Fault]:
    for key in context.resolver.of_type("AWS::RDS::DBCluster"):
        name = str(context.resolver.properties(key).get("DBClusterParameterGroupName"))
        group = context.resolver.owners.get(name)
        value = _value(context, group, ("Parameters", TLS)) if group else None
        if str(value).upper() not in {"ON", "1", "TRUE"}:
            yield _fault(key, f"its parameter group does not set {TLS} to ON: passwords could cross in the clear")


def _network_type(context: Context) -> Iterator[Fault]:
    for member in context.model.of(Role.DATABASE):
        subnet = context.model.subnets[member.subnet]
        dual = _value(context, member.key, ("NetworkType",)) == "DUAL"
        if dual and subnet.ipv6 is None:
            yield _fault(member.key, f"NetworkType DUAL, but its subnet {subnet.key} has no IPv6: AWS refuses that")


def _public_addresses(context: Context) -> Iterator[Fault]:
    for subnet in context.model.subnets.values():
        if subnet.public_ipv4:
            yield _fault(subnet.key, "MapPublicIpOnLaunch gives everything that starts there a public IPv4 address")


def _names(context: Context) -> Iterator[Fault]:
    """Machines without IPv4 can't be called after it (VPC user guide, "Amazon EC2 instance hostname types")."""
    for subnet in context.model.subnets.values():
        if (
            subnet.native
            and _value(context, subnet.key, ("PrivateDnsNameOptionsOnLaunch", "HostnameType")) == "ip-name"
        ):
            reason = "HostnameType is ip-name, and the subnet has IPv6 alone: AWS takes resource-name there"
            yield Fault(kind="refused", resource=str(subnet.key), reason=reason)


def _metadata(context: Context) -> Iterator[Fault]:
    """Hosts find their credentials by IPv6: some have nothing else, and all are set up alike."""
    hosts = [member for member in context.model.members if member.role in IPV6_METADATA and not member.spare]
    machines = {machine for member in hosts for machine in member.machines}
    for machine in sorted(machines):
        for key in sorted({machine, *context.order.direct(machine)}):
            kind = context.resolver.kind(key)
            path: tuple[str, ...] = ("MetadataOptions", "HttpProtocolIpv6")
            if kind == "AWS::EC2::LaunchTemplate":
                path = ("LaunchTemplateData", *path)
            elif kind != "AWS::EC2::Instance":
                continue
            if _value(context, key, path) != "enabled":
                yield _fault(key, "HttpProtocolIpv6 is not enabled: the host finds no credentials by IPv6")


def _flow_logs(context: Context) -> Iterator[Fault]:
    keys = context.resolver.of_type("AWS::EC2::FlowLog")
    logged = {str(context.resolver.properties(key).get("ResourceId")) for key in keys}
    for key in keys:
        properties = context.resolver.properties(key)
        owner = context.resolver.owners.get(str(properties.get("ResourceId")))
        wanted = LOGGED.get(context.resolver.kind(owner)) if owner else None
        if owner and properties.get("ResourceType") != wanted:
            yield _fault(key, f"ResourceType is {properties.get('ResourceType')}, and {owner} is a {wanted}")
    for vpc in context.model.vpcs.values():
        if vpc.id not in logged:
            yield _fault(vpc.key, "no flow log: what passed can't be seen afterwards")
    for gateway in {one.gateway: one.key for one in context.model.attachments.values()}:
        owner = context.resolver.owners.get(gateway)
        if owner and gateway not in logged:
            yield _fault(owner, "no flow log of the transit gateway: what it dropped can't be seen afterwards")


def _forwarding(context: Context) -> Iterator[Fault]:
    for member in context.model.members:
        if member.forwards and member.role not in {Role.NAT64, Role.STRONGSWAN} and not member.spare:
            yield _fault(member.key, "SourceDestCheck is off, though it has nothing to forward")


def _public_api(context: Context) -> Iterator[Fault]:
    """An endpoint that is public is so for everybody, unless networks are named."""
    for key in context.resolver.of_type("AWS::EKS::Cluster"):
        network = context.resolver.properties(key).get("ResourcesVpcConfig") or {}
        named = {str(one) for one in network.get("PublicAccessCidrs") or []}
        public = str(network.get("EndpointPublicAccess", True)).lower() == "true"
        if public and (not named or named & {"0.0.0.0/0", "::/0"}):
            yield _fault(
                key, "EndpointPublicAccess lets everybody at the Kubernetes API: switch it off, or name networks"
            )


def _volumes(context: Context) -> Iterator[Fault]:
    for key in context.resolver.of_type("AWS::EC2::Instance", "AWS::EC2::LaunchTemplate", "AWS::EC2::Volume"):
        if "'Encrypted': False" in str(context.resolver.properties(key)):
            yield _fault(key, "has a volume that is not encrypted")


def _propagation(context: Context) -> Iterator[Fault]:
    for key in context.resolver.of_type("AWS::EC2::TransitGatewayRouteTablePropagation"):
        yield _fault(key, "propagation writes routes, IPv4 among them, that no template says; write static ones")
