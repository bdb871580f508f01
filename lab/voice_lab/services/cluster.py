"""A Kubernetes API: etcd and kube-apiserver on the loopback, or the cluster that the user's KUBECONFIG names."""

from __future__ import annotations

import base64
import json
import os
import ssl
from pathlib import Path
from typing import Any

import httpx
import yaml

from voice_lab import commands, files, pki, processes, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.node import link, plan
from voice_lab.tools import kubectl as kubectl_tool
from voice_lab.tools import kubernetes

REQUIRES: tuple[str, ...] = ()
PACKAGES: tuple[str, ...] = ()
TOKEN_SECONDS = 7 * 24 * 3600
LABEL = "lab.voicequality.io/lab"
# What the pods' own accounts ask for is written down: the tests hold it against the chart's roles.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}

WITHOUT_PODS = (
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    "--service-cluster-ip-range=10.0.0.0/24,fd77:a::/112",
    "--authorization-mode=RBAC",
    # No controller makes default service accounts here, and no pod runs that could need one.
    "--disable-admission-plugins=ServiceAccount",
    "--endpoint-reconciler-type=none",
)


def install() -> None:
    """Find, fetch or build etcd, kube-apiserver, kubectl and helm."""
    kubernetes.folder()
    for name in ("kubectl", "helm"):
        kubectl_tool.program(name)


def start(lab: Lab) -> None:
    """Start etcd and the API server; with the user's own cluster there is nothing to start."""
    if lab.kubeconfig:
        return
    folder = _folder(lab)
    folder.mkdir(parents=True, exist_ok=True)
    keys = lab.folder / "pki"
    pki.issue(keys, "kube-apiserver", hosts=_hosts(lab))
    pki.issue(keys, "etcd", hosts=("127.0.0.1", "localhost"))
    pki.issue(keys, "admin", organization="system:masters")
    pki.create_signing_key(keys / "service-accounts.key")
    _write_certificate_kubeconfig(lab, lab.admin_kubeconfig, "admin")
    if lab.pods:
        link.take_address(lab.index)
    (folder / "audit-policy.yaml").write_text(yaml.safe_dump(AUDIT_POLICY))
    processes.start(lab.folder, "etcd", [str(kubernetes.folder() / "etcd"), *_etcd_options(lab)])
    start_api_server(lab)


def start_api_server(lab: Lab) -> None:
    """Start the API server alone, on what etcd holds."""
    program = str(kubernetes.folder() / "kube-apiserver")
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    processes.start(lab.folder, "kube-apiserver", [program, *_apiserver_options(lab)], env=env)


def stop_api_server(lab: Lab) -> None:
    """End the API server alone."""
    processes.stop(lab.folder, "kube-apiserver")


def healthy(lab: Lab) -> bool:
    """Tell whether the API server is ready."""
    if lab.kubeconfig:
        kubectl(lab, "version", "--request-timeout=10s")
        return True
    for name in ("etcd", "kube-apiserver"):
        processes.check(lab.folder, name)
    try:
        return _ask(lab, "/readyz").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def stop(lab: Lab) -> None:
    """End the API server, then etcd."""
    for name in ("kube-apiserver", "etcd"):
        processes.stop(lab.folder, name)
    if not lab.never_had_pods:  # a lab of the same number may have it
        link.give_up_address(lab.index)


def server(lab: Lab) -> str:
    """URL of the lab's own API server; where there are pods, one that they reach too."""
    host = f"[{plan.host_address(lab.index)}]" if lab.pods else "127.0.0.1"
    return f"https://{host}:{lab.ports['apiserver']}"


def environment(lab: Lab) -> dict[str, str]:
    """Our environment for programs that ask the API server: no proxy reaches the address that pods know it by."""
    if not lab.pods:
        return dict(os.environ)
    direct = plan.host_address(lab.index)
    named = {name: os.environ.get(name, "") for name in ("NO_PROXY", "no_proxy")}
    return {**os.environ, **{name: f"{hosts},{direct}" if hosts else direct for name, hosts in named.items()}}


class NotFound(Exception):
    """The API server has no such object."""


