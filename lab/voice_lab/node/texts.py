"""Configuration files and command lines of a node's programs. Paths are those that the node sees."""

from __future__ import annotations

import json
from typing import Any

import yaml

from voice_lab.node import plan as names
from voice_lab.node.plan import NodePlan


def dns_ready(plan: NodePlan) -> str:
    """Address and port at which CoreDNS tells whether it knows the cluster's names."""
    return f"[{plan.address}]:8181"


def files(plan: NodePlan) -> dict[str, str]:
    """Every file of the node's folder by its name."""
    return {
        "plan.json": plan.to_json(),
        "containerd.toml": containerd(plan),
        "cni/10-lab.conflist": cni(plan),
        "kubelet.yaml": kubelet(plan),
        "proxy.yaml": proxy(plan),
        "Corefile": corefile(plan),
        "resolv.conf": f"nameserver {plan.address}\n",
    }


def programs(plan: NodePlan) -> dict[str, list[str]]:
    """Command line of every program that the node's process 1 keeps running."""
    folder = names.FOLDER
    policies = [
        f"{plan.programs}/kube-network-policies",
        f"--kubeconfig={folder}/policies.kubeconfig",
        f"--hostname-override={names.NODE_NAME}",
        f"--nfqueue-id={names.POLICY_QUEUE}",
    ]
    return {
        **({"kube-network-policies": policies} if plan.policies else {}),
        "containerd": ["containerd", f"--config={folder}/containerd.toml"],
        "coredns": [f"{plan.programs}/coredns", f"-conf={folder}/Corefile"],
        "kubelet": [
            f"{plan.programs}/kubelet",
            f"--config={folder}/kubelet.yaml",
            f"--kubeconfig={folder}/kubelet.kubeconfig",
            f"--hostname-override={names.NODE_NAME}",
            f"--node-ip={plan.address}",
            f"--root-dir={names.KUBELET}",
        ],
        "kube-proxy": [f"{plan.programs}/kube-proxy", f"--config={folder}/proxy.yaml"],
    }


def containerd(plan: NodePlan) -> str:
    """Configuration of containerd 1.6 and newer, which reads this version of it too."""
    runtime = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{names.CONTAINERD}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{names.SOCKET}"

[{runtime}]
  sandbox_image = "{names.PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE an oom_score_adj below one's own is refused.
  restrict_oom_score_adj = true

  [{runtime}.containerd]
    snapshotter = "{plan.snapshotter}"
    [{runtime}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{runtime}.containerd.runtimes.runc.options]
        SystemdCgroup = false

  [{runtime}.cni]
    bin_dir = "{plan.cni}"
    conf_dir = "{names.FOLDER}/cni"
"""


def cni(plan: NodePlan) -> str:
    """Configuration of the pods' network: routed, so that neither a bridge nor address translation is needed."""
    ipam = {
        "type": "host-local",
        "dataDir": f"{names.CNI}/networks",
        "ranges": [[{"subnet": plan.pods}]],
        "routes": [{"dst": "::/0"}],
    }
    plugin = {"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": ipam}
    return json.dumps({"cniVersion": "0.4.0", "name": "lab", "plugins": [plugin]}, indent=2)


def kubelet(plan: NodePlan) -> str:
    """Configuration of the kubelet."""
    return _yaml(
        "kubelet.config.k8s.io/v1beta1",
        "KubeletConfiguration",
        address="::",
        healthzBindAddress="::1",
        containerRuntimeEndpoint=f"unix://{names.SOCKET}",
        cgroupDriver="cgroupfs",
        failCgroupV1=False,
        cgroupRoot=f"/{plan.cgroup}",
        enforceNodeAllocatable=[],
        failSwapOn=False,
        # Without CAP_SYS_RESOURCE nobody may lower it.
        oomScoreAdj=0,
        # `inside` shows it the kernel's settings as it wants them. It would change the machine's.
        protectKernelDefaults=True,
        tlsCertFile=f"{names.KEYS}/kubelet.pem",
        tlsPrivateKeyFile=f"{names.KEYS}/kubelet.key",
        authentication={
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{names.KEYS}/ca.pem"},
        },
        authorization={"mode": "Webhook"},
        clusterDomain=names.DOMAIN,
        clusterDNS=[plan.address],
        resolvConf=f"{names.FOLDER}/resolv.conf",
        volumePluginDir=f"{names.KUBELET}/volumeplugins",
        makeIPTablesUtilChains=False,
        # A full disk evicts nobody, and no image is ever removed: it could not be pulled again.
        evictionHard={"memory.available": "50Mi"},
        imageGCHighThresholdPercent=100,
        imageMaximumGCAge="0s",
        nodeStatusUpdateFrequency="5s",
    )


