"""The cluster: EKS with IPv6, its nodes and its add-ons, in the order in which they need each other.

By CloudFormation's own types. AWS CDK's `aws_eks_v2.Cluster` would add a security group that lets out IPv4 alone, and
functions that run kubectl in VPC-A, which reach AWS by IPv4 alone; what belongs into the cluster is in
`voice_cdk.kubernetes`.
"""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_eks as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from voice_cdk.config.model import Config
from voice_cdk.config.values.machines import Architecture, architecture
from voice_cdk.kubernetes.naming import IMAGES, REGISTRY, SECRETS, ServiceAccount
from voice_cdk.stacks import coredns
from voice_cdk.stacks.data import IN_CLUSTER, Data
from voice_cdk.stacks.grafana import WEB, Grafana
from voice_cdk.stacks.groups import let_group_in
from voice_cdk.stacks.machine import root_disk
from voice_cdk.stacks.network import Network
from voice_cdk.stacks.secrets import let_read
from voice_cdk.stacks.waiting import await_rights

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
MACHINE_IMAGES = {Architecture.X86_64: "AL2023_x86_64_STANDARD", Architecture.ARM64: "AL2023_ARM_64_STANDARD"}
AFTER_NODES = {
    "metrics-server": None,
    # Brings secrets of Secrets Manager to pods, as Secrets too, and again when they change.
    "aws-secrets-store-csi-driver-provider": json.dumps(
        {"secrets-store-csi-driver": {"syncSecret": {"enabled": True}, "enableSecretRotation": True}}
    ),
}
"""Add-ons whose pods need nodes, with their settings."""
DISK_GB = 50
READ_AND_COMPARE = ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret")
"""What the provider of the Secrets Store CSI driver does, to see whether a secret has changed."""


