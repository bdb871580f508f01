"""The platform as it should be, written by hand: two zones, a client with a tunnel, one with a trunk.

The judge finds nothing in it, so that whatever it finds after a change is found because of the change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.unit.cdk.judge.builder import NOBODY, Builder, block6, get, host6, ref, rule, subnet6

ZONES = ("a", "b")
NAT64 = "64:ff9b::a14:0/112"
ALL_NAT64 = "64:ff9b::/96"
SITE = {"acme": "2001:db8:c11e::/48", "globex": "2001:db8:9b0::/48"}
GATEWAY = "198.51.100.7/32"
SIP_PORTS = ("udp/5060", "udp/5062", "udp/20000-29998", "tcp/5060-5061")
IKE = ("udp/500", "udp/4500")
SESSIONS = ("ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel")  # fmt: skip
NETWORK, DATA, TRANSLATION, CLUSTER, SHARED = "Network", "Data", "Nat64", "Cluster", "Shared"


def zone(letter: str) -> str:
    """An availability zone."""
    return f"eu-west-1{letter}"


@dataclass
class Net:
    """One VPC that is being written."""

    build: Builder
    stack: str
    name: str
    ipv4: str
    tables: set[str] = field(default_factory=set)

    def begin(self) -> Net:
        """The VPC, with a block of each family, a flow log, and a closed default group."""
        add = self.build.add
        add(self.stack, self.name, "EC2::VPC", CidrBlock=f"{self.ipv4}.0.0/16", EnableDnsHostnames=True)
        add(self.stack, f"{self.name}Six", "EC2::VPCCidrBlock", VpcId=ref(self.name), AmazonProvidedIpv6CidrBlock=True)
        add(self.stack, f"{self.name}Log", "EC2::FlowLog", ResourceId=ref(self.name), ResourceType="VPC",
            TrafficType="ALL", LogDestination="arn:aws:s3:::logs", LogDestinationType="s3")  # fmt: skip
        add(self.stack, f"{self.name}Default", "SSM::Association", Name="CloseDefaultGroup",
            Parameters={"GroupId": [get(self.name, "DefaultSecurityGroup")]})  # fmt: skip
        return self

    def subnet(self, name: str, number: int, letter: str, families: str, *, dns64: bool = False) -> str:
        """A subnet of `4`, `6` or both families, called after its VPC, itself and its zone."""
        full = f"{self.name}{name}{letter.upper()}"
        properties: dict[str, Any] = {"VpcId": ref(self.name), "AvailabilityZone": zone(letter)}
        if "4" in families:
            properties |= {"CidrBlock": f"{self.ipv4}.{number}.0/24"}
        else:
            properties |= {"Ipv6Native": True}
        if "6" in families:
            properties |= {"Ipv6CidrBlock": subnet6(self.name, number), "AssignIpv6AddressOnCreation": True}
        if dns64:
            properties |= {"EnableDns64": True}
        after = [f"{self.name}Six"] if "6" in families else None
        return self.build.add(self.stack, full, "EC2::Subnet", after=after, **properties)

    def table(self, subnet: str) -> str:
        """A subnet's route table, made when it is first asked for."""
        name = f"{subnet}Table"
        if name not in self.tables:
            self.tables.add(name)
            self.build.add(self.stack, name, "EC2::RouteTable", VpcId=ref(self.name))
            self.build.add(self.stack, f"{subnet}In", "EC2::SubnetRouteTableAssociation", SubnetId=ref(subnet),
                           RouteTableId=ref(name))  # fmt: skip
        return name

    def route(self, subnet: str, name: str, to: Any, after: list[str] | None = None, **target: Any) -> None:
        """A route of a subnet's table."""
        family = "DestinationCidrBlock" if isinstance(to, str) and ":" not in to else "DestinationIpv6CidrBlock"
        self.build.add(self.stack, f"{subnet}To{name}", "EC2::Route", after=after, RouteTableId=ref(self.table(subnet)),
                       **{family: to}, **target)  # fmt: skip

    def internet(self) -> None:
        """An internet gateway."""
        self.build.add(self.stack, f"{self.name}Igw", "EC2::InternetGateway")
        self.build.add(self.stack, f"{self.name}IgwIn", "EC2::VPCGatewayAttachment", VpcId=ref(self.name),
                       InternetGatewayId=ref(f"{self.name}Igw"))  # fmt: skip

    def egress(self) -> None:
        """An egress-only internet gateway."""
        self.build.add(self.stack, f"{self.name}Eigw", "EC2::EgressOnlyInternetGateway", VpcId=ref(self.name))

    def out(self, subnet: str) -> None:
        """A way out by IPv6."""
        self.route(subnet, "Out", "::/0", EgressOnlyInternetGatewayId=ref(f"{self.name}Eigw"))

    def public(self, subnet: str, *families: str) -> None:
        """Ways in and out by the internet gateway."""
        for number, family in enumerate(families):
            self.route(subnet, f"Igw{number}", family, [f"{self.name}IgwIn"], GatewayId=ref(f"{self.name}Igw"))

    def nat(self, subnet: str) -> str:
        """A NAT gateway."""
        after = [f"{self.name}IgwIn"]
        self.build.add(self.stack, f"{subnet}Eip", "EC2::EIP", after=after, Domain="vpc")
        return self.build.add(self.stack, f"{subnet}Nat", "EC2::NatGateway", after=after, SubnetId=ref(subnet),
                              AllocationId=get(f"{subnet}Eip", "AllocationId"))  # fmt: skip

    def attach(self, letters: str, table: str) -> None:
        """Attach the VPC to the transit gateway, with a table of it."""
        subnets = [self.subnet("Tgw", 240 + ord(letter) - 97, letter, "46") for letter in letters]
        options = {"Ipv6Support": "enable", "DnsSupport": "enable", "ApplianceModeSupport": "disable"}
        self.build.add(self.stack, f"{self.name}Att", "EC2::TransitGatewayAttachment", TransitGatewayId=ref("Tgw"),
                       VpcId=ref(self.name), SubnetIds=[ref(one) for one in subnets], Options=options)  # fmt: skip
        self.build.add(self.stack, f"{self.name}AttIn", "EC2::TransitGatewayRouteTableAssociation",
                       TransitGatewayAttachmentId=ref(f"{self.name}Att"),
                       TransitGatewayRouteTableId=ref(table))  # fmt: skip

    def asks(self, subnet: str) -> None:
        """The way to the database, and all other addresses that DNS64 writes."""
        self.route(subnet, "Database", NAT64, [f"{self.name}Att"], TransitGatewayId=ref("Tgw"))

    def answered(self) -> None:
        """Ways back from VPC-B."""
        self.build.add(self.stack, f"{self.name}Back", "EC2::TransitGatewayRoute", after=[f"{self.name}Six"],
                       TransitGatewayRouteTableId=ref("TgwB"), DestinationCidrBlock=block6(self.name),
                       TransitGatewayAttachmentId=ref(f"{self.name}Att"))  # fmt: skip
        for letter in ZONES:
            self.build.add(self.stack, f"{self.name}Back{letter.upper()}", "EC2::Route",
                           after=["BAtt", f"{self.name}Six"], RouteTableId=ref(f"BNat64{letter.upper()}Table"),
                           DestinationIpv6CidrBlock=block6(self.name), TransitGatewayId=ref("Tgw"))  # fmt: skip


