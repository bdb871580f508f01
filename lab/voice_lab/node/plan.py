"""What a node is: names and addresses, all made from the lab's number, so that two labs never meet."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

NODE_NAME = "lab"
DOMAIN = "cluster.local"
HOST_NAME = "host.lab.internal"
IDENTITY_NAME = "identity.localhost"
"""The identity provider's: browsers take such a name for this machine's loopback, and pods are told where it is."""
PAUSE_IMAGE = "localhost/pause:1"

LAB = "/run/lab"
"""The lab's folder, as the node sees it."""
FOLDER = f"{LAB}/node"
KEYS = f"{LAB}/pki"
SOCKET = "/run/containerd/containerd.sock"
KUBELET = "/var/lib/kubelet"
CONTAINERD = "/var/lib/containerd"
CNI = "/var/lib/cni"

POLICY_QUEUE = 100
"""Number of the queue in which packets wait until it is known whether NetworkPolicies let them pass."""
LINK_IN_NODE = "eth0"
GATEWAY = "fe80::1"
"""This machine's address on its link to a node."""
NEIGHBOUR = "fe80::2"
"""The node's."""


@dataclass(frozen=True)
class NodePlan:
    """One lab's node.

    Attributes:
        index: the lab's number.
        cni: folder of the CNI plug-ins.
        snapshotter: containerd's way to put an image's layers together.
        programs: folder of the node's own programs, as the node sees it.
        pause: path of the program that holds a pod's namespaces.
        policies: whether NetworkPolicies are enforced.
    """

    index: int
    cni: str = "/usr/lib/cni"
    snapshotter: str = "overlayfs"
    programs: str = "/run/programs"
    pause: str = "/usr/bin/catatonit"
    policies: bool = True

    @property
    def network(self) -> str:
        """Everything of this lab's cluster: pods, Services, node."""
        return network(self.index)

    @property
    def pods(self) -> str:
        """Network of the pods."""
        return f"fd77:c:{self.index:x}::/64"

    @property
    def host_address(self) -> str:
        """This machine, as the pods see it: the API server listens there."""
        return host_address(self.index)

    @property
    def address(self) -> str:
        """The node's own address."""
        return f"fd77:c:{self.index:x}:2::2"

    @property
    def cgroup(self) -> str:
        """Name of the control group, in each hierarchy, under which all pods are."""
        return f"voice-lab-{self.index:x}"

    @property
    def link(self) -> str:
        """This machine's interface towards the node; a name has 15 characters at most."""
        return f"voice{self.index:x}k8s"

    def to_json(self) -> str:
        """Return the plan as the node's process 1 reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> NodePlan:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def network(index: int) -> str:
    """Network of everything in the cluster of the lab with this number."""
    return f"fd77:c:{index:x}::/48"


def services(index: int) -> str:
    """Network of its Services."""
    return f"fd77:c:{index:x}:1::/112"


def api_service(index: int) -> str:
    """Address of its Service `kubernetes`: the first of them."""
    return f"fd77:c:{index:x}:1::1"


def host_address(index: int) -> str:
    """This machine's address in its network."""
    return f"fd77:c:{index:x}:2::1"
