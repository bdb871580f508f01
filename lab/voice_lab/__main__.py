"""The lab's command line: `python -m voice_lab`; `make help` lists what the Makefile calls."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from voice_lab import context, demo, guard, places, progress, stack
from voice_lab.errors import LabError
from voice_lab.services import registry

INSTANCE = "demo"
INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended
TEST_PACKAGES = ("chromium",)
# What a run as root must know of the environment of the user who asked for it.
KEPT = ("PATH", "KUBEBUILDER_ASSETS", "GRAFANA_HOME", "GOPROXY", "GOFLAGS", "XDG_CACHE_HOME")


def main() -> None:
    """Run one command; a LabError becomes one clear message and exit code 1."""
    for number in (signal.SIGINT, signal.SIGTERM):
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
    show.add_argument("--port", type=int, default=context.PORTAL_PORT, help="the portal's port (default: %(default)s)")
    show.add_argument("--kubeconfig", default="", help="use this cluster instead of the lab's own API server")
    add("install", _install, "install, fetch or build everything that demo and test need; start nothing")
    add("test", _test, "run the test suite against real services; other arguments are pytest's")
    add("down", _down, "end whatever a lab that was killed left behind")
    return parser


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.kubeconfig and not Path(arguments.kubeconfig).is_file():
        raise LabError(f"KUBECONFIG names {arguments.kubeconfig}, and there is no such file")
    _as_root(lambda: stack.install(registry()))
    kubeconfig = str(Path(arguments.kubeconfig).resolve()) if arguments.kubeconfig else None
    with guard.only_one(INSTANCE):
        lab = stack.create(INSTANCE, portal_port=arguments.port, kubeconfig=kubeconfig)
        try:
            (demo.check if arguments.check else demo.show)(lab)
        except KeyboardInterrupt:
            progress.say("stopping")
            return INTERRUPTED if arguments.check else 0
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            demo.remove_examples(lab)
            stack.down(lab)
            guard.give_back(lab.folder.parent)
            progress.say("everything is stopped")
    return 0


def _install(_: argparse.Namespace) -> int:
    stack.install(registry(), extra_packages=TEST_PACKAGES)
    progress.say("everything is installed")
    return 0


def _test(arguments: argparse.Namespace) -> int:
    _as_root(lambda: stack.install(registry(), extra_packages=TEST_PACKAGES))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments.pytest], cwd=places.CHECKOUT, check=False
    ).returncode


def _down(_: argparse.Namespace) -> int:
    _as_root(lambda: None)
    for instance in context.instances():
        if lab := context.load(instance):
            with guard.only_one(instance):
                stack.down(lab)
            progress.say(f"{instance}: nothing runs any more")
    return 0


def _as_root(before: Callable[[], None]) -> None:
    """Run `before` as the user who asked, so that what it caches is theirs, then go on as root.

    Namespaces, veth links and nftables need root; with sudo, this very command starts again under it.
    """
    before()
    if os.geteuid() == 0:
        return
    if not shutil.which("sudo"):
        raise LabError("network namespaces need root: install sudo, or run this as root")
    progress.say("going on as root: network namespaces need it (sudo may ask for your password)")
    kept = [f"{name}={os.environ[name]}" for name in KEPT if name in os.environ]
    env = ["env", f"VOICE_LAB_CACHE={places.cache()}", "PYTHONDONTWRITEBYTECODE=1", *kept]
    os.execvp("sudo", ["sudo", *env, sys.executable, "-m", "voice_lab", *sys.argv[1:]])  # noqa: S606


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