def group(build: Builder, stack: str, name: str, vpc: str, ingress: list[Any], egress: list[Any]) -> str:
    """A security group."""
    return build.add(stack, name, "EC2::SecurityGroup", GroupDescription=name, VpcId=ref(vpc),
                     SecurityGroupIngress=ingress, SecurityGroupEgress=egress or [NOBODY])  # fmt: skip


def platform() -> Builder:
    """All of it."""
    build = Builder()
    _transit(build)
    _communications(build)
    _shared(build)
    _database(build)
    _cluster(build)
    _balancer(build)
    _grafana(build)
    _client(build, "acme", "10.30")
    _client(build, "globex", "10.31")
    _translation(build)
    return build


def _transit(build: Builder) -> None:
    build.add(NETWORK, "Tgw", "EC2::TransitGateway", DefaultRouteTableAssociation="disable",
              DefaultRouteTablePropagation="disable", DnsSupport="enable", VpnEcmpSupport="disable")  # fmt: skip
    build.add(NETWORK, "TgwLog", "EC2::FlowLog", ResourceId=ref("Tgw"), ResourceType="TransitGateway",
              MaxAggregationInterval=60, LogDestination="arn:aws:s3:::logs", LogDestinationType="s3")  # fmt: skip
    for table in ("TgwA", "TgwB", "TgwC"):
        build.add(NETWORK, table, "EC2::TransitGatewayRouteTable", TransitGatewayId=ref("Tgw"))


