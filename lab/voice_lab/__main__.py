"""The lab's command line: `python -m voice_lab`; `make help` lists what the Makefile calls."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType

from voice_lab import clusters, context, demo, guard, kubeconfig, packages, places, progress, root, stack, suite
from voice_lab.errors import LabError
from voice_lab.node import machine
from voice_lab.services import node, registry

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What tests compare the system with: the analyser of captured calls, and far ends that are not ours; what is in pods.
TEST_PACKAGES = ("tshark", "sip-tester", "busybox-static")
# Where in the checkout pytest, and programs that it starts, write.
TEST_WRITES = (".coverage", ".hypothesis", ".pytest_cache", "lab", "operator", "portal", "sipapp", "tests")


def main() -> None:
    """Run one command; a LabError becomes one clear message and exit code 1."""
    for number in ENDING:
        signal.signal(number, _interrupt)
    parser = _parser()
    arguments, others = parser.parse_known_args()
    arguments.pytest = others
    if others and arguments.run is not _test:
        parser.error(f"unknown: {' '.join(others)}")
    try:
        sys.exit(arguments.run(arguments))
    except LabError as error:
        progress.say(f"ERROR: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        progress.say("interrupted")
        sys.exit(INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="voice_lab", description="Voice Quality Reporting on one machine.")
    commands = parser.add_subparsers(required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    show = add("demo", _demo, "start everything, make calls, show where to look; Ctrl-C ends it")
    show.add_argument("--check", action="store_true", help="verify without a person, print one JSON line, end")
    show.add_argument(
        "--port", type=_port, default=context.PORTAL_PORT, help="the portal's port (default: %(default)s)"
    )
    show.add_argument("--kubeconfig", default="", help="use this cluster instead of the lab's own API server")
    show.add_argument("--context", default="", help="that cluster's context, if it looks like production")
    show.add_argument(
        "--name", type=_name, default="demo", help="labs of different names run side by side (default: %(default)s)"
    )
    cluster = add(
        "cluster", _cluster, "start a cluster with a node and stay; with a kubeconfig, check that one instead"
    )
    cluster.add_argument("--kubeconfig", default="", help="check the cluster of this file's current context")
    cluster.add_argument("--context", default="", help="that context's name, if it looks like production")
    cluster.add_argument("--name", type=_name, default="cluster", help="its lab's name (default: %(default)s)")
    load = add("load", _load, "put images of archives (docker save, OCI) into a cluster of the lab's own")
    load.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    load.add_argument("--name", type=_name, default="cluster", help="its lab's name (default: %(default)s)")
    add("install", _install, "install, fetch or build everything that demo and test need; start nothing")
    tests = add("test", _test, "run the test suite against real services; other arguments are pytest's")
    tests.add_argument("--again-alone", action="store_true", help="run a few that failed once more, one at a time")
    end = add("down", _down, "end whatever labs, tests and benchmarks that were killed left behind")
    end.add_argument("names", nargs="*", help="only of those of these names, in which * stands for anything")
    return parser


def _name(text: str) -> str:
    # It becomes part of the names of folders, links and network namespaces.
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no name for a lab: letters, digits, - and _, at most 32, please")


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a port number (0 to 65535; 0 draws a free one)")


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.kubeconfig:
        kubeconfig.refuse_production(kubeconfig.read(Path(arguments.kubeconfig)), arguments.context)
    _as_root(lambda: stack.install(registry()))
    own = str(Path(arguments.kubeconfig).resolve()) if arguments.kubeconfig else None
    reason = "the cluster is yours" if own else machine.why_not()
    where = f"as processes of this machine: {reason}" if reason else "as pods, in a cluster of the lab's own"
    progress.say(f"operator and portal run {where}")
    with stack.running(arguments.name, portal_port=arguments.port, kubeconfig=own, pods=not reason) as lab:
        try:
            (demo.check if arguments.check else demo.show)(lab)
        except KeyboardInterrupt:
            progress.say("stopping")
            if arguments.check:
                raise
    progress.say("everything is stopped")
    return 0


def _cluster(arguments: argparse.Namespace) -> int:
    if arguments.kubeconfig:
        clusters.look(Path(arguments.kubeconfig).resolve(), arguments.context)
        return 0
    _as_root(lambda: stack.install(clusters.SERVICES))
    if reason := machine.why_not():
        raise LabError(f"this machine cannot run a cluster: {reason}. Or bring one: make cluster KUBECONFIG=FILE")
    with stack.running(arguments.name, pods=True) as lab, suppress(KeyboardInterrupt):
        clusters.show(lab)
    progress.say("everything is stopped")
    return 0


def _load(arguments: argparse.Namespace) -> int:
    _as_root(lambda: None)
    if not (lab := context.load(arguments.name)):
        raise LabError(f"there is no lab called {arguments.name}: `make cluster` starts one")
    for archive in arguments.archives:
        if not archive.is_file():
            raise LabError(f"there is no file {archive}")
        with progress.step("node", f"loading {archive}"):
            node.load(lab, archive)
    return 0


def _install(_: argparse.Namespace) -> int:
    stack.install(registry())
    progress.say("everything is installed")
    return 0


def _test(arguments: argparse.Namespace) -> int:
    _as_root(lambda: stack.install(registry(), extra_packages=TEST_PACKAGES))
    try:
        return suite.run(arguments.pytest, places.CHECKOUT, again_alone=arguments.again_alone)
    finally:
        for name in TEST_WRITES:
            guard.give_back(places.CHECKOUT / name)


def _down(arguments: argparse.Namespace) -> int:
    _as_root(lambda: None)
    packages.tidy()
    names = arguments.names or ["*"]
    chosen = [instance for instance in context.instances() if any(fnmatch(instance, name) for name in names)]
    if not chosen:
        progress.say(
            "there is nothing left of a lab" + (f" called {' or '.join(arguments.names)}" if arguments.names else "")
        )
    return 1 if _look_after(chosen) else 0


def _look_after(instances: Sequence[str]) -> list[str]:
    """End what is left of these, unless they still run; return what could not be ended."""
    faults: list[str] = []
    alone: dict[str, str] = {}
    for instance in instances:
        try:
            with guard.only_one(instance):
                faults += _cleared(instance)
        except LabError as error:
            alone[instance] = str(error)
    if 0 < len(alone) < len(instances):
        # A test run that is ended may take along whoever held a lab that one of its tests started.
        return faults + _look_after(list(alone))
    for instance, why in alone.items():
        progress.say(f"{instance}: left alone: {why}")
    return faults


def _cleared(instance: str) -> list[str]:
    known = context.load(instance)
    faults = stack.clear(instance)
    if known or faults:
        progress.say(f"{instance}: ended")
    return faults


def _as_root(before: Callable[[], None]) -> None:
    root.become(before, "voice_lab", sys.argv[1:])


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # From here on everything is being stopped, and nothing may stop that.
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
