"""The way to the portal: a load balancer with both families, TLS, and the portal's name."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Config
from voice_cdk.config.model import Network as Range
from voice_cdk.kubernetes.naming import BALANCER_CONTROLLER, PORTAL_PORT, TARGETS, balancer_prefix
from voice_cdk.stacks.accesslogs import AccessLogs
from voice_cdk.stacks.alarms import Alarms, Metric, Silence, add_alarm, too_little, too_much
from voice_cdk.stacks.cluster import Cluster, pod_role
from voice_cdk.stacks.groups import Group, Ports, Rule, let_group_in, let_group_out
from voice_cdk.stacks.network import Network
from voice_cdk.stacks.routing import Family, Prefix

PODS = Ports.tcp(PORTAL_PORT)
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


class Portal(cdk.Stack):
    """The way to the portal. Its pods are put into the target group by the cluster (TargetGroupBinding)."""

    def __init__(
        self, scope: Construct, name: str, *, config: Config, network: Network, cluster: Cluster, alarms: Alarms
    ) -> None:
        super().__init__(scope, name, description="The way to the portal")
        balancer = self._balancer(network, self._group(config, network, cluster))
        targets = self._pods(network, cluster)
        self._listen(config, balancer, targets)
        for record in ("A", "AAAA"):
            self._name(config, balancer, record)
        self._watch(balancer, targets, alarms)

    def _balancer(self, network: Network, group: Group) -> elb.CfnLoadBalancer:
        logs = AccessLogs(self, "AccessLogs")
        attributes = {**_ATTRIBUTES, "access_logs.s3.enabled": "true", "access_logs.s3.bucket": logs.bucket}
        balancer = elb.CfnLoadBalancer(
            self,
            "Balancer",
            scheme="internet-facing",
            ip_address_type="dualstack",
            subnets=[edge.identity for edge in network.shared.edges],
            security_groups=[group.identity],
            load_balancer_attributes=[
                elb.CfnLoadBalancer.LoadBalancerAttributeProperty(key=key, value=value)
                for key, value in attributes.items()
            ],
        )
        balancer.add_resource_dependency(logs.policy)
        for edge in network.shared.edges:
            if edge.ipv6 is not None:  # its address, as pods see it, is of one of these
                cdk.CfnOutput(self, balancer_prefix(plan.letter(edge.zone)).name, value=edge.ipv6.cidr)
        return balancer

    def _pods(self, network: Network, cluster: Cluster) -> elb.CfnTargetGroup:
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
        cdk.CfnOutput(self, TARGETS.name, value=targets.ref, description="What the portal's pods are put into")
        role = pod_role(self, "ControllerRole")
        role.add_to_policy(iam.PolicyStatement(actions=_LOOKS, resources=["*"]))  # what only reads knows no resources
        role.add_to_policy(iam.PolicyStatement(actions=_PUTS_IN, resources=[targets.ref]))
        cluster.identify(self, "Controller", BALANCER_CONTROLLER, role)
        return targets

    def _watch(self, balancer: elb.CfnLoadBalancer, targets: elb.CfnTargetGroup, alarms: Alarms) -> None:
        own = {"LoadBalancer": balancer.attr_load_balancer_full_name}
        pods = {**own, "TargetGroup": targets.attr_target_group_full_name}
        for (name, statistic), trouble in _TROUBLES.items():
            dimensions = own if "_ELB_" in name else pods
            metric = Metric(namespace="AWS/ApplicationELB", name=name, dimensions=dimensions, statistic=statistic)
            add_alarm(self, alarms, metric, trouble)

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
        own, pods = group.identity, cluster.group
        let_group_out(self, "ToPods", purpose="portal", out_of=own, group=pods, ports=PODS)
        let_group_in(self, "FromBalancer", purpose="portal, from its load balancer", into=pods, group=own, ports=PODS)
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

_LOOKS = [
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
]
_PUTS_IN = ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
"""All that the AWS Load Balancer Controller needs for TargetGroupBindings: it makes no load balancer here."""

_TROUBLES = {
    ("HTTPCode_ELB_5XX_Count", "Sum"): too_much("The load balancer refuses requests", 5, Silence.RIGHT),
    ("HTTPCode_Target_5XX_Count", "Sum"): too_much("The portal fails", 5, Silence.RIGHT),
    ("UnHealthyHostCount", "Maximum"): too_much("A pod of the portal does not answer /healthz", 0, Silence.RIGHT),
    ("HealthyHostCount", "Minimum"): too_little("Nobody reaches the portal: no pod of it answers", 1),
}
"""By metric and what is made of a minute of it."""


def _prefix(allowed: Range) -> Prefix:
    return Prefix(cidr=str(allowed), family=Family.IPV4 if allowed.version == 4 else Family.IPV6)