def _communications(build: Builder) -> None:
    net = Net(build, NETWORK, "B", "10.20").begin()
    net.egress()
    net.attach("ab", "TgwB")
    for table in ("TgwA", "TgwC"):
        build.add(NETWORK, f"{table}Nat64", "EC2::TransitGatewayRoute", TransitGatewayRouteTableId=ref(table),
                  DestinationCidrBlock=NAT64, TransitGatewayAttachmentId=ref("BAtt"))  # fmt: skip
    for number, letter in enumerate(ZONES):
        net.subnet("Db", 32 + number, letter, "4")
        net.out(net.subnet("Nat64", 48 + number, letter, "46"))
        net.table(f"BTgw{letter.upper()}")


def _shared(build: Builder) -> None:
    net = Net(build, NETWORK, "A", "10.10").begin()
    net.internet()
    net.egress()
    net.attach("ab", "TgwA")
    for number, letter in enumerate(ZONES):
        edge = net.subnet("Edge", number, letter, "46")
        net.public(edge, "0.0.0.0/0", "::/0")
        nat = net.nat(edge)
        apps = net.subnet("Apps", 16 + number, letter, "46", dns64=True)
        net.route(apps, "Four", "0.0.0.0/0", NatGatewayId=ref(nat))
        _asking(net, apps, nat)
    _asking(net, net.subnet("Hosts", 64, "a", "6", dns64=True), "AEdgeANat")
    net.answered()


def _asking(net: Net, subnet: str, nat: str) -> None:
    net.out(subnet)
    net.asks(subnet)
    net.route(subnet, "Translated", ALL_NAT64, NatGatewayId=ref(nat))


def _database(build: Builder) -> None:
    build.add(DATA, "DbSubnets", "RDS::DBSubnetGroup", SubnetIds=[ref("BDbA"), ref("BDbB")])
    settings = {"require_secure_transport": "ON", "server_audit_logging": "1", "server_audit_events": "CONNECT"}
    build.add(DATA, "DbParameters", "RDS::DBClusterParameterGroup", Family="aurora-mysql8.0", Parameters=settings)
    group(build, DATA, "DbGroup", "B", [], [])
    build.add(DATA, "Db", "RDS::DBCluster", Engine="aurora-mysql", NetworkType="IPV4", Port=3306,
              DBSubnetGroupName=ref("DbSubnets"), DBClusterParameterGroupName=ref("DbParameters"),
              VpcSecurityGroupIds=[get("DbGroup", "GroupId")],
              StorageEncrypted=True, DeletionProtection=True, ManageMasterUserPassword=True, MasterUsername="admin",
              BackupRetentionPeriod=14, CopyTagsToSnapshot=True,
              EngineVersion="8.0.mysql_aurora.3.10.4", DatabaseName="voice",
              EnableCloudwatchLogsExports=["audit", "error"],
              ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 4})  # fmt: skip
    build.stacks[DATA]["Resources"]["Db"] |= {"DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"}
    for name in ("Writer", "Reader"):
        build.add(DATA, name, "RDS::DBInstance", DBClusterIdentifier=ref("Db"), DBInstanceClass="db.serverless",
                  Engine="aurora-mysql", AutoMinorVersionUpgrade=False)  # fmt: skip


