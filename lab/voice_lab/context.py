"""One lab: its name, where it keeps things, the ports and passwords it drew, and what its services tell each other."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

from voice_lab import files, guard, places
from voice_lab import ports as free_ports
from voice_lab.errors import LabError
from voice_lab.node import plan

PORTS = (
    "etcd",
    "etcd-peer",
    "apiserver",
    "mysql",
    "grafana",
    "mail",
    "portal-app",
    "portal-metrics",
    "operator-liveness",
    "identity",
)
PASSWORDS = (
    "mysql-admin", "mysql-owner", "mysql-operator", "mysql-portal", "mysql-sip", "grafana-admin", "portal-key", "demo",
    "trunk", "agents", "directory-reader", "oidc-corp", "oidc-partner",
)  # fmt: skip
# nginx's public port; others are free ones, drawn at each start.
PORTAL_PORT = 8080
RECORD = "lab.json"
LARGEST = 4094


@dataclass(frozen=True)
class Lab:
    """A lab instance.

    Attributes:
        instance: its name; two labs with different names do not touch each other.
        ports: TCP ports on the loopback address, by service.
        passwords: generated ones, by account.
        kubeconfig: of a cluster that the user brought; None means the lab's own API server.
        pods: whether the lab's own cluster has a node, so that pods run.
        number: what was drawn for `index`; 0 means the one that follows from its name.
    """

    instance: str
    ports: dict[str, int]
    passwords: dict[str, str]
    kubeconfig: str | None = None
    folder: Path = field(default=Path(), compare=False)
    pods: bool = False
    number: int = 0

    @property
    def index(self) -> int:
        """A number from 1 to 4094 that tells labs apart where a name does not fit."""
        return self.number or zlib.crc32(self.instance.encode()) % LARGEST + 1

    @property
    def never_had_pods(self) -> bool:
        """Whether there is surely nothing of a node; of a lab that another version drew up nobody knows."""
        return bool(self.ports) and not self.pods

    @property
    def admin_kubeconfig(self) -> Path:
        """The kubeconfig of an administrator of the cluster in use."""
        return Path(self.kubeconfig) if self.kubeconfig else self.folder / "cluster" / "admin.kubeconfig"

    @property
    def portal_url(self) -> str:
        """The portal's public address."""
        return f"http://127.0.0.1:{self.ports['portal']}"

    @property
    def grafana_url(self) -> str:
        """Grafana's own address, with its sub-path."""
        return f"http://127.0.0.1:{self.ports['grafana']}/grafana"

    @property
    def identity_url(self) -> str:
        """The identity provider's address, where that is started: one for browsers and the portal alike."""
        host = plan.IDENTITY_NAME if self.pods else "127.0.0.1"
        return f"https://{host}:{self.ports['identity']}"

    @property
    def database_address(self) -> str:
        """The database's IPv6 address, as the SIP host sees it."""
        return f"fd77:db:{self.index:x}::1"

    @property
    def sip_host_address(self) -> str:
        """The SIP host's address on its link to the database."""
        return f"fd77:db:{self.index:x}::2"

    @property
    def second_sip_host_link(self) -> tuple[str, str]:
        """This machine's address on its link to the second SIP host, and that host's."""
        return f"fd77:db:{self.index:x}:2::1", f"fd77:db:{self.index:x}:2::2"


def create(instance: str, *, portal_port: int = PORTAL_PORT, kubeconfig: str | None = None, pods: bool = False) -> Lab:
    """Draw up a new lab: an empty folder, free ports, fresh passwords. A `portal_port` of 0 draws a free one too.

    Raises:
        LabError: the portal's port is taken.
    """
    _require_free(portal_port)
    drawn = free_ports.draw(len(PORTS) + 1)
    ports = dict(zip((*PORTS, "portal"), (*drawn[:-1], portal_port or drawn[-1]), strict=True))
    passwords = {name: secrets.token_urlsafe(48 if name == "portal-key" else 18) for name in PASSWORDS}
    folder = places.state(instance)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with guard.one_after_another("numbering of labs"):
        lab = Lab(instance, ports, passwords, kubeconfig, folder, pods, _number(instance))
        values = {name: value for name, value in asdict(lab).items() if name != "folder"}
        files.write_private(folder / RECORD, json.dumps(values))
    return lab


def _number(instance: str) -> int:
    """The number that follows from the name, or the next one that no other lab has: two names may lead to one."""
    others = (load(path.parent.name) for path in (places.cache() / "run").glob(f"*/{RECORD}"))
    taken = {lab.index for lab in others if lab and lab.instance != instance}
    number = Lab(instance, {}, {}).index
    while number in taken:
        number = number % LARGEST + 1
    return number


def load(instance: str) -> Lab | None:
    """Return the lab of this name that was drawn up and not yet stopped for good; None if there is none."""
    folder = places.state(instance)
    path = folder / RECORD
    if not path.exists():
        return None
    try:
        return Lab(**json.loads(path.read_text()), folder=folder)
    except (TypeError, ValueError):
        # Written by another version. What runs can still be stopped: that takes the name and the folder only.
        return Lab(instance, {}, {}, None, folder)


def forget(lab: Lab) -> None:
    """Forget a lab of which nothing runs any more; its logs stay until the next of its name."""
    (lab.folder / RECORD).unlink(missing_ok=True)
    if lab.folder.exists():
        files.clear_away((path for path in lab.folder.iterdir() if path.name != "logs"), lab.folder.parent)


def instances() -> list[str]:
    """Names of all labs that left a folder, and of all runs that ever held a lock: a test run need not have a lab."""
    runs = places.cache() / "run"
    return sorted({path.parent.name for path in runs.glob(f"*/{RECORD}")} | {path.stem for path in runs.glob("*.lock")})


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LabError(
                f"port {port}, which the portal wants, is taken ({os.strerror(error.errno or 0)}): "
                f"end what uses it, or choose another with PORT=<number>"
            ) from error
