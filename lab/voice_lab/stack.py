"""Starting and stopping services in their order, several at a time where nothing forbids it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from graphlib import TopologicalSorter

from voice_lab import context, guard, packages, pki, places, processes, progress, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.node import plan
from voice_lab.services import Service, everyday, registry
from voice_lab.tools import go
from voice_portal.grafana import tokens

HEALTHY_SECONDS = 120


def install(names: Iterable[str], *, extra_packages: Iterable[str] = ()) -> None:
    """Put on the machine, or into the cache, what the services need; quick when it is there.

    Raises:
        LabError: something is missing that cannot be had.
    """
    services = registry()
    chosen = needed(names)
    with guard.one_after_another("install"):
        packages.install({package for name in chosen for package in services[name].PACKAGES} | set(extra_packages))
        # Builds have long stretches that keep one core busy: side by side they take less time than one after the other.
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: services[name].install(), chosen))
        go.forget()


def create(
    instance: str, *, portal_port: int = context.PORTAL_PORT, kubeconfig: str | None = None, pods: bool = False
) -> Lab:
    """Draw up a lab with its keys, after ending what an earlier one of that name left behind."""
    if (earlier := context.load(instance)) is not None:
        down(earlier)
    lab = context.create(instance, portal_port=portal_port, kubeconfig=kubeconfig, pods=pods)
    keys = lab.folder / "pki"
    pki.create_authority(keys)
    pki.issue(keys, "database", hosts=("127.0.0.1", "localhost", plan.HOST_NAME, lab.database_address))
    pki.create_signing_key(keys / "portal.key")
    (keys / "portal-jwks.json").write_text(json.dumps(tokens.key_set(tokens.load_key(keys / "portal.key"))))
    return lab


def up(lab: Lab, names: Iterable[str] | None = None) -> None:
    """Start the named services (default: those of every day) and what they require, and wait until each is healthy.

    A service that was started before, in this lab, is left alone.

    Raises:
        LabError: a service did not start.
    """
    services = registry()
    wanted = needed(names or everyday())
    order = TopologicalSorter({name: _before(services[name]) & set(wanted) for name in wanted})
    order.prepare()
    aborted = threading.Event()
    with ThreadPoolExecutor() as pool:
        running: dict[Future[None], str] = {}
        try:
            while order.is_active():
                for name in order.get_ready():
                    running[pool.submit(_bring_up, lab, name, services[name], aborted)] = name
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    order.done(running.pop(future))
        finally:
            aborted.set()


def started(lab: Lab) -> list[str]:
    """Names of the services that are up."""
    return sorted(path.name for path in (lab.folder / "started").glob("*"))


def down(lab: Lab) -> list[str]:
    """Stop every service, last first, and all that others started here; what will not stop does not keep the rest.

    Returns what could not be stopped, and why. If that is nothing, the lab is forgotten.
    """
    faults = []
    steps = [(name, partial(service.stop, lab)) for name, service in reversed(registry().items())]
    # What benchmarks and tests started beside the services runs in the network, which is the first of them.
    steps.insert(-1, ("programs", partial(processes.stop_all, lab.folder)))
    for name, stop in steps:
        (lab.folder / "started" / name).unlink(missing_ok=True)
        try:
            stop()
        except Exception as error:
            faults.append(f"{name}: {error}")
            progress.say(f"could not stop {faults[-1]}")
    if not faults:
        context.forget(lab)
    return faults


def clear(instance: str) -> list[str]:
    """End what a run of that name, which was killed, left behind; its lock must be held.

    Returns what could not be stopped, and why.
    """
    if lab := context.load(instance):
        return down(lab)
    try:
        processes.stop_all(places.state(instance))
    except LabError as error:
        return [str(error)]
    return []


@contextmanager
def running(instance: str, *, portal_port: int = 0, kubeconfig: str | None = None, pods: bool = False) -> Iterator[Lab]:
    """Draw up a lab that nobody else of that name may touch, and stop whatever runs of it in the end.

    Raises:
        LabError: one of that name runs already, or not everything could be stopped.
    """
    with guard.only_one(instance), processes.marking(places.state(instance)):
        lab = create(instance, portal_port=portal_port, kubeconfig=kubeconfig, pods=pods)
        try:
            yield lab
        finally:
            faults = down(lab)
            guard.give_back(lab.folder)
    if faults:
        raise LabError("not everything could be stopped; `make down` tries again")


def _before(service: Service) -> set[str]:
    """What must be healthy before it starts: what it requires, and what it waits for where that is started too."""
    return {*service.REQUIRES, *getattr(service, "AFTER", ())}


def needed(names: Iterable[str]) -> list[str]:
    """Return the named services and all that they require, each after what it requires."""
    services = registry()
    chosen: set[str] = set()

    def choose(name: str) -> None:
        if name not in chosen:
            chosen.add(name)
            for required in services[name].REQUIRES:
                choose(required)

    for name in names:
        choose(name)
    return [name for name in services if name in chosen]


def _bring_up(lab: Lab, name: str, service: Service, aborted: threading.Event) -> None:
    def healthy() -> bool:
        if aborted.is_set():
            raise LabError(f"{name}: given up, as another service failed")
        return service.healthy(lab)

    marker = lab.folder / "started" / name
    if marker.exists() or aborted.is_set():
        return
    with progress.step(name, "starting"):
        try:
            service.start(lab)
            hint = f"Its log is in {lab.folder / 'logs'}"
            waiting.until(healthy, what=f"{name} is ready", seconds=HEALTHY_SECONDS, hint=hint)
        except BaseException:
            service.stop(lab)  # a second try must not find half of the first
            raise
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