def _cluster(build: Builder) -> None:
    apps = [ref("AAppsA"), ref("AAppsB")]
    role = "arn:aws:iam::111111111111:role/eks"
    network = {"SubnetIds": apps, "EndpointPrivateAccess": True, "EndpointPublicAccess": False}
    logs = [{"Type": one} for one in ("api", "audit", "authenticator", "controllerManager", "scheduler")]
    build.add(CLUSTER, "Eks", "EKS::Cluster", RoleArn=role, Version="1.36",
              KubernetesNetworkConfig={"IpFamily": "ipv6"}, ResourcesVpcConfig=network,
              BootstrapSelfManagedAddons=False,
              DeletionProtection=True, Logging={"ClusterLogging": {"EnabledTypes": logs}},
              AccessConfig={"AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": False})  # fmt: skip
    admin = {"PolicyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
             "AccessScope": {"Type": "cluster"}}  # fmt: skip
    build.add(CLUSTER, "Admin", "EKS::AccessEntry", ClusterName=ref("Eks"), AccessPolicies=[admin],
              PrincipalArn="arn:aws:iam::111111111111:role/admin")  # fmt: skip
    for name in ("kube-proxy", "eks-pod-identity-agent"):
        build.add(CLUSTER, name.title().replace("-", ""), "EKS::Addon", AddonName=name, ClusterName=ref("Eks"))
    build.add(CLUSTER, "Cni", "EKS::Addon", after=["EksPodIdentityAgent"], AddonName="vpc-cni", ClusterName=ref("Eks"),
              ConfigurationValues='{"enableNetworkPolicy": "true"}',
              PodIdentityAssociations=[{"ServiceAccount": "aws-node", "RoleArn": role}])  # fmt: skip
    build.add(CLUSTER, "Nodes", "EKS::Nodegroup", after=["Cni", "KubeProxy"], ClusterName=ref("Eks"),
              Subnets=apps, NodeRole=role,
              AmiType="AL2023_x86_64_STANDARD", InstanceTypes=["t3.large"],
              ScalingConfig={"MinSize": 2, "DesiredSize": 2, "MaxSize": 4}, Tags={"platform": "voice"})  # fmt: skip
    build.add(CLUSTER, "Coredns", "EKS::Addon", after=["Nodes"], AddonName="coredns", ClusterName=ref("Eks"))