class Cluster(cdk.Stack):
    """The cluster.

    Attributes:
        group: the security group that EKS makes, in which nodes and pods are: who is in it may talk to all others in
            it, and to everybody.
    """

    def __init__(
        self, scope: Construct, name: str, *, config: Config, network: Network, data: Data, grafana: Grafana
    ) -> None:
        super().__init__(scope, name, description="EKS", termination_protection=True)
        self._config, self._network = config, network
        self._cluster = self._make_cluster()
        self.group = self._cluster.attr_cluster_security_group_id
        self._let_in_administrators()
        nodes = self._nodes()
        cni = self._vpc_cni()
        cni.add_resource_dependency(self._addon("eks-pod-identity-agent"))  # which gives it its role
        for addon in (cni, self._addon("kube-proxy")):
            nodes.add_resource_dependency(addon)
        for each, settings in AFTER_NODES.items():
            self._addon(each, settings=settings).add_resource_dependency(nodes)
        self._names().add_resource_dependency(nodes)
        self._bring_secrets(data, grafana)
        let_group_in(
            self, "ToGrafana", purpose="Grafana, from pods", into=grafana.group.identity, group=self.group, ports=WEB
        )
        self._keep_images(config.name)

    def identify(self, scope: Construct, name: str, account: ServiceAccount, role: iam.Role) -> None:
        """Let pods of a service account have the rights that `role` has by now (EKS Pod Identity)."""
        association = eks.CfnPodIdentityAssociation(
            scope,
            name,
            cluster_name=self._cluster.ref,
            namespace=account.namespace,
            service_account=account.name,
            role_arn=role.role_arn,
        )
        await_rights(association, role)

    def _make_cluster(self) -> eks.CfnCluster:
        config = self._config
        key = kms.Key(self, "Key", description="Secrets of the cluster", enable_key_rotation=True)
        role = _role(self, "ClusterRole", iam.ServicePrincipal("eks.amazonaws.com"), "AmazonEKSClusterPolicy")
        allowed = [str(each) for each in config.cluster.allowed]
        cluster = eks.CfnCluster(
            self,
            "Cluster",
            name=config.name,
            version=config.cluster.version,
            role_arn=role.role_arn,
            bootstrap_self_managed_addons=False,
            deletion_protection=True,
            access_config=eks.CfnCluster.AccessConfigProperty(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            kubernetes_network_config=eks.CfnCluster.KubernetesNetworkConfigProperty(ip_family="ipv6"),
            resources_vpc_config=eks.CfnCluster.ResourcesVpcConfigProperty(
                subnet_ids=[subnet.identity for subnet in self._network.shared.apps],
                endpoint_private_access=True,
                endpoint_public_access=bool(allowed),
                public_access_cidrs=allowed or None,
            ),
            encryption_config=[
                eks.CfnCluster.EncryptionConfigProperty(
                    provider=eks.CfnCluster.ProviderProperty(key_arn=key.key_arn), resources=["secrets"]
                )
            ],
            logging=eks.CfnCluster.LoggingProperty(
                cluster_logging=eks.CfnCluster.ClusterLoggingProperty(
                    enabled_types=[eks.CfnCluster.LoggingTypeConfigProperty(type=each) for each in LOGS]
                )
            ),
        )
        cluster.node.add_dependency(self._log_group())
        return cluster

    def _keep_images(self, platform: str) -> None:
        """A repository for each of our images, below the platform's name: the chart's registry ends with that."""
        images = Construct(self, "Images")
        for image in IMAGES:
            ecr.Repository(
                images,
                image,
                repository_name=f"{platform}/{image}",
                image_scan_on_push=True,
                image_tag_mutability=ecr.TagMutability.IMMUTABLE,
                removal_policy=cdk.RemovalPolicy.RETAIN,
            )
        registry = f"{self.account}.dkr.ecr.{self.region}.{self.url_suffix}/{platform}"
        cdk.CfnOutput(self, REGISTRY.name, value=registry, description="Where our own images are pushed to")

    def _bring_secrets(self, data: Data, grafana: Grafana) -> None:
        """Passwords of what runs here: the operator's, the portal's, and Grafana's administrator's."""
        role = pod_role(self, "SecretsRole")
        let_read(role, [data.secrets[each].secret_arn for each in IN_CLUSTER], data.key, READ_AND_COMPARE)
        let_read(role, [grafana.administrator], grafana.key, READ_AND_COMPARE)
        self.identify(self, "Secrets", SECRETS, role)

    def _log_group(self) -> logs.LogGroup:
        """EKS would make it by itself, and keep it for ever."""
        return logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/eks/{self._config.name}/cluster",
            encryption_key=self._network.logs_key,
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    def _let_in_administrators(self) -> None:
        """Whoever may assume this role: EKS lets in nobody else, not even who made the cluster."""
        role = iam.Role(self, "Administrators", assumed_by=iam.AccountRootPrincipal())
        eks.CfnAccessEntry(
            self,
            "AdministratorsAccess",
            cluster_name=self._cluster.ref,
            principal_arn=role.role_arn,
            access_policies=[
                eks.CfnAccessEntry.AccessPolicyProperty(
                    policy_arn=f"arn:{self.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                    access_scope=eks.CfnAccessEntry.AccessScopeProperty(type="cluster"),
                )
            ],
        )
        cdk.CfnOutput(self, "AdministratorsRole", value=role.role_arn, description="For aws eks update-kubeconfig")

    def _nodes(self) -> eks.CfnNodegroup:
        config = self._config.cluster
        role = _role(
            self,
            "NodeRole",
            iam.ServicePrincipal("ec2.amazonaws.com"),
            "AmazonEKSWorkerNodePolicy",
            "AmazonEC2ContainerRegistryPullOnly",
        )
        data = ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
            # One hop: a pod that asks for the node's credentials gets no answer.
            metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[root_disk(DISK_GB)],
        )
        template = ec2.CfnLaunchTemplate(self, "NodeTemplate", launch_template_data=data)
        return eks.CfnNodegroup(
            self,
            "Nodes",
            cluster_name=self._cluster.ref,
            node_role=role.role_arn,
            ami_type=MACHINE_IMAGES[architecture(config.node_type)],
            instance_types=[config.node_type],
            subnets=[subnet.identity for subnet in self._network.shared.apps],
            scaling_config=eks.CfnNodegroup.ScalingConfigProperty(
                min_size=config.min_nodes, max_size=config.max_nodes, desired_size=config.min_nodes
            ),
            launch_template=eks.CfnNodegroup.LaunchTemplateSpecificationProperty(
                id=template.ref, version=template.attr_latest_version_number
            ),
        )

    def _vpc_cni(self) -> eks.CfnAddon:
        """It gives pods their addresses; for IPv6 AWS writes a policy down, but has none of its own."""
        role = pod_role(self, "VpcCniRole")
        role.add_to_policy(iam.PolicyStatement(actions=_CNI_LOOKS, resources=["*"]))  # which knows no resources
        vpc = self.format_arn(service="ec2", resource="vpc", resource_name=self._network.shared.identity)
        of_vpc = {"ArnEquals": {"ec2:Vpc": vpc}}
        for kind, actions in _CNI_CHANGES.items():
            all_of_kind = self.format_arn(service="ec2", resource=kind, resource_name="*")
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[all_of_kind], conditions=of_vpc))
        association = eks.CfnAddon.PodIdentityAssociationProperty(role_arn=role.role_arn, service_account="aws-node")
        addon = self._addon("vpc-cni", identities=[association], settings='{"enableNetworkPolicy":"true"}')
        await_rights(addon, role)
        return addon

    def _names(self) -> eks.CfnAddon:
        prefix = self._network.communications.own_prefix
        settings = None if prefix is None else coredns.settings(region=self._config.region, prefix=prefix)
        return self._addon("coredns", settings=settings)

    def _addon(
        self,
        name: str,
        *,
        identities: list[eks.CfnAddon.PodIdentityAssociationProperty] | None = None,
        settings: str | None = None,
    ) -> eks.CfnAddon:
        return eks.CfnAddon(
            self,
            "".join(word.capitalize() for word in name.split("-")),
            addon_name=name,
            cluster_name=self._cluster.ref,
            pod_identity_associations=identities,
            configuration_values=settings,
        )


_CNI_LOOKS = [
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
]
_CNI_CHANGES = {
    "network-interface": ["ec2:AssignIpv6Addresses", "ec2:CreateTags", "ec2:ModifyNetworkInterfaceAttribute"],
    "security-group": ["ec2:ModifyNetworkInterfaceAttribute"],
}
"""By what it changes, or puts an interface into. All as the plugin's own documentation has it for IPv6."""


def pod_role(scope: Construct, name: str) -> iam.Role:
    """A role that EKS Pod Identity gives to pods; it has no rights yet."""
    return iam.Role(scope, name, assumed_by=iam.ServicePrincipal("pods.eks.amazonaws.com").with_session_tags())


def _role(scope: Construct, name: str, service: iam.IPrincipal, *policies: str) -> iam.Role:
    managed = [iam.ManagedPolicy.from_aws_managed_policy_name(each) for each in policies]
    return iam.Role(scope, name, assumed_by=service, managed_policies=managed)
