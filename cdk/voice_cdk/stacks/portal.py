"""The way to the portal: a load balancer with both families, TLS, and the portal's name."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_route53 as route53
from constructs import Construct

from voice_cdk.config.model import Config
from voice_cdk.config.model import Network as Range
from voice_cdk.stacks.cluster import Cluster
from voice_cdk.stacks.groups import Group, Ports, Rule
from voice_cdk.stacks.network import Network
from voice_cdk.stacks.routing import Family, Prefix

PODS = Ports.tcp(8080)
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


class Portal(cdk.Stack):
    """The way to the portal. Its pods are put into `targets` by the cluster (TargetGroupBinding).

    Attributes:
        targets: the ARN of the target group.
    """

    def __init__(self, scope: Construct, name: str, *, config: Config, network: Network, cluster: Cluster) -> None:
        super().__init__(scope, name, description="The way to the portal")
        group = self._group(config, network, cluster)
        balancer = elb.CfnLoadBalancer(
            self,
            "Balancer",
            scheme="internet-facing",
            ip_address_type="dualstack",
            subnets=[edge.identity for edge in network.shared.edges],
            security_groups=[group.identity],
            load_balancer_attributes=[
                elb.CfnLoadBalancer.LoadBalancerAttributeProperty(key=key, value=value)
                for key, value in _ATTRIBUTES.items()
            ],
        )
        targets = elb.CfnTargetGroup(
            self,
            "Pods",
            vpc_id=network.shared.identity,
            target_type="ip",
            ip_address_type="ipv6",
            protocol="HTTP",
            port=PODS.first,
            health_check_path="/healthz",
        )
        self.targets = targets.ref
        self._listen(config, balancer, targets)
        for record in ("A", "AAAA"):
            self._name(config, balancer, record)

    def _group(self, config: Config, network: Network, cluster: Cluster) -> Group:
        ports = {"HTTPS": Ports.tcp(443), "HTTP, sent on to HTTPS": Ports.tcp(80)}
        group = Group(
            self,
            "Access",
            vpc=network.shared.identity,
            purpose="Load balancer of the portal",
            inbound=[
                Rule(purpose=purpose, peer=_prefix(allowed), ports=each)
                for allowed in config.portal.allowed
                for purpose, each in ports.items()
            ],
        )
        group.let_out_group(self, "ToPods", purpose="portal", group=cluster.group, ports=PODS)
        cluster.let_in(self, "FromBalancer", purpose="portal, from its load balancer", group=group, ports=PODS)
        return group

    def _listen(self, config: Config, balancer: elb.CfnLoadBalancer, targets: elb.CfnTargetGroup) -> None:
        elb.CfnListener(
            self,
            "Https",
            load_balancer_arn=balancer.ref,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificates=[elb.CfnListener.CertificateProperty(certificate_arn=config.portal.certificate)],
            default_actions=[elb.CfnListener.ActionProperty(type="forward", target_group_arn=targets.ref)],
        )
        elsewhere = elb.CfnListener.RedirectConfigProperty(status_code="HTTP_301", protocol="HTTPS", port="443")
        elb.CfnListener(
            self,
            "Http",
            load_balancer_arn=balancer.ref,
            port=80,
            protocol="HTTP",
            default_actions=[elb.CfnListener.ActionProperty(type="redirect", redirect_config=elsewhere)],
        )

    def _name(self, config: Config, balancer: elb.CfnLoadBalancer, record: str) -> None:
        route53.CfnRecordSet(
            self,
            f"Name{record}",
            hosted_zone_id=config.portal.zone_id,
            name=config.portal.domain,
            type=record,
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=balancer.attr_dns_name, hosted_zone_id=balancer.attr_canonical_hosted_zone_id
            ),
        )


_ATTRIBUTES = {
    "deletion_protection.enabled": "true",
    "routing.http.drop_invalid_header_fields.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
}


def _prefix(allowed: Range) -> Prefix:
    return Prefix(cidr=str(allowed), family=Family.IPV4 if allowed.version == 4 else Family.IPV6)
