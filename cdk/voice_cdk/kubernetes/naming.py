"""What stacks and objects of the cluster know of each other: service accounts, and outputs of stacks.

Operator and portal ask nothing of AWS, so their service accounts have no identity there. The passwords that they need
are brought into the Secrets that the chart names, by `SECRETS`.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_cdk.config.values.names import CHART_NAMESPACE


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """A service account of Kubernetes, whose pods have a role in AWS."""

    namespace: str
    name: str


NAMESPACE = CHART_NAMESPACE
"""Where the chart is installed, under this name."""
SECRETS = ServiceAccount(namespace=NAMESPACE, name="voice-quality-secrets")
"""Of what brings passwords from Secrets Manager into the cluster."""
BALANCER_CONTROLLER = ServiceAccount(namespace="kube-system", name="aws-load-balancer-controller")
"""Of what puts the portal's pods into its load balancer's target group."""

IMAGES = ("voice-quality-operator", "voice-quality-portal")
"""Our own images, as the chart has them after its registry."""
GRAFANA_HOST = "grafana.voice.internal"
GRAFANA_PORT = 3000
PORTAL_PORT = 8080


@dataclass(frozen=True, kw_only=True)
class Output:
    """An output of a stack: what AWS alone knows, and whoever installs what runs in the cluster needs.

    Attributes:
        stack: its name, without the platform's before it.
        name: its own.
    """

    stack: str
    name: str

    def placeholder(self, platform: str) -> str:
        """What stands for it until it is known (`cdk/fill-manifests`)."""
        return f"${{{platform}-{self.stack}.{self.name}}}"


VPC = Output(stack="Network", name="SharedVpc")
DATABASE_HOST = Output(stack="Data", name="Host")
OWNER_SECRET = Output(stack="Data", name="OwnerSecretArn")
OPERATOR_SECRET = Output(stack="Data", name="OperatorSecretArn")
PORTAL_SECRET = Output(stack="Data", name="PortalSecretArn")
GRAFANA_SECRET = Output(stack="Grafana", name="AdministratorArn")
REGISTRY = Output(stack="Cluster", name="Registry")
TARGETS = Output(stack="Portal", name="Targets")


def balancer_prefix(letter: str) -> Output:
    """From where the load balancer talks to pods in a zone, by the zone's letter."""
    return Output(stack="Portal", name=f"FromEdge{letter.upper()}")
