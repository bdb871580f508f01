"""The command line: `python -m voice_lab.images`; `make help` lists what the Makefile calls."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from voice_lab import guard, progress, root
from voice_lab.errors import LabError
from voice_lab.images import bom, builders, contents, licences, making, names


def main() -> None:
    """Run one command; a LabError becomes one clear message and exit code 1."""
    parser = argparse.ArgumentParser(prog="voice_lab.images", description="The images of operator and portal.")
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="build both; print names, sizes and digests")
    build.add_argument("--pull", action="store_true", help="look for a newer base image first")
    build.set_defaults(run=_build)
    push = commands.add_parser("push", help="build both, and put them into a registry")
    push.add_argument("registry", help="its name, with a path if it has any: registry.example.net/voice")
    push.set_defaults(run=_push)
    bill = commands.add_parser("sbom", help="write what is in each image, as CycloneDX")
    bill.add_argument("folder", type=Path, help="where to")
    bill.set_defaults(run=_bill)
    report = commands.add_parser("licences", help="list the licences of what is handed on; fail if any forbids it")
    report.set_defaults(run=_licences)
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except LabError as error:
        progress.say(f"ERROR: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        progress.say("interrupted")
        sys.exit(130)
    finally:
        making.give_back()


def _build(arguments: argparse.Namespace) -> None:
    _allowed()
    for name in names.TARGETS:
        built = making.build(name, pull=arguments.pull)
        _say(f"{built.name}  {built.megabytes} MB  {built.identity}\n    {built.archive}")


def _push(arguments: argparse.Namespace) -> None:
    if not arguments.registry:
        raise LabError("no registry is named: make image push REGISTRY=registry.example.net/voice")
    _allowed()
    for name in names.TARGETS:
        _say(making.push(name, arguments.registry))


def _bill(arguments: argparse.Namespace) -> None:
    _allowed()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in names.TARGETS:
        built = making.build(name)
        parts = bom.parts(built.archive)
        _refuse(licences.faults(parts))
        file = arguments.folder / f"{name}.cdx.json"
        file.write_text(bom.document(built.name, contents.read(built.archive), parts))
        guard.give_back(arguments.folder)
        _say(f"{file}  {len(parts)} parts")


def _licences(_: argparse.Namespace) -> None:
    parts = licences.installed()
    _say(licences.table(parts).rstrip())
    _refuse(licences.faults(parts))


def _refuse(faults: list[str]) -> None:
    if faults:
        raise LabError("\n".join(faults))


def _allowed() -> None:
    """Go on as root where neither docker nor podman works."""
    if not builders.running():
        root.become(lambda: None, "voice_lab.images", sys.argv[1:])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
