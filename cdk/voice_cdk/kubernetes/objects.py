"""Objects of the cluster that belong to the platform, not to the chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cdk8s
from cdk8s_plus_35 import k8s
from constructs import Construct

from voice_cdk.config.model import Config
from voice_cdk.kubernetes.bringing import Brought, class_of, pod_spec
from voice_cdk.kubernetes.naming import (
    GRAFANA_SECRET,
    NAMESPACE,
    OPERATOR_SECRET,
    OWNER_SECRET,
    PORTAL_PORT,
    PORTAL_SECRET,
    SECRETS,
    TARGETS,
)

PORTAL = "voice-quality-portal"
"""Of the chart: the portal's Service, and the name that its pods bear."""
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/audit": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}
"""Pods without any privilege are admitted, and no others (Kubernetes, "Pod Security Standards")."""
READY_WHEN_BALANCED = {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}
"""A new pod is ready once the load balancer finds it healthy, so that a roll-out leaves nobody without one."""
BROUGHT = (
    Brought(into="voice-mysql", key="owner", source=OWNER_SECRET, path="password"),
    Brought(into="voice-mysql", key="operator", source=OPERATOR_SECRET, path="password"),
    Brought(into="voice-mysql", key="portal", source=PORTAL_SECRET, path="password"),
    Brought(into="voice-grafana", key="user", source=GRAFANA_SECRET, path="username"),
    Brought(into="voice-grafana", key="password", source=GRAFANA_SECRET, path="password"),
)
"""The Secrets that the chart names by default."""


class PlatformObjects(cdk8s.Chart):
    """Namespaces, who may talk to pods in them, and what brings passwords. It needs the cluster's add-ons alone."""

    def __init__(self, scope: Construct, name: str, *, config: Config) -> None:
        super().__init__(scope, name)
        self._namespace(NAMESPACE, READY_WHEN_BALANCED)
        self._policy("nobody", NAMESPACE, selected={}, kinds=["Ingress"])
        # Who may reach the load balancer is its security group's to say, and that of nodes lets in nobody else.
        door = k8s.NetworkPolicyPort(port=k8s.IntOrString.from_number(PORTAL_PORT), protocol="TCP")
        portal = {"app.kubernetes.io/name": PORTAL}
        self._policy("portal", NAMESPACE, selected=portal, kinds=["Ingress"], ports=[door])
        for client in config.clients:
            self._namespace(client.name, {})
            self._policy("nobody", client.name, selected={}, kinds=["Ingress", "Egress"])  # no pod belongs there
        self._bring_passwords(config)

    def _namespace(self, name: str, labels: Mapping[str, str]) -> None:
        metadata = k8s.ObjectMeta(name=name, labels={**RESTRICTED, **labels})
        k8s.KubeNamespace(self, f"namespace-{name}", metadata=metadata)

    def _policy(
        self,
        name: str,
        namespace: str,
        *,
        selected: Mapping[str, str],
        kinds: list[str],
        ports: list[k8s.NetworkPolicyPort] | None = None,
    ) -> None:
        """Let pods be talked to at `ports`; without any, not at all."""
        k8s.KubeNetworkPolicy(
            self,
            f"policy-{namespace}-{name}",
            metadata=k8s.ObjectMeta(name=name, namespace=namespace),
            spec=k8s.NetworkPolicySpec(
                pod_selector=k8s.LabelSelector(match_labels=dict(selected)),
                policy_types=kinds,
                ingress=None if ports is None else [k8s.NetworkPolicyIngressRule(ports=ports)],
            ),
        )

    def _bring_passwords(self, config: Config) -> None:
        """Secrets are made when a pod mounts them, and follow what is in Secrets Manager as long as it does."""
        metadata = k8s.ObjectMeta(name=SECRETS.name, namespace=SECRETS.namespace)
        k8s.KubeServiceAccount(self, "secrets-account", metadata=metadata, automount_service_account_token=False)
        _custom(self, "secrets-class", class_of(config, SECRETS, BROUGHT))
        labels = {"app.kubernetes.io/name": SECRETS.name}
        k8s.KubeDeployment(
            self,
            "secrets",
            metadata=metadata,
            spec=k8s.DeploymentSpec(
                replicas=1,
                selector=k8s.LabelSelector(match_labels=labels),
                template=k8s.PodTemplateSpec(metadata=k8s.ObjectMeta(labels=labels), spec=pod_spec(SECRETS)),
            ),
        )


class PortalObjects(cdk8s.Chart):
    """The portal's pods behind its load balancer. It needs the AWS Load Balancer Controller, whose kind it is of."""

    def __init__(self, scope: Construct, name: str, *, config: Config) -> None:
        super().__init__(scope, name)
        binding = {
            "apiVersion": "elbv2.k8s.aws/v1beta1",
            "kind": "TargetGroupBinding",
            "metadata": {"name": PORTAL, "namespace": NAMESPACE},
            "spec": {
                "serviceRef": {"name": PORTAL, "port": "http"},
                "targetGroupARN": TARGETS.placeholder(config.name),
                "targetType": "ip",
                "ipAddressType": "ipv6",
            },
        }
        _custom(self, "binding", binding)


def _custom(scope: Construct, name: str, content: Mapping[str, Any]) -> None:
    """An object of a kind that Kubernetes gets from an add-on or a chart."""
    head = {"apiVersion", "kind", "metadata"}
    made = cdk8s.ApiObject(
        scope,
        name,
        api_version=content["apiVersion"],
        kind=content["kind"],
        metadata=cdk8s.ApiObjectMetadata(**content["metadata"]),
    )
    for key, value in content.items():
        if key not in head:
            made.add_json_patch(cdk8s.JsonPatch.add(f"/{key}", value))
