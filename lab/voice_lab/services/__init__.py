"""The lab's services, one module each, all with the same few verbs; see `Service`."""

from __future__ import annotations

from types import ModuleType
from typing import Protocol, cast

from voice_lab.context import Lab


class Service(Protocol):
    """What every service module offers.

    Attributes:
        REQUIRES: names of the services that must be healthy before this one starts.
        PACKAGES: system packages that it needs.
    """

    REQUIRES: tuple[str, ...]
    PACKAGES: tuple[str, ...]

    def install(self) -> None:
        """Fetch or build what no system package holds, once, into the cache."""

    def start(self, lab: Lab) -> None:
        """Start it; return without waiting for it to be ready."""

    def healthy(self, lab: Lab) -> bool:
        """Tell whether it does its work. Raises LabError if it ended by itself."""

    def stop(self, lab: Lab) -> None:
        """End it and leave nothing behind; quiet if it does not run."""


ON_REQUEST = ("directory", "identity")
"""Services that nobody needs who signs in without a provider: they start when they are named."""


def everyday() -> list[str]:
    """Names of the services that start unless others are named."""
    return [name for name in registry() if name not in ON_REQUEST]


def registry() -> dict[str, Service]:
    """Every service by name, in an order in which each stands after what it requires."""
    from voice_lab.services import (  # noqa: PLC0415 - the modules know the names in this one
        chart,
        cluster,
        database,
        directory,
        doors,
        examples,
        grafana,
        identity,
        images,
        network,
        node,
        operator,
        path,
        portal,
        schema,
        sip_edge,
        sip_host,
    )

    modules: tuple[ModuleType, ...] = (
        network, database, schema, cluster, directory, identity, doors, node, images, grafana, path, sip_edge, sip_host,
        chart, operator, portal, examples,
    )  # fmt: skip
    return {module.__name__.rpartition(".")[2]: cast("Service", module) for module in modules}
