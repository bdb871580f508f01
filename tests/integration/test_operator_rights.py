"""The chart's roles for the operator, held against what the API server says that it asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.operator_replica import Replica, namespace, ready, roll_out, until
from voice_lab import pods
from voice_lab.context import Lab
from voice_lab.services import cluster, operator

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]
NAMESPACE = "rights"
Body = dict[str, Any]


@dataclass(frozen=True, order=True)
class Permission:
    """One thing that a role allows; empty `namespace` and `name`: in all, of any name."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    def covers(self, event: Body) -> bool:
        asked = event["objectRef"]
        resource = "/".join(part for part in (asked["resource"], asked.get("subresource")) if part)
        is_same = (asked.get("apiGroup", ""), resource, event["verb"]) == (self.group, self.resource, self.verb)
        in_place = not self.namespace or asked.get("namespace") == self.namespace
        return is_same and in_place and (not self.name or asked.get("name") == self.name)


def permissions(lab: Lab) -> Iterator[Permission]:
    """All that the roles bound to the operator's account allow, one by one."""
    account = {"kind": "ServiceAccount", "name": operator.NAME, "namespace": pods.NAMESPACE}
    bindings = json.loads(cluster.kubectl(lab, "get", "clusterrolebindings,rolebindings", "-A", "-o", "json"))["items"]
    for binding in bindings:
        if account not in binding.get("subjects", ()):
            continue
        within = binding["metadata"].get("namespace", "")
        where = ("-n", within) if within else ()
        kind, name = binding["roleRef"]["kind"].lower(), binding["roleRef"]["name"]
        for rule in json.loads(cluster.kubectl(lab, "get", kind, name, *where, "-o", "json"))["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        for one in rule.get("resourceNames", [""]):
                            yield Permission(group, resource, verb, within, one)


def test_every_permission_of_the_chart_is_used_and_none_is_missing(own_cluster: Lab) -> None:
    lab = own_cluster
    namespace(lab, NAMESPACE)
    told = {"name": "pager", "webhook": {"urlSecretRef": {"name": "pager", "key": "url"}}}
    spec = {"displayName": "Rights Ltd", "receivers": [told]}
    client = {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceClient", "spec": spec}
    # What the chart does in each of operator.receiverNamespaces.
    account = f"--serviceaccount={pods.NAMESPACE}:{operator.NAME}"
    role = "--clusterrole=voice-quality-receivers"
    cluster.kubectl(lab, "create", "rolebinding", "voice-receivers", "-n", NAMESPACE, role, account)
    url = "--from-literal=url=https://pager.example/"
    cluster.kubectl(lab, "create", "secret", "generic", "pager", "-n", NAMESPACE, url)
    cluster.apply(lab, json.dumps(client | {"metadata": {"name": "client", "namespace": NAMESPACE}}))
    allotment = {"apiVersion": "voicequality.io/v1alpha1", "kind": "NumberAllotment", "metadata": {"name": NAMESPACE}}
    cluster.apply(lab, json.dumps(allotment | {"spec": {"client": NAMESPACE, "numbers": [NAMESPACE]}}))
    roll_out(lab, NAMESPACE, 2)
    namespace(lab, f"{NAMESPACE}-new")
    roll_out(lab, f"{NAMESPACE}-new", 1)
    # A Secret that somebody emptied is filled again.
    metadata = {"name": f"voice-client-{NAMESPACE}", "namespace": pods.NAMESPACE}
    cluster.apply(lab, json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata}))
    one = Replica(lab, "rights")
    until(lambda: ready(lab, NAMESPACE) == 2 and ready(lab, NAMESPACE, "vc") == 1, 90, "all are ready")
    until(lambda: ready(lab, f"{NAMESPACE}-new") == 1, 90, "the other client's is ready")
    cluster.kubectl(lab, "delete", "vp,vc", "--all", "-n", NAMESPACE)
    one.terminate()

    asked = cluster.audited(lab, f"{pods.NAMESPACE}:{operator.NAME}")
    denied = [f"{event['verb']} {event['requestURI']}" for event in asked if event["responseStatus"]["code"] == 403]
    assert denied == []
    allowed = sorted(permissions(lab))
    about = [event for event in asked if "objectRef" in event]
    unused = [permission for permission in allowed if not any(permission.covers(event) for event in about)]
    assert allowed
    assert unused == []
