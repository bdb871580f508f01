"""Values of the charts that the platform needs: what its configuration and its stacks know, and nothing else.

The charts are installed by `helm upgrade --install`, not by a stack: CloudFormation would do it by functions of AWS
CDK's in VPC-A, which reach AWS by IPv4 only, leave a release half made when they time out, and cannot be tried here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voice_cdk.config import plan
from voice_cdk.config.model import Config
from voice_cdk.kubernetes.naming import (
    BALANCER_CONTROLLER,
    DATABASE_HOST,
    GRAFANA_HOST,
    GRAFANA_PORT,
    PORTAL_PORT,
    REGISTRY,
    VPC,
    balancer_prefix,
)


def own(config: Config) -> Mapping[str, Any]:
    """Values of charts/voice-quality; the image's tag is given by who installs it."""
    prefixes = [balancer_prefix(plan.letter(zone)).placeholder(config.name) for zone in config.zones]
    return {
        "image": {"registry": REGISTRY.placeholder(config.name)},
        "mysql": {"host": DATABASE_HOST.placeholder(config.name)},
        "grafana": {
            "url": f"https://{GRAFANA_HOST}:{GRAFANA_PORT}/grafana",
            "caConfigMap": "voice-grafana-ca",
        },
        "portal": {
            "replicas": len(config.zones),
            "url": f"https://{config.portal.domain}",
            "port": PORTAL_PORT,
            "trustedProxies": prefixes,
        },
    }


def balancer_controller(config: Config) -> Mapping[str, Any]:
    """Values of the chart aws-load-balancer-controller of AWS: for TargetGroupBindings, and for nothing else.

    EKS has no add-on of it. Region and VPC are said, as pods get no metadata of their node.
    """
    return {
        "clusterName": config.name,
        "region": config.region,
        "vpcId": VPC.placeholder(config.name),
        "serviceAccount": {"create": True, "name": BALANCER_CONTROLLER.name},
        "createIngressClassResource": False,
        "enableServiceMutatorWebhook": False,
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
    }