def get(lab: Lab, path: str) -> dict[str, Any]:
    """Return an object of the lab's own cluster, asked for as the administrator: quicker than with kubectl.

    Raises:
        NotFound: there is none.
        LabError: the API server does not answer, or with an error.
    """
    try:
        answer = _ask(lab, path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(path)
        found: dict[str, Any] = answer.raise_for_status().json()
    except httpx.HTTPError as error:
        raise LabError(f"the API server does not tell {path}: {error}") from error
    return found


def write_user_kubeconfig(lab: Lab, path: Path, user: str, group: str | None = None) -> None:
    """Write a kubeconfig with a new certificate of a user, whose rights are what Kubernetes' roles give that name."""
    pki.issue(lab.folder / "pki", user, organization=group)
    _write_certificate_kubeconfig(lab, path, user)


def kubectl(lab: Lab, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl as the administrator and return what it printed.

    Raises:
        LabError: kubectl failed; the text holds its own words.
    """
    return commands.run(_with_config(lab, "kubectl", arguments), stdin=stdin, seconds=60, env=environment(lab))


def helm(lab: Lab, *arguments: str) -> str:
    """Run helm as the administrator and return what it printed."""
    return commands.run(_with_config(lab, "helm", arguments), seconds=180, env=environment(lab))


def service_account_kubeconfig(lab: Lab, namespace: str, account: str) -> Path:
    """Write a kubeconfig with a token of a service account, so that a program runs with just its rights."""
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_SECONDS},
    }
    answer = kubectl(
        lab, "create", "--raw", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", "-f", "-",
        stdin=json.dumps(request),
    )  # fmt: skip
    admin = yaml.safe_load(kubectl(lab, "config", "view", "--raw", "--minify", "--flatten", "-o", "yaml"))
    path = _folder(lab) / f"{account}.kubeconfig"
    path.parent.mkdir(parents=True, exist_ok=True)
    token = json.loads(answer)["status"]["token"]
    _write_kubeconfig(path, cluster=admin["clusters"][0]["cluster"], user={"token": token})
    return path


def audited(lab: Lab, account: str) -> list[dict[str, Any]]:
    """Return what a service account of the chart has asked of the lab's own API server, oldest first."""
    user = f"system:serviceaccount:{account}"
    lines = audit_log(lab).read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["user"]["username"] == user]


def audit_log(lab: Lab) -> Path:
    """The file of the lab's own API server that tells what service accounts ask for, one JSON object a line."""
    return _folder(lab) / "audit.log"


def claim_namespace(lab: Lab, name: str) -> None:
    """Make a namespace that the lab may fill and delete.

    Raises:
        LabError: the cluster has one of that name that no lab made, or one that will not go away.
    """
    waiting.until(
        lambda: _namespace(lab, name).get("status", {}).get("phase") != "Terminating",
        what=f"the namespace {name} of an earlier run is deleted",
        seconds=120,
    )
    if _namespace(lab, name) and not is_ours(lab, name):
        raise LabError(
            f"the cluster of {lab.admin_kubeconfig} has a namespace {name} that no lab made: "
            "the lab would overwrite and later delete what is in it. Use another cluster"
        )
    metadata = {"name": name, "labels": {LABEL: "true"}}
    apply(lab, json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))


def release_namespace(lab: Lab, name: str) -> None:
    """Delete a namespace, with all that is in it, if a lab made it."""
    if is_ours(lab, name):
        kubectl(lab, "delete", "namespace", name, "--wait=false")


def refuse_foreign(lab: Lab, kind: str, names: list[str]) -> None:
    """See that the lab would overwrite no object, of a kind that belongs to no namespace, that it did not make.

    Raises:
        LabError: the cluster has one of these names that no lab made.
    """
    found = json.loads(kubectl(lab, "get", kind, "-l", f"{LABEL}!=true", "-o", "json"))["items"]
    if foreign := sorted({body["metadata"]["name"] for body in found} & set(names)):
        raise LabError(
            f"the cluster of {lab.admin_kubeconfig} has a {kind} {foreign[0]} that no lab made: the lab would overwrite"
            " and later delete it. Use another cluster"
        )


def claim(lab: Lab, kind: str, names: list[str]) -> None:
    """Mark objects as the lab's own."""
    kubectl(lab, "label", "--overwrite", kind, *names, f"{LABEL}=true")


def release(lab: Lab, kind: str, names: list[str]) -> None:
    """Delete those of `names`, of a kind that belongs to no namespace, that a lab made."""
    if not kubectl(lab, "get", "crd", f"{kind}s.voicequality.io", "--ignore-not-found", "-o", "name"):
        return
    found = json.loads(kubectl(lab, "get", kind, "-l", f"{LABEL}=true", "-o", "json"))["items"]
    if ours := sorted({body["metadata"]["name"] for body in found} & set(names)):
        kubectl(lab, "delete", kind, *ours)


def outlives(lab: Lab) -> bool:
    """Whether the lab must take out of the cluster what it made there: the lab's own goes with its data, and one whose
    kubeconfig is gone can't be reached.
    """
    return lab.kubeconfig is not None and lab.admin_kubeconfig.exists()