def proxy(plan: NodePlan) -> str:
    """Configuration of kube-proxy."""
    return _yaml(
        "kubeproxy.config.k8s.io/v1alpha1",
        "KubeProxyConfiguration",
        mode="nftables",
        bindAddress="::",
        healthzBindAddress="[::1]:10256",
        metricsBindAddress="[::1]:10249",
        clientConnection={"kubeconfig": f"{names.FOLDER}/proxy.kubeconfig"},
        clusterCIDR=plan.pods,
        hostnameOverride=names.NODE_NAME,
        nodePortAddresses=[f"{plan.address}/128"],
        # The machine's limits of connection tracking are not ours to set.
        conntrack={"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        oomScoreAdj=0,
    )


def corefile(plan: NodePlan) -> str:
    """Configuration of CoreDNS: the cluster's names, this machine's, and no others."""
    return f"""\
{names.DOMAIN} ip6.arpa {{
  bind {plan.address}
  errors
  ready {dns_ready(plan)}
  kubernetes {names.DOMAIN} ip6.arpa {{
    kubeconfig {names.FOLDER}/coredns.kubeconfig lab
    pods insecure
    ttl 5
  }}
  cache 5
}}
{names.HOST_NAME} {names.IDENTITY_NAME} {{
  bind {plan.address}
  errors
  hosts {{
    {plan.host_address} {names.HOST_NAME} {names.IDENTITY_NAME}
  }}
}}
. {{
  bind {plan.address}
  errors
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
"""


def policy_rules(plan: NodePlan) -> list[str]:
    """Arguments of ip6tables, one command each: what a pod sends or gets waits in a queue to be judged.

    Only how a connection begins is judged, and nothing that the node's own programs send: a kubelet may always probe.
    They are the rules that the judge would make itself on kernels whose nftables have queues, and one for what pods
    send to the node itself, where CoreDNS is.
    """
    judged = "VOICE-POLICIES"
    queued = (
        f"-N {judged}",
        f"-A {judged} -p ipv6-icmp -j RETURN",
        f"-A {judged} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN",
        f"-A {judged} -j NFQUEUE --queue-num {names.POLICY_QUEUE}",
        "-A POSTROUTING -m owner --uid-owner 0 -j RETURN",
        f"-A POSTROUTING -s {plan.pods} -j {judged}",
        f"-A POSTROUTING -d {plan.pods} -j {judged}",
        f"-A INPUT -s {plan.pods} -j {judged}",
    )
    return [f"-t mangle {rule}" for rule in queued]


def rights() -> str:
    """What the node's programs may read that have no role of Kubernetes' own, as a manifest."""
    slices = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]}
    policies = {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"]}
    roles = {
        "system:coredns": [{"apiGroups": [""], "resources": ["services", "pods", "namespaces"]}, slices],
        "system:kube-network-policies": [{"apiGroups": [""], "resources": ["pods", "namespaces"]}, policies],
    }
    return yaml.safe_dump_all([each for name, rules in roles.items() for each in _role(name, rules)])


def _role(name: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the user `name` list and watch."""
    group = "rbac.authorization.k8s.io"
    head = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    return [
        {"kind": "ClusterRole", **head, "rules": [{**rule, "verbs": ["list", "watch"]} for rule in rules]},
        {
            "kind": "ClusterRoleBinding",
            **head,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": name}],
        },
    ]


def _yaml(version: str, kind: str, **settings: Any) -> str:  # noqa: ANN401 - whatever the program's configuration has
    return yaml.safe_dump({"apiVersion": version, "kind": kind, **settings}, sort_keys=False)
