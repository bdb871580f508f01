"""`check-templates DIR`: judge a folder of synthesised templates."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from voice_cdk.judge.check import context_of, judge
from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault
from voice_cdk.judge.telling import folded
from voice_cdk.judge.templates import Assembly, TemplatesError, read


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0: nothing found, 1: faults, one line each, or a folder that can't be read."""
    parser = argparse.ArgumentParser(prog="check-templates", description="Tell whether templates would work on AWS.")
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="what `cdk synth` wrote, or a folder of *.template.json"
    )
    parser.add_argument("--all", action="store_true", help="every flow that a fault is about, a line each")
    given = parser.parse_args(arguments)
    try:
        assembly = read(given.folder)
    except TemplatesError as error:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in error.sentences))
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or given.folder}: can't be read ({error.strerror}); give the right to\n")
        return 1
    return _judged(assembly, everything=given.all)


def _judged(assembly: Assembly, *, everything: bool) -> int:
    try:
        faults = judge(assembly)
    except Exception as error:
        sys.stderr.write(f"these templates can't be judged: {type(error).__name__}: {error}\n")
        return 1
    lines = list(map(str, faults)) if everything else list(folded(faults))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    clean = (f"nothing found: {_summary(context_of(one))}\n" for one in assembly.platforms())
    sys.stdout.write(_count(faults, lines) if faults else "".join(clean))
    return 1 if faults else 0


def _count(faults: list[Fault], lines: list[str]) -> str:
    told = f"{len(faults)} fault{'s' * (len(faults) > 1)}"
    return f"{told} in {len(lines)} lines; --all tells each\n" if len(lines) < len(faults) else f"{told}\n"


def _summary(context: Context) -> str:
    model = context.model
    told = f"{len(context.resolver.keys)} resources, {len(model.vpcs)} VPCs, {len(model.clients)} clients"
    note = "" if model.members else "; nothing stands in them yet, so who reaches whom was not judged"
    return f"{told}, {len(model.routes)} routes, {len(model.rules)} rules{note}"
