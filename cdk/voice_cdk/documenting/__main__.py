"""Write the parts of docs/aws.md that follow from templates and configuration, and its diagram.

`python -m voice_cdk.documenting [--check]`, in the folder cdk, by the Python of the stacks' environment. With --check
nothing is written: it says what is out of date, and returns 1 if anything is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from voice_cdk.config.loading import judge
from voice_cdk.documenting import alarms, costs, deployed, diagram, flows, numbers, reference, sizes
from voice_cdk.documenting.sizes import Tables
from voice_cdk.documenting.tables import filled
from voice_cdk.judge.picture import picture
from voice_cdk.judge.templates import Assembly, read
from voice_cdk.synthesis import EXAMPLE, FOLDER, synthesise

DOCS = FOLDER.parent / "docs"
OURS = "the example, two clients"


def main(arguments: list[str]) -> int:
    """Write them, or check them; return the exit code."""
    parser = argparse.ArgumentParser(prog="aws-docs", description="The parts of docs/aws.md that a program writes.")
    parser.add_argument("--check", action="store_true", help="write nothing; tell what is out of date")
    check = parser.parse_args(arguments).check
    stale = {path: text for path, text in made().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        if check:
            sys.stderr.write(f"{path.relative_to(FOLDER.parent)} is out of date: run `make aws-docs`\n")
        else:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(stale))


def made() -> dict[Path, str]:
    """Each file, as it should be."""
    example = EXAMPLE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assemblies = _assemblies(tomllib.loads(example), folder)
        parts = {"stacks": deployed.stacks(folder / OURS), "costs": costs.table_of_sizes(assemblies)}
    drawn = picture(assemblies[OURS])
    if wrong := flows.broken(drawn):
        raise SystemExit(f"the example's flows do not work, so they cannot be told: {wrong[0]}")
    parts |= {
        "keys": reference.reference(example),
        "numbers": numbers.subnets(),
        "needed": flows.needed(drawn),
        "possible": flows.possible(drawn),
        "alarms": alarms.alarms(assemblies[OURS]),
    }
    document = DOCS / "aws.md"
    return {
        document: filled(document.read_text(encoding="utf-8"), parts),
        DOCS / "images" / "aws.svg": diagram.draw(drawn),
    }


def _assemblies(example: Tables, folder: Path) -> Mapping[str, Assembly]:
    """The templates of several sizes, each in a folder of its name."""
    tables = {
        "one client": sizes.with_clients(example, tunnels=1, trunks=0),
        OURS: example,
        "ten clients, eight by tunnel": sizes.with_clients(example, tunnels=8, trunks=2),
    }
    return {name: _synthesised(each, folder / name) for name, each in tables.items()}


def _synthesised(tables: Tables, folder: Path) -> Assembly:
    sentence = synthesise(judge(tables), folder)
    if sentence:
        raise SystemExit(sentence)
    return read(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
