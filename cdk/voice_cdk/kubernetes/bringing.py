"""How passwords come from Secrets Manager into Secrets: by the Secrets Store CSI driver and AWS's provider for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cdk8s_plus_35 import k8s

from voice_cdk.config.model import Config
from voice_cdk.kubernetes.naming import Output, ServiceAccount

PAUSE = "registry.k8s.io/pause:3.10"
"""Does nothing: the pod is there for what it mounts."""
ANYBODY = 65535
"""User and group that own nothing."""


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A key of the Secret `into`, and where it is from: by an output with an ARN of Secrets Manager's, and a key."""

    into: str
    key: str
    source: Output
    path: str

    @property
    def file(self) -> str:
        """The name under which it is mounted; the provider wants those with hyphens quoted twice."""
        return f"{self.into}-{self.key}".replace("-", "_")


def class_of(config: Config, account: ServiceAccount, brought: Sequence[Brought]) -> Mapping[str, Any]:
    """The SecretProviderClass of what is brought, for pods of `account`."""
    by_secret = groupby(brought, key=lambda each: each.into)
    return {
        "apiVersion": "secrets-store.csi.x-k8s.io/v1",
        "kind": "SecretProviderClass",
        "metadata": {"name": account.name, "namespace": account.namespace},
        "spec": {
            "provider": "aws",
            "parameters": {
                "region": config.region,
                "usePodIdentity": "true",
                "preferredAddressType": "ipv6",
                "objects": json.dumps([_object(config, each) for each in _by_output(brought)], indent=1),
            },
            "secretObjects": [
                {
                    "secretName": secret,
                    "type": "Opaque",
                    "data": [{"objectName": each.file, "key": each.key} for each in keys],
                }
                for secret, keys in by_secret
            ],
        },
    }


def pod_spec(account: ServiceAccount) -> k8s.PodSpec:
    """A pod that mounts what the SecretProviderClass of its account's name says, and does nothing."""
    return k8s.PodSpec(
        service_account_name=account.name,
        automount_service_account_token=False,
        security_context=k8s.PodSecurityContext(
            run_as_non_root=True,
            run_as_user=ANYBODY,
            run_as_group=ANYBODY,
            seccomp_profile=k8s.SeccompProfile(type="RuntimeDefault"),
        ),
        containers=[
            k8s.Container(
                name="mounts",
                image=PAUSE,
                resources=k8s.ResourceRequirements(
                    requests={"cpu": k8s.Quantity.from_string("1m"), "memory": k8s.Quantity.from_string("8Mi")},
                    limits={"memory": k8s.Quantity.from_string("16Mi")},
                ),
                security_context=k8s.SecurityContext(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=k8s.Capabilities(drop=["ALL"]),
                ),
                volume_mounts=[k8s.VolumeMount(name="secrets", mount_path="/secrets", read_only=True)],
            )
        ],
        volumes=[
            k8s.Volume(
                name="secrets",
                csi=k8s.CsiVolumeSource(
                    driver="secrets-store.csi.k8s.io",
                    read_only=True,
                    volume_attributes={"secretProviderClass": account.name},
                ),
            )
        ],
    )


def _by_output(brought: Sequence[Brought]) -> list[list[Brought]]:
    """What is of one secret of Secrets Manager, together: it may be named once."""
    return [list(keys) for _, keys in groupby(brought, key=lambda each: each.source)]


def _object(config: Config, keys: Sequence[Brought]) -> Mapping[str, Any]:
    name = keys[0].source.placeholder(config.name)
    paths = [{"path": each.path, "objectAlias": each.file} for each in keys]
    return {"objectName": name, "objectAlias": f"{keys[0].file}_whole", "jmesPath": paths}