def is_ours(lab: Lab, name: str) -> bool:
    """Tell whether a lab made this namespace."""
    return bool(_namespace(lab, name).get("metadata", {}).get("labels", {}).get(LABEL) == "true")


def _namespace(lab: Lab, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        kubectl(lab, "get", "namespace", name, "--ignore-not-found", "-o", "json") or "{}"
    )
    return found


def apply(lab: Lab, manifest: str) -> None:
    """Apply a manifest, given as JSON or YAML, on the server's side."""
    kubectl(lab, "apply", "--server-side", "--field-manager=voice-lab", "-f", "-", stdin=manifest)


def _write_kubeconfig(path: Path, *, cluster: dict[str, str], user: dict[str, str]) -> None:
    """Write a kubeconfig of one cluster and one user, readable by its owner only."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "lab", "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }
    files.write_private(path, yaml.safe_dump(config))


def _write_certificate_kubeconfig(lab: Lab, path: Path, name: str) -> None:
    keys = lab.folder / "pki"
    authority, certificate, key = (
        _base64((keys / file).read_bytes()) for file in ("ca.pem", f"{name}.pem", f"{name}.key")
    )
    _write_kubeconfig(
        path,
        cluster={"server": server(lab), "certificate-authority-data": authority},
        user={"client-certificate-data": certificate, "client-key-data": key},
    )


def _ask(lab: Lab, path: str) -> httpx.Response:
    """Ask the lab's own API server as the administrator."""
    keys = lab.folder / "pki"
    trust = ssl.create_default_context(cafile=str(keys / "ca.pem"))
    trust.load_cert_chain(keys / "admin.pem", keys / "admin.key")
    return httpx.get(server(lab) + path, verify=trust, timeout=5, trust_env=False)


def _hosts(lab: Lab) -> tuple[str, ...]:
    """Names and addresses under which the API server is asked."""
    service = "kubernetes.default.svc"
    if not lab.pods:
        return "127.0.0.1", "localhost", service, "10.0.0.1"
    names = ("kubernetes", "kubernetes.default", service, f"{service}.{plan.DOMAIN}")
    return plan.host_address(lab.index), plan.api_service(lab.index), *names


def _folder(lab: Lab) -> Path:
    return lab.folder / "cluster"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _with_config(lab: Lab, name: str, arguments: tuple[str, ...]) -> list[str]:
    return [str(kubectl_tool.program(name)), f"--kubeconfig={lab.admin_kubeconfig}", *arguments]


def _etcd_options(lab: Lab) -> list[str]:
    keys = lab.folder / "pki"
    client, peer = (f"https://127.0.0.1:{lab.ports[name]}" for name in ("etcd", "etcd-peer"))
    return [
        f"--data-dir={_folder(lab) / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--cert-file={keys / 'etcd.pem'}",
        f"--key-file={keys / 'etcd.key'}",
        f"--trusted-ca-file={keys / 'ca.pem'}",
        "--client-cert-auth",
        f"--peer-cert-file={keys / 'etcd.pem'}",
        f"--peer-key-file={keys / 'etcd.key'}",
        f"--peer-trusted-ca-file={keys / 'ca.pem'}",
        "--peer-client-cert-auth",
        "--unsafe-no-fsync",  # nothing in a lab outlives it
        "--log-level=warn",
    ]


def _apiserver_options(lab: Lab) -> list[str]:
    keys = lab.folder / "pki"
    return [
        *(_with_pods(lab) if lab.pods else WITHOUT_PODS),
        f"--secure-port={lab.ports['apiserver']}",
        f"--tls-cert-file={keys / 'kube-apiserver.pem'}",
        f"--tls-private-key-file={keys / 'kube-apiserver.key'}",
        f"--client-ca-file={keys / 'ca.pem'}",
        f"--etcd-servers=https://127.0.0.1:{lab.ports['etcd']}",
        f"--etcd-cafile={keys / 'ca.pem'}",
        f"--etcd-certfile={keys / 'etcd.pem'}",
        f"--etcd-keyfile={keys / 'etcd.key'}",
        f"--service-account-key-file={keys / 'service-accounts.key'}",
        f"--service-account-signing-key-file={keys / 'service-accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--audit-policy-file={_folder(lab) / 'audit-policy.yaml'}",
        f"--audit-log-path={audit_log(lab)}",
        "--v=0",
    ]


def _with_pods(lab: Lab) -> list[str]:
    keys, address = lab.folder / "pki", plan.host_address(lab.index)
    return [
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--service-cluster-ip-range={plan.services(lab.index)}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={keys / 'ca.pem'}",
        f"--kubelet-client-certificate={keys / 'admin.pem'}",
        f"--kubelet-client-key={keys / 'admin.key'}",
    ]