def _balancer(build: Builder) -> None:
    everybody = ({"CidrIp": "0.0.0.0/0"}, {"CidrIpv6": "::/0"})
    pods = get("Eks", "ClusterSecurityGroupId")
    ingress = [rule(port, **peer) for port in ("tcp/443", "tcp/80") for peer in everybody]
    group(build, CLUSTER, "AlbGroup", "A", ingress, [rule("tcp/8080", DestinationSecurityGroupId=pods)])
    build.add(CLUSTER, "FromAlb", "EC2::SecurityGroupIngress", GroupId=pods,
              **rule("tcp/8080", SourceSecurityGroupId=get("AlbGroup", "GroupId")))  # fmt: skip
    build.add(CLUSTER, "Alb", "ElasticLoadBalancingV2::LoadBalancer", Scheme="internet-facing",
              IpAddressType="dualstack", Subnets=[ref("AEdgeA"), ref("AEdgeB")],
              SecurityGroups=[get("AlbGroup", "GroupId")], LoadBalancerAttributes=[
                  {"Key": "deletion_protection.enabled", "Value": "true"},
                  {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"}])  # fmt: skip
    build.add(CLUSTER, "Targets", "ElasticLoadBalancingV2::TargetGroup", Port=8080, Protocol="HTTP", TargetType="ip",
              IpAddressType="ipv6", VpcId=ref("A"), HealthCheckPath="/healthz")  # fmt: skip
    build.add(CLUSTER, "Https", "ElasticLoadBalancingV2::Listener", LoadBalancerArn=ref("Alb"), Port=443,
              Protocol="HTTPS", SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
              Certificates=[{"CertificateArn": "arn:aws:acm:eu-west-1:111111111111:certificate/1"}],
              DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}])  # fmt: skip
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    build.add(CLUSTER, "Http", "ElasticLoadBalancingV2::Listener", LoadBalancerArn=ref("Alb"), Port=80, Protocol="HTTP",
              DefaultActions=[{"Type": "redirect", "RedirectConfig": redirect}])  # fmt: skip


def _instance(build: Builder, stack: str, name: str, subnet: str, address: Any, after: list[str] | None = None) -> None:
    build.add(stack, name, "EC2::Instance", SubnetId=ref(subnet), SecurityGroupIds=[get(f"{name}Group", "GroupId")],
              Ipv6Addresses=[{"Ipv6Address": address}], UserData={"Fn::Base64": f"#!/bin/sh\n: {name}\n"},
              MetadataOptions={"HttpTokens": "required", "HttpProtocolIpv6": "enabled"}, after=after)  # fmt: skip


def _grafana(build: Builder) -> None:
    ingress = [rule("tcp/3000", SourceSecurityGroupId=get("Eks", "ClusterSecurityGroupId"))]
    egress = [rule("tcp/3306", CidrIpv6=NAT64), rule("tcp/443", CidrIpv6="::/0")]
    group(build, SHARED, "GrafanaGroup", "A", ingress, egress)
    _instance(build, SHARED, "Grafana", "AHostsA", host6("A", 64, "13"))


def _client(build: Builder, client: str, ipv4: str) -> None:
    stack = client.capitalize()
    net = Net(build, stack, stack, ipv4).begin()
    tunnel = client == "acme"
    net.internet()
    net.attach("a", "TgwC")
    edge = net.subnet("Edge", 0, "a", "46")
    net.public(edge, "0.0.0.0/0")
    nat = net.nat(edge)
    hosts = net.subnet("Hosts", 64, "a", "6", dns64=True)
    net.asks(hosts)
    net.route(hosts, "Translated", ALL_NAT64, NatGatewayId=ref(nat))
    net.answered()
    if tunnel:
        net.egress()
        net.out(edge)
        net.out(hosts)
    else:
        net.public(hosts, "::/0")
    site = {"CidrIpv6": SITE[client]}
    own = [rule("tcp/3306", CidrIpv6=NAT64), rule("tcp/443", CidrIpv6="::/0")]
    group(build, stack, f"{stack}SipGroup", stack, [rule(ports, **site) for ports in SIP_PORTS],
          [*(rule(ports, **site) for ports in SIP_PORTS), *own])  # fmt: skip
    out = f"{hosts}ToOut" if tunnel else f"{hosts}ToIgw0"
    _instance(build, stack, f"{stack}Sip", hosts, host6(stack, 64, "12"), after=[f"{hosts}In", out])
    if tunnel:
        _strongswan(build, net, hosts)


def _strongswan(build: Builder, net: Net, hosts: str) -> None:
    stack = net.stack
    sip = get(f"{stack}SipGroup", "GroupId")
    gateway = {"CidrIp": GATEWAY}
    ingress = [rule(ports, **gateway) for ports in IKE] + [
        rule(ports, SourceSecurityGroupId=sip) for ports in SIP_PORTS
    ]
    egress = [rule(ports, **gateway) for ports in IKE]
    egress += [rule(ports, DestinationSecurityGroupId=sip) for ports in SIP_PORTS] + [rule("tcp/443", CidrIpv6="::/0")]
    group(build, stack, "SwanGroup", stack, ingress, egress)
    build.add(stack, "SwanEni", "EC2::NetworkInterface", SubnetId=ref(f"{stack}EdgeA"), SourceDestCheck=False,
              GroupSet=[get("SwanGroup", "GroupId")], PrivateIpAddress="10.30.0.11",
              Ipv6Addresses=[{"Ipv6Address": host6(stack, 0, "11")}], EnablePrimaryIpv6=True)  # fmt: skip
    ways = [f"{stack}EdgeAIn", f"{stack}EdgeAToOut", f"{stack}EdgeAToIgw0"]
    build.add(stack, "Swan", "EC2::Instance", after=ways, UserData={"Fn::Base64": "#!/bin/sh\nswanctl --load-all\n"},
              NetworkInterfaces=[{"NetworkInterfaceId": ref("SwanEni"), "DeviceIndex": "0"}],
              MetadataOptions={"HttpTokens": "required", "HttpProtocolIpv6": "enabled"})  # fmt: skip
    build.add(stack, "SwanEip", "EC2::EIP", after=[f"{stack}IgwIn"], Domain="vpc")
    build.add(stack, "SwanEipIn", "EC2::EIPAssociation", after=[f"{stack}IgwIn"],
              AllocationId=get("SwanEip", "AllocationId"), NetworkInterfaceId=ref("SwanEni"))  # fmt: skip
    net.route(hosts, "Site", SITE["acme"], NetworkInterfaceId=ref("SwanEni"))


def _translation(build: Builder) -> None:
    askers = ("A", "Acme", "Globex")
    group(build, TRANSLATION, "Nat64Group", "B", [rule("tcp/3306", CidrIpv6=block6(vpc)) for vpc in askers],
          [rule("tcp/3306", DestinationSecurityGroupId=get("DbGroup", "GroupId")),
           rule("tcp/443", CidrIpv6="::/0")])  # fmt: skip
    build.add(TRANSLATION, "ToDb", "EC2::SecurityGroupIngress", GroupId=get("DbGroup", "GroupId"),
              **rule("tcp/3306", SourceSecurityGroupId=get("Nat64Group", "GroupId")))  # fmt: skip
    group(build, TRANSLATION, "OwnGroup", "B", [], [rule("tcp/443", CidrIpv6="::/0")])
    for number, letter in enumerate(ZONES):
        _translator(build, letter.upper(), number)


def _translator(build: Builder, letter: str, number: int) -> None:
    tables = [{"Fn::Sub": ["arn:aws:ec2:*:*:route-table/${T}", {"T": ref(f"BTgw{one}Table")}]} for one in "AB"]
    eni = build.add(TRANSLATION, f"Eni{letter}", "EC2::NetworkInterface", SubnetId=ref(f"BNat64{letter}"),
                    SourceDestCheck=False, GroupSet=[get("Nat64Group", "GroupId")],
                    PrivateIpAddress=f"10.20.{48 + number}.10",
                    Ipv6Addresses=[{"Ipv6Address": host6("B", 48 + number, "10")}], EnablePrimaryIpv6=True,
                    Tags=[{"Key": "host", "Value": letter}])  # fmt: skip
    build.add(TRANSLATION, f"Prefix{letter}", "EC2::Route", RouteTableId=ref(f"BTgw{letter}Table"),
              DestinationIpv6CidrBlock=NAT64, NetworkInterfaceId=ref(eni))  # fmt: skip
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    role = build.add(TRANSLATION, f"Role{letter}", "IAM::Role", AssumeRolePolicyDocument={"Statement": [trust]})
    carried = ["arn:aws:ec2:*:*:instance/*", {"Fn::Sub": ["arn:aws:ec2:*:*:network-interface/${E}", {"E": ref(eni)}]}]
    tagged = {"StringEquals": {"aws:ResourceTag/host": letter}}
    build.add(TRANSLATION, f"Policy{letter}", "IAM::Policy", PolicyName=letter, Roles=[ref(role)], PolicyDocument={
        "Statement": [{"Effect": "Allow", "Action": "ec2:ReplaceRoute", "Resource": tables},
                      {"Effect": "Allow", "Action": list(SESSIONS), "Resource": "*"},
                      {"Effect": "Allow", "Action": "ec2:AttachNetworkInterface", "Resource": carried,
                       "Condition": tagged}]})  # fmt: skip
    profile = build.add(TRANSLATION, f"Profile{letter}", "IAM::InstanceProfile", Roles=[ref(role)])
    data = {"Fn::Base64": {"Fn::Join": ["", ["#!/bin/sh\nattach ", ref(eni)]]}}
    template = build.add(TRANSLATION, f"Lt{letter}", "EC2::LaunchTemplate", LaunchTemplateData={
        "IamInstanceProfile": {"Arn": get(profile, "Arn")}, "SecurityGroupIds": [get("OwnGroup", "GroupId")],
        "MetadataOptions": {"HttpTokens": "required", "HttpProtocolIpv6": "enabled"}, "UserData": data,
        "ImageId": "ami-1", "InstanceType": "t3.micro",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True}}],
        })  # fmt: skip
    version = {"LaunchTemplateId": ref(template), "Version": get(template, "LatestVersionNumber")}
    build.add(TRANSLATION, f"Asg{letter}", "AutoScaling::AutoScalingGroup", after=[f"Policy{letter}"], MinSize="1",
              MaxSize="1", LaunchTemplate=version, VPCZoneIdentifier=[ref(f"BNat64{letter}")],
              Tags=[{"Key": "host", "Value": letter, "PropagateAtLaunch": True}])  # fmt: skip
