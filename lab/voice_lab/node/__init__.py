"""A node for the lab's cluster: containerd, kubelet, kube-proxy and CoreDNS in namespaces of their own.

| module | does |
|---|---|
| `plan` | what a node is: names and addresses, all from the lab's number |
| `texts` | the configuration files and command lines of its programs; only computes |
| `archive` | an image of one layer, as bytes; only computes |
| `cgroups`, `link` | what of a node is outside of its namespaces: control groups, the link to it |
| `inside` | what the node's process 1 does to the world that it wakes up in |
| `supervisor` | the node's process 1: starts the programs, starts again what ends |
| `machine` | whether this machine can run a node, and what it lacks |

The node sees the lab's folder as `/run/lab`. What its programs write elsewhere (`/run`, `/var/lib`, `/var/log`) is in
memory or in that folder. Ending process 1 ends all processes, mounts and links of the node; the kernel sees to that.
"""
